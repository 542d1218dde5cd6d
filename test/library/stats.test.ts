import { expect, test } from "bun:test";
import { readStats } from "../../src/library/stats.ts";

const reader = (files: Readonly<Record<string, string>>) => (file: string) => files[file];

test("version 1 is told in bytes and seconds", () => {
  const stats = readStats(
    reader({
      "memory.usage_in_bytes": "4096\n",
      "memory.max_usage_in_bytes": "8192\n",
      "memory.limit_in_bytes": "67108864\n",
      "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
      "cpuacct.usage": "1500000000\n",
      "pids.current": "3\n",
      "pids.max": "max\n",
    }),
  );
  expect(stats).toEqual({
    memory: { usage: 4096, peak: 8192, limit: 67_108_864 },
    cpu: { usage: 1.5 },
    pids: { current: 3, limit: Number.POSITIVE_INFINITY },
    oomKills: 2,
  });
});

test("version 2 is told in the same units", () => {
  const stats = readStats(
    reader({
      "memory.current": "4096\n",
      "memory.peak": "8192\n",
      "memory.max": "max\n",
      "memory.events": "oom 1\noom_kill 1\n",
      "cpu.stat": "usage_usec 250000\n",
      "pids.current": "1\n",
      "pids.max": "20\n",
    }),
  );
  expect(stats).toEqual({
    memory: { usage: 4096, peak: 8192, limit: Number.POSITIVE_INFINITY },
    cpu: { usage: 0.25 },
    pids: { current: 1, limit: 20 },
    oomKills: 1,
  });
});

test("no limit of version 1 is a number that no machine has", () => {
  const { memory } = readStats(reader({ "memory.limit_in_bytes": "9223372036854771712\n" }));
  expect(memory.limit).toBe(Number.POSITIVE_INFINITY);
});

test("what is not counted is undefined", () => {
  expect(readStats(reader({}))).toEqual({
    memory: { usage: undefined, peak: undefined, limit: undefined },
    cpu: { usage: undefined },
    pids: { current: undefined, limit: undefined },
    oomKills: 0,
  });
});
