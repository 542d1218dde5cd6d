import { describe, expect, test } from "bun:test";
import { archNamed } from "../../src/linux/arch.ts";
import { capabilityMask, capabilityNames, capabilityNumber } from "../../src/linux/capability.ts";
import { NAMESPACES, namespaceKind } from "../../src/linux/namespace.ts";
import { rlimitNumber } from "../../src/linux/resource.ts";
import { signalName, signalNumber, signalSet } from "../../src/linux/signal.ts";
import { makedev, splitDevice } from "../../src/linux/stat.ts";
import { exitCodeOf } from "../../src/linux/wait.ts";

describe("signals", () => {
  test("are known by name with and without SIG, in any case, and by number", () => {
    for (const name of ["TERM", "SIGTERM", "sigterm", "term", "15"]) expect(signalNumber(name)).toBe(15);
    expect(signalNumber("IOT")).toBe(6);
  });

  test("real-time signals count from 34 up and from 64 down", () => {
    expect(signalNumber("RTMIN")).toBe(34);
    expect(signalNumber("SIGRTMIN+3")).toBe(37);
    expect(signalNumber("SIGRTMAX-1")).toBe(63);
    expect(signalName(37)).toBe("SIGRTMIN+3");
  });

  test.each([
    "",
    "0",
    "65",
    "-1",
    "SIG",
    "TERMINATE",
    "RTMIN-1",
    "RTMIN+31",
    "RTMAX+1",
    "constructor",
    "1.5",
  ])("%p is none", (name) => {
    expect(() => signalNumber(name)).toThrow(`signal "${name}"`);
  });

  test("every number names itself", () => {
    for (let number = 1; number <= 31; number++) expect(signalNumber(signalName(number))).toBe(number);
    for (let number = 34; number <= 64; number++) expect(signalNumber(signalName(number))).toBe(number);
  });

  test("a set has bit n − 1 for signal n", () => {
    expect(signalSet([1, 15, 64])).toBe(0x8000000000004001n);
  });
});

describe("capabilities", () => {
  test("are known with and without CAP_, in any case", () => {
    for (const name of ["CAP_SYS_ADMIN", "SYS_ADMIN", "sys_admin"]) expect(capabilityNumber(name)).toBe(21);
    expect(capabilityNumber("CAP_NONE")).toBeUndefined();
  });

  test("become a mask and come back", () => {
    const names = ["CAP_CHOWN", "CAP_SETPCAP", "CAP_CHECKPOINT_RESTORE"];
    expect(capabilityMask(names)).toBe((1n << 40n) | (1n << 8n) | 1n);
    expect(capabilityNames(capabilityMask(names))).toEqual(names);
    expect(() => capabilityMask(["CAP_NONE"])).toThrow('capability "CAP_NONE"');
  });
});

test("limits are known with and without RLIMIT_", () => {
  expect(rlimitNumber("RLIMIT_NOFILE")).toBe(7);
  expect(rlimitNumber("nofile")).toBe(7);
  expect(rlimitNumber("toString")).toBeUndefined();
});

test("architectures are known by all their names, and others are refused", () => {
  expect([archNamed("x64"), archNamed("amd64"), archNamed("arm64")]).toEqual(["x86_64", "x86_64", "aarch64"]);
  for (const name of ["riscv64", "constructor"]) expect(() => archNamed(name)).toThrow(name);
});

test("each namespace has a flag of its own", () => {
  expect(new Set(NAMESPACES.map(({ flag }) => flag)).size).toBe(8);
  expect(namespaceKind("network").file).toBe("net");
});

test("device numbers keep 12 bits of major and 20 of minor", () => {
  expect(makedev(1, 3)).toBe(0x103);
  expect(makedev(136, 0x12345)).toBe(0x12308845);
  for (const [major, minor] of [
    [1, 3],
    [4095, 0xfffff],
    [136, 256],
  ] as const) {
    expect(splitDevice(makedev(major, minor))).toEqual({ major, minor });
  }
});

test("an exit code is that of a shell", () => {
  expect(exitCodeOf(0)).toBe(0);
  expect(exitCodeOf(3 << 8)).toBe(3);
  expect(exitCodeOf(9)).toBe(137);
  expect(exitCodeOf(11 | 0x80)).toBe(139);
});
