import { expect, test } from "bun:test";
import { allPids, parseStat, readVolatile, statOf, unlessGone } from "../../src/container/process.ts";
import { HutchError } from "../../src/linux/error.ts";

/** A line as the kernel writes it: 52 fields. */
const line = (name: string): string =>
  `4711 (${name}) S 12 4711 4711 34817 4711 4194304 1 0 0 0 30 12 0 0 20 0 1 0 987654 1000 200 18446744073709551615\n`;

test("a process's name may hold what ends a name, and fields", () => {
  for (const name of ["sh", "a) R 1 (b", ") S 1", "two\nlines", ""]) {
    expect(parseStat(line(name))).toEqual({
      pid: 4711,
      name,
      state: "S",
      parent: 12,
      terminal: 34817,
      ticks: 42,
      startTime: "987654",
    });
  }
});

test("what is no line of stat is none", () => {
  for (const text of ["", "1 2 3", "1 (sh) S 1"]) expect(parseStat(text)).toBeUndefined();
});

test("this process is there, with its parent and its number among all", () => {
  expect(statOf(process.pid)).toMatchObject({ pid: process.pid, parent: process.ppid, state: "R" });
  expect(allPids()).toContain(process.pid);
});

test("a process that has ended is undefined, and nothing is thrown", async () => {
  const child = Bun.spawn(["true"]);
  await child.exited;
  expect(statOf(child.pid)).toBeUndefined();
  expect(readVolatile(`/proc/${child.pid}/status`)).toBeUndefined();
});

test("what vanishes or is closed is undefined; every other error is thrown", () => {
  const look = (errno: HutchError["errno"]) => () => {
    throw new HutchError({ operation: "look", errno });
  };
  for (const errno of ["ENOENT", "ESRCH", "ENODEV", "EACCES", "EPERM"] as const)
    expect(unlessGone(look(errno))).toBeUndefined();
  for (const errno of ["EIO", "EMFILE", undefined] as const)
    expect(() => unlessGone(look(errno))).toThrow("look");
  expect(unlessGone(() => 7)).toBe(7);
});
