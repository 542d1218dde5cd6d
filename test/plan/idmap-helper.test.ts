/** Maps of an ordinary user that the kernel does not take from him: by newuidmap and newgidmap. */
import { describe, expect, test } from "bun:test";
import type { Host } from "../../src/plan/context.ts";
import type { Spec } from "../../src/spec/spec.ts";
import { calls, lines, plan, position, rootless, USER } from "./fixture.ts";

const HELPERS = ["/usr/bin/newuidmap", "/usr/bin/newgidmap"];
const withHelpers: Host = {
  ...USER,
  kind: (path) => (HELPERS.includes(path) ? "file" : USER.kind(path)),
};
const MAPS = [
  { containerID: 0, hostID: 1000, size: 1 },
  { containerID: 1, hostID: 100_000, size: 65_536 },
];
const OWN = [{ containerID: 0, hostID: 1000, size: 1 }];

const mapped = (uidMappings = MAPS, gidMappings = MAPS): Spec => {
  const base = rootless();
  return { ...base, linux: { ...base.linux, uidMappings, gidMappings } };
};

describe("an ordinary user's maps of more than the own id", () => {
  const steps = plan(mapped(), {}, withHelpers);

  test("are written by the two programs, with the pid as text and every range", () => {
    const helpers = lines(steps).filter((line) => line.includes("map"));
    expect(helpers).toMatchSnapshot();
    expect(lines(steps).filter((line) => line.includes('uid_map"'))).toEqual([]);
  });

  test("are there before the child goes on", () => {
    const written = position(steps, 'execve("/usr/bin/newgidmap"');
    expect(written).toBeGreaterThan(position(steps, 'execve("/usr/bin/newuidmap"'));
    expect(position(steps, "write(<sync write>")).toBeGreaterThan(written);
  });

  test("are written while the child's /proc is the user's", () => {
    const closed = position(steps, "PR_SET_DUMPABLE, 0");
    expect(closed).toBeGreaterThan(position(steps, 'execve("/usr/bin/newgidmap"'));
  });

  test("leave the descriptors of hutch to hutch, and give the programs no blocked signals", () => {
    const start = position(steps, 'execve("/usr/bin/newuidmap"');
    expect(lines(calls(steps.slice(0, start)).slice(-2))).toEqual([
      expect.stringContaining("SIG_SETMASK"),
      expect.stringMatching(/^close_range\(3, .*CLOSE_RANGE_CLOEXEC/),
    ]);
  });

  test("let additional groups go, unless the own group is the only one, and setgroups denied", () => {
    expect(lines(steps).some((line) => line.startsWith("setgroups("))).toBe(true);
    const oneGroup = plan(mapped(MAPS, OWN), {}, withHelpers);
    expect(lines(oneGroup).some((line) => line.startsWith("setgroups("))).toBe(false);
  });
});

test("one id of one's own takes no program, and root writes the maps itself", () => {
  const own = lines(plan(mapped(OWN, OWN), {}, USER));
  expect(own.filter((line) => line.includes("newuidmap"))).toEqual([]);
  const root = lines(plan(mapped(), {}, { ...withHelpers, uid: 0, gid: 0 }));
  expect(root.filter((line) => line.includes("newuidmap"))).toEqual([]);
  expect(root.some((line) => line.includes('uid_map"'))).toBe(true);
});

test("without the programs the maps are refused, and the message names the package and the file", () => {
  expect(() => plan(mapped(), {}, USER)).toThrow(
    "map the user ids: an ordinary user may map one id, its own; more takes /usr/bin/newuidmap, which is not there; hint: install the package uidmap, and give the user a range in /etc/subuid",
  );
  const half: Host = { ...USER, kind: (path) => (path === HELPERS[0] ? "file" : USER.kind(path)) };
  expect(() => plan(mapped(), {}, half)).toThrow("/usr/bin/newgidmap");
});
