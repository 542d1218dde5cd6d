/** The mounts of `hutch in` that do not depend on the rest of the spec. */
import { expect, test } from "bun:test";
import { command } from "../../src/cli/in.ts";
import { readOptions } from "../../src/cli/option.ts";
import { inMounts } from "../../src/options/in-mounts.ts";
import { HOST } from "../plan/fixture.ts";

const around = {
  host: HOST,
  here: "/home/me",
  where: "/",
  layer: undefined,
  submounts: [],
  resolver: undefined,
  seccomp: { profile: undefined, filter: undefined },
};
const given = readOptions(command, ["/", "sh"]);
const mounts = (owned: boolean, host = HOST, leaves = owned) =>
  inMounts(given, { ...around, host }, { owns: () => owned, leaves: () => leaves, limited: false });

test("every mount of the host's files and of the kernel's is without setuid programs", () => {
  for (const owned of [true, false]) {
    for (const { destination, options } of mounts(owned)) {
      expect({ destination, nosuid: options?.includes("nosuid") }).toEqual({ destination, nosuid: true });
    }
  }
});

test("the tty group is asked for only where it is mapped", () => {
  const options = (owned: boolean) => mounts(owned).find(({ type }) => type === "devpts")?.options;
  expect(options(true)).not.toContain("gid=5");
  expect(options(false)).toContain("gid=5");
});

test("message queues that the host does not show are not bound", () => {
  const bare = { ...HOST, kind: () => undefined };
  expect(mounts(false).map(({ destination }) => destination)).toContain("/dev/mqueue");
  expect(mounts(false, bare).map(({ destination }) => destination)).not.toContain("/dev/mqueue");
});

test("in a joined namespace the host's processes and message queues are not shown", () => {
  const types = mounts(false, HOST, true).map(({ type, destination }) => `${type} ${destination}`);
  expect(types).toContain("proc /proc");
  expect(types).toContain("mqueue /dev/mqueue");
});
