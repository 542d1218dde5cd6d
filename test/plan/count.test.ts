/** Reading numbers of a cgroup's files, by compiled programs on files as the kernel writes them. */
import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { AT_FDCWD, O_RDONLY } from "../../src/linux/fcntl.ts";
import { call, set, slot } from "../../src/plan/build.ts";
import type { Count } from "../../src/plan/cgroup.ts";
import { readCounts, timesPowerOfTen, windowOf } from "../../src/plan/count.ts";
import type { Plan } from "../../src/plan/step.ts";
import { contract, show, shown } from "../emit/machine.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const DIRECTORY = slot("directory");
const MADE = slot("made");

const FILES = {
  "memory.events": "low 0\nhigh 0\nmax 5\noom 4\noom_kill 3\noom_group_kill 9\n",
  "memory.oom_control": "oom_kill_disable 1\nunder_oom 0\noom_kill 12\n",
  "memory.max": "max\n",
  "memory.peak": "67108864\n",
  "cpu.stat": "usage_usec 1234\nuser_usec 5\nsystem_usec 6\n",
  "io.stat": "8:0 rbytes=100 wbytes=7 rios=1 wios=1\n254:16 rbytes=23 wbytes=0 rios=9 wios=9\n",
  "blkio.bytes": "8:0 Read 4096\n8:0 Write 0\n8:0 Total 4096\n8:16 Read 1\nTotal 4097\n",
  empty: "",
} as const;

function plan(counts: readonly Omit<Count, "directory" | "made">[], made = 1): Plan {
  const directory = temporaryDirectory("count");
  for (const [name, text] of Object.entries(FILES)) writeFileSync(join(directory, name), text);
  const wanted = counts.map(
    (count, index) => [slot(`result ${index}`), [{ directory: DIRECTORY, made: MADE, ...count }]] as const,
  );
  return [
    call("open the directory", "openat", [AT_FDCWD, directory, O_RDONLY, 0], { into: DIRECTORY }),
    set(MADE, made),
    ...readCounts(wanted),
    show(...wanted.map(([into]) => into)),
  ];
}

contract("the number behind a word is found among words that begin or end alike", (machine) => {
  const after = "oom_kill ";
  const made = plan([
    { file: "memory.events", after },
    { file: "memory.oom_control", after },
    { file: "memory.events", after: "max " },
  ]);
  expect(shown(machine.run(made))).toEqual([3n, 12n, 5n]);
});

contract("numbers behind each of the same words are added up, and a scale is applied", (machine) => {
  const made = plan([
    { file: "io.stat", after: "rbytes=" },
    { file: "io.stat", after: "wbytes=" },
    { file: "blkio.bytes", after: "Read " },
    { file: "cpu.stat", after: "usage_usec ", tens: 3 },
  ]);
  expect(shown(machine.run(made))).toEqual([123n, 7n, 4097n, 1_234_000n]);
});

contract("a sum of nothing is 0, and what is not known is less", (machine) => {
  const made = plan([
    { file: "memory.peak" },
    { file: "memory.max" },
    { file: "empty" },
    { file: "empty", after: "rbytes=" },
    { file: "nowhere", after: "rbytes=" },
    { file: "nowhere", tens: 3 },
  ]);
  expect(shown(machine.run(made))).toEqual([67_108_864n, -1n, -1n, 0n, -1n, -1n]);
});

contract("of several places the first that is there counts", (machine) => {
  const result = slot("result");
  const at = (file: string, made = MADE): Count => ({ directory: DIRECTORY, made, file });
  const counts = [at("memory.peak", slot("never made")), at("nowhere"), at("other"), at("memory.peak")];
  const [open, make] = plan([]);
  if (open === undefined || make === undefined) throw new Error("the plan is empty");
  const made = [open, make, ...readCounts([[result, counts.slice(0, 3)]]), ...readCounts([]), show(result)];
  expect(shown(machine.run(made))).toEqual([-1n]);
  const found = [open, make, ...readCounts([[result, counts]]), show(result)];
  expect(shown(machine.run(found))).toEqual([67_108_864n]);
});

contract("a file of many pieces is read to its end", (machine) => {
  const directory = temporaryDirectory("count");
  const lines = Array.from({ length: 300 }, (_, index) => `8:${index} rbytes=${index * 1000} wbytes=1\n`);
  writeFileSync(join(directory, "io.stat"), lines.join(""));
  const [, ...rest] = plan([{ file: "io.stat", after: "rbytes=" }]);
  const open = call("open the directory", "openat", [AT_FDCWD, directory, O_RDONLY, 0], { into: DIRECTORY });
  expect(shown(machine.run([open, ...rest]))).toEqual([BigInt((300 * 299 * 1000) / 2)]);
});

contract("of a cgroup that was not made nothing is read", (machine) => {
  expect(shown(machine.run(plan([{ file: "memory.peak" }], 0)))).toEqual([-1n]);
});

contract("powers of ten are exact", (machine) => {
  const value = slot("value");
  const at = (power: number): Plan => [
    set(value, 987_654_321),
    ...timesPowerOfTen(value, power, "x"),
    show(value),
  ];
  for (const power of [0, 1, 9]) {
    expect(shown(machine.run(at(power)))).toEqual([987_654_321n * 10n ** BigInt(power)]);
  }
});

test("at most the last eight characters are compared", () => {
  expect(windowOf("")).toEqual({ key: 0n, mask: 0n });
  expect(windowOf("ab")).toEqual({ key: 0x6162n, mask: 0xffffn });
  expect(windowOf("oom_kill ")).toEqual(windowOf("om_kill "));
  expect(windowOf("om_kill ").mask).toBe(2n ** 64n - 1n);
});

test("without a wish nothing is done", () => {
  expect(readCounts([])).toEqual([]);
});
