import { expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { identify } from "../../src/container/identity.ts";
import { cgroupTree, members, withDescendants } from "../../src/container/members.ts";
import type { ProcessStat } from "../../src/container/process.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { recordWith } from "./fixture.ts";

/** A directory that looks like a cgroup with a cgroup below. */
function cgroup(own: string, below: string): string {
  const directory = temporaryDirectory("cgroup");
  mkdirSync(join(directory, "below"));
  writeFileSync(join(directory, "cgroup.procs"), own);
  writeFileSync(join(directory, "below/cgroup.procs"), below);
  return directory;
}

test("a tree is the cgroup and all below it; one that is gone is empty", () => {
  const directory = cgroup("", "");
  expect(cgroupTree([directory, "/nowhere"])).toEqual([directory, join(directory, "below")]);
});

test("members are the living processes of the cgroups, each once, also below and in several hierarchies", () => {
  // 0 is a process that has no number here, and 4194305 is above every number there can be.
  const first = cgroup(`${process.pid}\n0\n4194305\n`, `${process.ppid}\n`);
  const second = cgroup(`${process.ppid}\n${process.pid}\n`, "");
  const pids = members(recordWith({ cgroups: [first, second] })).map(({ pid }) => pid);
  expect(pids).toEqual([process.pid, process.ppid].toSorted((a, b) => a - b));
});

test("without a cgroup they are init and what descends from it, not the whole of a shared pid namespace", async () => {
  const child = Bun.spawn(["sh", "-c", "sleep 1000 & echo $!; wait"], { stdout: "pipe" });
  try {
    const { value } = await child.stdout.getReader().read();
    const grandchild = Number(new TextDecoder().decode(value));
    const pids = members(recordWith({ init: identify(child.pid) })).map(({ pid }) => pid);
    expect(pids).toEqual([child.pid, grandchild].toSorted((a, b) => a - b));
    process.kill(grandchild, "SIGKILL");
  } finally {
    child.kill("SIGKILL");
  }
});

test("an init whose number has passed to another process has no members", () => {
  expect(members(recordWith({ init: { pid: process.pid, startTime: "1" } }))).toEqual([]);
  expect(members(recordWith({}))).toEqual([]);
});

test("descendants are found in whatever order the processes come", () => {
  const stat = (pid: number, parent: number): ProcessStat => ({
    pid,
    parent,
    name: "",
    state: "S",
    terminal: 0,
    ticks: 0,
    startTime: "1",
  });
  const table = [stat(40, 30), stat(30, 20), stat(20, 10), stat(99, 1), stat(10, 1)];
  expect(withDescendants(new Set([20]), table)).toEqual(new Set([20, 30, 40]));
});
