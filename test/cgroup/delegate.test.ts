import { expect, test } from "bun:test";
import { controllersIn, enableSpare, refuseUndelegated } from "../../src/cgroup/delegate.ts";
import { messageOf } from "../spec/mutate.ts";

const MOUNT = "/sys/fs/cgroup";
const USER = `${MOUNT}/user.slice/user-1000.slice/user@1000.service`;
const LINE = [MOUNT, `${MOUNT}/user.slice`, `${MOUNT}/user.slice/user-1000.slice`, USER, `${USER}/app.slice`];

/** A tree where each directory of the line has these controllers. */
const tree = (lists: readonly string[], writable: readonly string[] = []) => ({
  text: (path: string) => lists[LINE.indexOf(path.slice(0, path.lastIndexOf("/")))],
  isWritable: (path: string) => writable.includes(path.slice(0, path.lastIndexOf("/"))),
});
const refusal = (lists: readonly string[], writable: readonly string[] = []) =>
  messageOf(() => refuseUndelegated(["memory", "cpu"], LINE, tree(lists, writable)));

const ALL = "cpuset cpu io memory pids\n";

test("what is everywhere is not refused, nor what is not known", () => {
  expect(refusal([ALL, ALL, ALL, ALL, ALL])).toBe("");
  expect(refusal([])).toBe("");
  expect(refusal([ALL, ALL])).toBe("");
});

test("a machine without the controller says so, with the file", () => {
  expect(refusal(["cpu\n"])).toBe(
    `limit memory: the machine has no such controller of cgroup v2: memory is not in ${MOUNT}/cgroup.controllers; hint: the kernel lacks it, cgroup v1 uses it (boot with cgroup_no_v1=all), or hutch is in a container that was not given it`,
  );
});

test("a user is told what was not delegated to whom, and the remedy", () => {
  expect(refusal([ALL, ALL, ALL, "pids\n", "pids\n"])).toBe(
    `limit memory: memory, cpu not delegated to /user.slice/user-1000.slice/user@1000.service: memory is not in ${USER}/cgroup.controllers; hint: systemctl edit user@.service, with [Service] Delegate=memory cpu, and log in again`,
  );
});

test("who may hand down himself is not refused: root everywhere, a user below what is his", () => {
  expect(refusal([ALL, ALL, ALL, ALL, "pids\n"], [USER])).toBe("");
  expect(refusal([ALL, "\n", "\n", "\n", "\n"], [MOUNT])).toBe("");
});

test("controllers are those of the machine, or the usual where it is not known", () => {
  expect(controllersIn(tree(["cpu hugetlb\n"]), MOUNT)).toEqual(["cpu", "hugetlb"]);
  expect(controllersIn(tree([]), MOUNT)).toEqual(["cpu", "cpuset", "io", "memory", "pids"]);
});

test("what nothing depends on is handed down one by one, whatever the kernel says", () => {
  const steps = enableSpare(["cpu", "io"], "/c");
  expect(steps.map((step) => (step.kind === "call" ? step.name : step.kind))).toEqual([
    "openat",
    "write",
    "write",
    "close",
    "label",
  ]);
  expect(enableSpare([], "/c")).toEqual([]);
});
