/** What there is to join of a container. */
import { describe, expect, test } from "bun:test";
import { identify } from "../../src/container/identity.ts";
import { cgroupsToEnter, namespacesOf, openInit } from "../../src/container/joining.ts";
import { close } from "../../src/host/fd.ts";
import { CLONE_NEWNS, CLONE_NEWPID } from "../../src/linux/sched.ts";

const V1 = ["/sys/fs/cgroup/pids/box", "/sys/fs/cgroup/memory/box"];
const V2 = "/sys/fs/cgroup/unified/box";
const HIERARCHIES = [
  { controllers: ["pids"], mount: "/sys/fs/cgroup/pids", own: "/sys/fs/cgroup/pids" },
  { controllers: ["memory"], mount: "/sys/fs/cgroup/memory", own: "/sys/fs/cgroup/memory" },
];

const enter = (directories: readonly string[], wishes: readonly string[] = [], own?: string) =>
  cgroupsToEnter(directories, wishes, { version: "hybrid", hierarchies: HIERARCHIES }, own);

describe("cgroups", () => {
  test("of version 1 are entered by tasks, of version 2 by birth", () => {
    expect(enter([...V1, V2])).toEqual({ tasks: V1.map((path) => `${path}/tasks`), unified: [V2] });
  });

  test("what the first process is in by now is the second choice", () => {
    expect(enter([V2], [], `${V2}/init`).unified).toEqual([V2, `${V2}/init`]);
    expect(enter([V2], [], V2).unified).toEqual([V2]);
    expect(enter(V1, [], "/sys/fs/cgroup/unified").unified).toEqual([]);
  });

  test("one below is entered in all hierarchies, or in those that are named", () => {
    expect(enter(V1, ["sub"]).tasks).toEqual(V1.map((path) => `${path}/sub/tasks`));
    expect(enter(V1, ["pids:/a/b/"]).tasks).toEqual([`${V1[0]}/a/b/tasks`, `${V1[1]}/tasks`]);
    expect(enter([V2], ["sub"], `${V2}/init`).unified).toEqual([`${V2}/sub`]);
  });

  test("one that leads out is refused", () => {
    expect(() => enter(V1, ["a/../../b"])).toThrow("leads out of the container's cgroup");
  });
});

describe("the first process", () => {
  test("shares every namespace with itself", () => {
    expect(namespacesOf(process.pid)).toBe(0);
  });

  test("is in those that were made for it without a look, but for the user namespace", () => {
    expect(namespacesOf(process.pid, ["mount", "pid", "user"])).toBe(CLONE_NEWNS | CLONE_NEWPID);
  });

  test("is opened when it is the one that was written down, and refused when its number is another's", () => {
    const own = identify(process.pid);
    if (own === undefined) throw new Error("this process has no identity");
    close(openInit("box", own));
    expect(() => openInit("box", { ...own, startTime: "1" })).toThrow("container not running");
  });

  test("that has ended is not there to be joined", async () => {
    const child = Bun.spawn(["true"]);
    const identity = identify(child.pid);
    await child.exited;
    if (identity === undefined) throw new Error("no identity");
    expect(() => openInit("box", identity)).toThrow("container not running");
  });
});
