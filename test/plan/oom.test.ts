import { expect } from "bun:test";
import { set, slot } from "../../src/plan/build.ts";
import { tellOom } from "../../src/plan/oom.ts";
import type { Plan } from "../../src/plan/step.ts";
import { EXIT_CODE } from "../../src/plan/supervise.ts";
import { contract } from "../emit/machine.ts";

const [kills, limit, peak, pids] = [slot("kills"), slot("limit"), slot("peak"), slot("pids")];
const MIB = 2 ** 20;

const plan = (killed: number, bytes: number, most: number, code = 137, processes = 2): Plan => [
  set(kills, killed),
  set(limit, bytes),
  set(peak, most),
  set(EXIT_CODE, code),
  set(pids, processes),
  ...tellOom("hutch", { kills, limit, peak, pids, alone: 2 }),
];

contract("who was killed for want of memory is told of, with the limit and the peak", (machine) => {
  const said = (...values: Parameters<typeof plan>): string => machine.run(plan(...values)).stderr;
  expect(said(1, 64 * MIB, 64 * MIB)).toBe("hutch: killed: out of memory (limit 64 MiB, peak 64 MiB)\n");
  expect(said(2, 64 * MIB, 63 * MIB + 600_000)).toContain("peak 64 MiB");
  expect(said(1, 512 * 1024, 400_000)).toContain("(limit 512 KiB, peak 391 KiB)");
  expect(said(1, 2 ** 41, -1)).toContain("(limit 2097152 MiB, peak unknown)");
  expect(said(1, -1, 5 * MIB)).toContain("(limit none, peak 5 MiB)");
});

contract("a container that went on, and ended by itself, is not said to be killed", (machine) => {
  expect(machine.run(plan(1, 64 * MIB, 64 * MIB, 2)).stderr).toBe(
    "hutch: a process of the container was killed: out of memory (limit 64 MiB, peak 64 MiB)\n",
  );
});

contract("one of many that was killed may have been another than the one that ended it", (machine) => {
  for (const processes of [3, -1, 0]) {
    expect(machine.run(plan(1, 64 * MIB, 64 * MIB, 137, processes)).stderr).toBe(
      "hutch: a process of the container was killed: out of memory (limit 64 MiB, peak 64 MiB)\n",
    );
  }
});

contract("when nobody was killed, or that is not known, nothing is said", (machine) => {
  for (const count of [0, -1]) expect(machine.run(plan(count, MIB, MIB)).stderr).toBe("");
});
