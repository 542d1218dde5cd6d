import { expect, test } from "bun:test";
import { call, errnoOf, failed, syscall } from "../../src/host/syscall.ts";

test("a call gives its value", () => {
  expect(syscall("getpid")).toBe(process.pid);
});

test("a failed call gives −errno, and EPERM is not mistaken for success", () => {
  expect(errnoOf(syscall("close", -1))).toBe("EBADF");
  expect(errnoOf(syscall("chdir", "/nowhere/at/all"))).toBe("ENOENT");
  // kcmp type 99 is EINVAL; −1 is what libc itself returns for every failure.
  expect(errnoOf(syscall("kcmp", process.pid, process.pid, 99, 0, 0))).toBe("EINVAL");
});

test("errno is the one of its own call, in thousands of calls with garbage collections between them", () => {
  for (let round = 0; round < 20_000; round++) {
    const name = syscall("chdir", `/nowhere/${round}`);
    const bad = syscall("close", -1);
    if (errnoOf(name) !== "ENOENT" || errnoOf(bad) !== "EBADF")
      throw new Error(`round ${round}: ${name} ${bad}`);
    if (round % 4000 === 0) Bun.gc(true);
  }
});

test("a failed call names operation and errno", () => {
  expect(() => call("enter /nowhere", "chdir", "/nowhere")).toThrow(
    "enter /nowhere: ENOENT (no such file or directory)",
  );
});

test("a value below −4095 is no failure", () => {
  expect(failed(-4095)).toBeTrue();
  expect(failed(-4096)).toBeFalse();
  expect(failed(-1n)).toBeTrue();
  expect(failed(0)).toBeFalse();
});
