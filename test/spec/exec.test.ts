/** The process of an exec: the container's own, with the changes of the command line. */
import { expect, test } from "bun:test";
import { changeProcess, type ExecWishes, mergeEnv } from "../../src/spec/exec.ts";
import type { Process } from "../../src/spec/process.ts";

const OWN: Process = {
  cwd: "/srv",
  args: ["init"],
  env: ["PATH=/bin", "A=1"],
  terminal: true,
  consoleSize: { width: 1, height: 2 },
  user: { uid: 5, gid: 6, umask: 0o77, additionalGids: [7] },
  capabilities: { bounding: ["CAP_KILL"], permitted: ["CAP_KILL"], effective: [] },
  apparmorProfile: "own",
};

const NOTHING: ExecWishes = {
  args: ["sh"],
  terminal: false,
  cwd: undefined,
  env: [],
  user: undefined,
  groups: [],
  capabilities: [],
  apparmorProfile: undefined,
  selinuxLabel: undefined,
  noNewPrivileges: false,
};

test("what is not named stays as the container has it, but for the command and the terminal", () => {
  const { consoleSize: _, ...rest } = OWN;
  expect(changeProcess(OWN, NOTHING)).toEqual({ ...rest, args: ["sh"], terminal: false });
});

test("of a variable that is given twice the later value counts", () => {
  expect(mergeEnv(["A=1", "B=2", "A=3=4"])).toEqual(["A=3=4", "B=2"]);
  expect(changeProcess(OWN, { ...NOTHING, env: ["A=2", "C="] }).env).toEqual(["PATH=/bin", "A=2", "C="]);
});

test("a user without a group keeps the container's group, groups are added", () => {
  const changed = changeProcess(OWN, { ...NOTHING, user: { uid: 0, gid: undefined }, groups: [8] });
  expect(changed.user).toEqual({ uid: 0, gid: 6, umask: 0o77, additionalGids: [7, 8] });
});

test("capabilities are added; a user that is not root has them ambient, or would lose them by the exec", () => {
  const wish = { ...NOTHING, capabilities: ["CAP_KILL", "CAP_CHOWN"] };
  const root = changeProcess(OWN, { ...wish, user: { uid: 0, gid: 0 } }).capabilities;
  const both = ["CAP_KILL", "CAP_CHOWN"];
  expect(root).toEqual({ bounding: both, permitted: both, effective: both });
  expect(changeProcess(OWN, wish).capabilities).toEqual({ ...root, inheritable: both, ambient: both });
});

test("the rest replaces what the container has", () => {
  const wish = {
    ...NOTHING,
    cwd: "/",
    apparmorProfile: "a",
    selinuxLabel: "b",
    noNewPrivileges: true,
    terminal: true,
  };
  const changed = changeProcess(OWN, wish);
  const { cwd, apparmorProfile, selinuxLabel, noNewPrivileges, terminal } = changed;
  expect([cwd, apparmorProfile, selinuxLabel, noNewPrivileges, terminal]).toEqual([
    "/",
    "a",
    "b",
    true,
    true,
  ]);
});
