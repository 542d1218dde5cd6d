import { expect, test } from "bun:test";
import { cpuMax, cpuWeight, ioWeight, pidsMax, swapMax } from "../../src/cgroup/convert.ts";

test.each([
  [1, 1],
  [2, 1],
  [3, 2],
  [512, 59],
  [1024, 100],
  [2000, 170],
  [2048, 174],
  [262_143, 10_000],
  [262_144, 10_000],
])("%i shares are a weight of %i", (shares, weight) => {
  expect(cpuWeight(shares)).toBe(weight);
});

test("weights never decrease when shares grow", () => {
  let before = 0;
  for (let shares = 2; shares <= 262_144; shares += 97) {
    const weight = cpuWeight(shares);
    expect(weight).toBeGreaterThanOrEqual(before);
    before = weight;
  }
});

test.each([
  [1, 1],
  [10, 1],
  [11, 11],
  [100, 910],
  [500, 4950],
  [1000, 10_000],
])("a weight of %i on block devices is one of %i", (weight, io) => {
  expect(ioWeight(weight)).toBe(io);
});

test.each([
  [{ limit: 100, swap: 300 }, "200"],
  [{ limit: 100n, swap: 2n ** 60n }, `${2n ** 60n - 100n}`],
  [{ limit: 100, swap: 100 }, "0"],
  [{ limit: 100, swap: -1 }, "max"],
  [{ limit: 100, swap: 0 }, undefined],
  [{ limit: 100 }, undefined],
])("%p leaves a swap of %p", (memory, text) => {
  expect(swapMax({ memory })).toBe(text);
});

test.each([
  [{ quota: -1 }, "max 100000"],
  [{ quota: 5000 }, "5000 100000"],
  [{ period: 5000 }, "max 5000"],
  [{ quota: 0, period: 0 }, undefined],
])("%p is a cpu.max of %p", (cpu, text) => {
  expect(cpuMax({ cpu })).toBe(text);
});

test.each([
  [undefined, undefined],
  [5, "5"],
  [5n, "5"],
  [0, "max"],
  [-1, "max"],
])("a limit of %p processes is %p", (limit, text) => {
  expect(pidsMax(limit === undefined ? {} : { pids: { limit } })).toBe(text);
});
