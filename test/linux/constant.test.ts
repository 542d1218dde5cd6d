import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { CAPABILITIES } from "../../src/linux/capability.ts";
import { ERRNO } from "../../src/linux/errno.ts";
import * as fcntl from "../../src/linux/fcntl.ts";
import * as ioctl from "../../src/linux/ioctl.ts";
import * as ioprio from "../../src/linux/ioprio.ts";
import * as mount from "../../src/linux/mount.ts";
import { NAMESPACES } from "../../src/linux/namespace.ts";
import * as personality from "../../src/linux/personality.ts";
import * as prctl from "../../src/linux/prctl.ts";
import { RLIMITS } from "../../src/linux/resource.ts";
import * as sched from "../../src/linux/sched.ts";
import * as seccomp from "../../src/linux/seccomp.ts";
import { SIGNALS } from "../../src/linux/signal.ts";
import * as stat from "../../src/linux/stat.ts";
import { SYSCALLS } from "../../src/linux/syscall.ts";
import { SYSCALLS_COMPAT } from "../../src/linux/syscall-compat.ts";
import * as wait from "../../src/linux/wait.ts";

const INCLUDE = "/usr/include";
const X86 = `${INCLUDE}/x86_64-linux-gnu/asm`;
const hasHeaders = existsSync(`${INCLUDE}/linux/mount.h`) && existsSync(`${INCLUDE}/asm-generic/errno.h`);
const needs = "(needs the kernel's UAPI headers in /usr/include)";

/** Numbers a header defines by `#define` or in an enum; what is not a plain number is left out. */
function header(path: string): Map<string, number | bigint> {
  const text = readFileSync(path, "utf8").replace(/\/\*[\s\S]*?\*\//g, " ");
  const values = new Map<string, number | bigint>();
  const rows = text.matchAll(
    /^\s*(?:#\s*define\s)?\s*(\w+)\s*[=\s]\s*\(?(0x[\da-f]+|\d+)U?L{0,2}(?:\s*<<\s*(\d+))?\)?\s*,?\s*$/gim,
  );
  for (const [, name, digits, shift] of rows) {
    if (name === undefined || digits === undefined) continue;
    // C writes octal with a leading zero alone.
    const literal = /^0\d+$/.test(digits) ? `0o${digits.slice(1)}` : digits;
    values.set(name, BigInt(literal) << BigInt(shift ?? 0));
  }
  return values;
}

/** The names both sides have, and those whose values differ. */
function compare(table: Readonly<Record<string, unknown>>, ...headers: string[]) {
  const known = new Map(headers.flatMap((path) => [...header(`${INCLUDE}/${path}`)]));
  const common = Object.entries(table).filter(([name]) => known.has(name));
  const different = common.filter(
    ([name, value]) =>
      (typeof value !== "number" && typeof value !== "bigint") || known.get(name) !== BigInt(value),
  );
  return { common: common.length, different };
}

const capabilities = Object.fromEntries(CAPABILITIES.map((name, number) => [name, number]));
const namespaces = Object.fromEntries(NAMESPACES.map(({ flagName, flag }) => [flagName, flag]));

describe("constants have the values of the kernel's headers", () => {
  const cases: [string, Readonly<Record<string, unknown>>, string[], number][] = [
    ["errno", ERRNO, ["asm-generic/errno-base.h", "asm-generic/errno.h"], 130],
    ["fcntl", fcntl, ["asm-generic/fcntl.h", "linux/fcntl.h", "linux/openat2.h", "linux/close_range.h"], 40],
    ["memfd", fcntl, ["linux/memfd.h"], 3],
    ["open flags of x86_64", { ...fcntl.openFlags("x86_64") }, ["asm-generic/fcntl.h"], 4],
    ["mount", mount, ["linux/mount.h"], 55],
    ["sched", sched, ["linux/sched.h", "linux/sched/types.h"], 40],
    ["namespaces", namespaces, ["linux/sched.h"], 8],
    ["prctl", prctl, ["linux/prctl.h"], 30],
    ["wait", wait, ["linux/wait.h"], 10],
    ["stat", stat, ["linux/stat.h"], 25],
    ["signal", SIGNALS, ["asm-generic/signal.h"], 31],
    ["capability", capabilities, ["linux/capability.h"], 41],
    ["resource", RLIMITS, ["asm-generic/resource.h"], 16],
    ["ioctl", ioctl, ["asm-generic/ioctls.h", "linux/sockios.h"], 20],
    ["seccomp", seccomp, ["linux/seccomp.h"], 20],
    ["personality", personality, ["linux/personality.h"], 10],
    ["ioprio", { ...ioprio, ...ioprio.IOPRIO_CLASSES }, ["linux/ioprio.h"], 4],
  ];
  test.skipIf(!hasHeaders).each(cases)(`%s ${needs}`, (_, table, headers, least) => {
    const { common, different } = compare(table, ...headers);
    expect(different).toEqual([]);
    expect(common).toBeGreaterThanOrEqual(least);
  });
});

describe("system call numbers", () => {
  const x86Headers = existsSync(`${X86}/unistd_64.h`);

  test.skipIf(!x86Headers).each([
    ["unistd_64.h", SYSCALLS.x86_64, 360],
    ["unistd_32.h", SYSCALLS_COMPAT.i386, 430],
  ] as const)("of %s are the kernel's (needs Debian's linux-libc-dev for x86_64)", (name, table, least) => {
    const numbers = new Map(
      [...header(`${X86}/${name}`)].flatMap(([key, value]) =>
        key.startsWith("__NR_") ? [[key.slice(5), Number(value)] as const] : [],
      ),
    );
    const common = Object.entries(table).filter(([call]) => numbers.has(call));
    expect(common.filter(([call, number]) => numbers.get(call) !== number)).toEqual([]);
    expect(common.length).toBeGreaterThan(least);
  });

  test("of aarch64 are those of the generic table", () => {
    const { aarch64 } = SYSCALLS;
    expect([aarch64.io_setup, aarch64.openat, aarch64.newfstatat, aarch64.clone, aarch64.execve]).toEqual([
      0, 56, 79, 220, 221,
    ]);
    expect([aarch64.renameat, aarch64.getrlimit, aarch64.memfd_secret, aarch64.wait4]).toEqual([
      38, 163, 447, 260,
    ]);
    expect(Object.hasOwn(aarch64, "open")).toBeFalse();
    expect(Object.hasOwn(aarch64, "arch_specific_syscall")).toBeFalse();
  });

  test("are the same everywhere since 424", () => {
    const tables = [SYSCALLS.x86_64, SYSCALLS.aarch64, SYSCALLS_COMPAT.i386, SYSCALLS_COMPAT.arm];
    for (const name of [
      "pidfd_send_signal",
      "clone3",
      "openat2",
      "mount_setattr",
      "mseal",
      "file_setattr",
    ] as const) {
      expect(new Set(tables.map((table) => table[name])).size).toBe(1);
    }
    const { openat2 }: Readonly<Record<string, number>> = SYSCALLS_COMPAT.x32;
    expect(openat2).toBe(0x40000000 + SYSCALLS.x86_64.openat2);
  });

  test("are unique in each table but for arm's two names of one call", () => {
    const tables = { ...SYSCALLS, ...SYSCALLS_COMPAT };
    for (const [abi, table] of Object.entries(tables)) {
      const numbers = Object.values(table);
      const doubles = numbers.length - new Set(numbers).size;
      expect([abi, doubles]).toEqual([abi, abi === "arm" ? 1 : 0]);
    }
  });
});
