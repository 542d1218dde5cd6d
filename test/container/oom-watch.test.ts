/** The watch with directories that only look like cgroups; test/e2e/events.test.ts watches real ones. */
import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { watchOom } from "../../src/container/oom-watch.ts";
import { temporaryDirectory } from "../support/temporary.ts";

test("each version counts in a file of its own, and the count is that of now", () => {
  for (const [name, before, after, wakes] of [
    ["memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n", "oom_kill 12\n", false],
    ["memory.events", "max 9\noom 3\noom_kill 2\noom_group_kill 7\n", "oom_kill 12\n", true],
  ] as const) {
    const directory = temporaryDirectory("cgroup");
    writeFileSync(join(directory, name), before);
    const watch = watchOom(["/nowhere", temporaryDirectory("cgroup"), directory]);
    expect(watch.count()).toBe(wakes ? 2n : 1n);
    expect(watch.wakes !== undefined).toBe(wakes);
    writeFileSync(join(directory, name), after);
    expect(watch.count()).toBe(12n);
    watch.close();
  }
});

test("without a cgroup that counts nothing is ever killed", () => {
  const watch = watchOom(["/nowhere"]);
  expect([watch.count(), watch.wakes]).toEqual([0n, undefined]);
  watch.close();
});
