import { expect, test } from "bun:test";
import { existsSync, openSync } from "node:fs";
import { foreignHost } from "../../src/container/compile.ts";
import { PLAIN } from "../../src/container/plan.ts";
import { hostArch } from "../../src/host/libc.ts";
import type { Program } from "../../src/library/program.ts";
import { keepPrograms } from "../../src/library/programs.ts";
import { makeContext } from "../../src/plan/context.ts";

const context = makeContext(
  { ociVersion: "1.3.0" },
  foreignHost(hostArch(), true),
  { ...PLAIN, id: () => "" },
  undefined,
);

const programOf = (isLasting: boolean): Program => ({
  file: openSync("/dev/null", "r"),
  plan: [],
  context,
  cgroups: () => [],
  namespaces: [],
  isLasting,
});

const isOpen = (fd: number): boolean => existsSync(`/proc/self/fd/${fd}`);

/** Makes them, and counts. */
function counted(isLasting: boolean) {
  const made: number[] = [];
  const programs = keepPrograms(async () => {
    const program = programOf(isLasting);
    made.push(program.file);
    return program;
  });
  return { made, programs };
}

test("a program that is used stays open when its description lets go of it, and is closed then", async () => {
  const { made, programs } = counted(true);
  await programs.use(false, "a", async ({ file }) => {
    programs.release();
    await Bun.sleep(1);
    expect(isOpen(file)).toBe(true);
  });
  await Bun.sleep(1);
  expect(made.map(isOpen)).toEqual([false]);
  await programs.use(false, "b", async ({ file }) => expect(isOpen(file)).toBe(true));
  programs.release();
  await Bun.sleep(1);
  expect(made).toHaveLength(2);
  expect(made.map(isOpen)).toEqual([false, false]);
});

test("who comes at once uses the same, until the last has done", async () => {
  const { made, programs } = counted(true);
  const uses = [1, 2, 3].map((milliseconds) =>
    programs.use(false, "a", async ({ file }) => {
      await Bun.sleep(10 * milliseconds);
      return isOpen(file);
    }),
  );
  programs.release();
  expect(await Promise.all(uses)).toEqual([true, true, true]);
  await Bun.sleep(1);
  expect(made.map(isOpen)).toEqual([false]);
});

test("one that is for one container alone is closed after it, also when that fails", async () => {
  const { made, programs } = counted(false);
  await programs.use(false, "a", async ({ file }) => expect(isOpen(file)).toBe(true));
  const failing = programs.use(false, "b", async () => {
    programs.release();
    throw new RangeError("no");
  });
  expect(await failing.catch(({ message }: RangeError) => message)).toBe("no");
  expect(made).toHaveLength(2);
  expect(made.map(isOpen)).toEqual([false, false]);
});
