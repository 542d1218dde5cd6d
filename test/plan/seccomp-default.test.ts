import { describe, expect, test } from "bun:test";
import type { Arch } from "../../src/linux/arch.ts";
import { CAPABILITIES } from "../../src/linux/capability.ts";
import { ERRNO } from "../../src/linux/errno.ts";
import { TIOCGWINSZ, TIOCLINUX, TIOCSTI } from "../../src/linux/ioctl.ts";
import {
  CLONE_FS,
  CLONE_NEWNS,
  CLONE_NEWTIME,
  CLONE_NEWUSER,
  CLONE_THREAD,
  CLONE_VM,
} from "../../src/linux/sched.ts";
import {
  AUDIT_ARCH_AARCH64,
  AUDIT_ARCH_ARM,
  AUDIT_ARCH_I386,
  AUDIT_ARCH_X86_64,
  SECCOMP_RET_ALLOW,
  SECCOMP_RET_ERRNO,
} from "../../src/linux/seccomp.ts";
import { SYSCALLS } from "../../src/linux/syscall.ts";
import { SYSCALLS_COMPAT } from "../../src/linux/syscall-compat.ts";
import { compileSeccomp } from "../../src/plan/seccomp.ts";
import { type DefaultSeccompOptions, defaultSeccomp } from "../../src/plan/seccomp-default.ts";
import { REFUSED_GROUPS } from "../../src/plan/seccomp-groups.ts";
import { decode, run } from "../support/bpf.ts";

const ALLOWED = "allowed";
const ABIS = {
  x86_64: { arch: "x86_64", audit: AUDIT_ARCH_X86_64, table: SYSCALLS.x86_64 },
  i386: { arch: "x86_64", audit: AUDIT_ARCH_I386, table: SYSCALLS_COMPAT.i386 },
  aarch64: { arch: "aarch64", audit: AUDIT_ARCH_AARCH64, table: SYSCALLS.aarch64 },
  arm: { arch: "aarch64", audit: AUDIT_ARCH_ARM, table: SYSCALLS_COMPAT.arm },
} as const;
type AbiName = keyof typeof ABIS;
const NAMES: readonly AbiName[] = ["x86_64", "i386", "aarch64", "arm"];

/** A container's filter, asked for one call at a time; answers "allowed", an errno's name, or undefined. */
function container(capabilities: readonly string[], options?: DefaultSeccompOptions) {
  const filter = (arch: Arch) =>
    decode(compileSeccomp(defaultSeccomp(capabilities, arch, options), arch).program);
  const filters = { x86_64: filter("x86_64"), aarch64: filter("aarch64") };
  return (abi: AbiName, call: string | number, ...args: (number | bigint)[]): string | undefined => {
    const { arch, audit, table } = ABIS[abi];
    const numbers: Readonly<Record<string, number>> = table;
    const nr = typeof call === "number" ? call : numbers[call];
    if (nr === undefined) return undefined;
    const all = Array.from({ length: 6 }, (_, index) => BigInt(args[index] ?? 0));
    const result = run(filters[arch], { arch: audit, nr, args: all });
    if (result === SECCOMP_RET_ALLOW) return ALLOWED;
    const name = Object.entries(ERRNO).find(([, number]) => SECCOMP_RET_ERRNO + number === result)?.[0];
    return name ?? `0x${result.toString(16)}`;
  };
}

const plain = container([]);
const admin = container(["CAP_SYS_ADMIN"]);

describe("a container without capabilities", () => {
  test.each(NAMES)("may make every %s call that is in no group", (abi) => {
    const grouped = new Set(REFUSED_GROUPS.flatMap(({ names }) => names));
    const free = Object.keys(ABIS[abi].table).filter((name) => !grouped.has(name));
    expect(free.filter((name) => plain(abi, name) !== ALLOWED)).toEqual([]);
    expect(free.length).toBeGreaterThan(250);
  });

  test.each(NAMES)("is refused the calls of every group on %s", (abi) => {
    const whole = REFUSED_GROUPS.filter(({ when, except }) => when === undefined && except === undefined);
    for (const { names, errno = "EPERM" } of whole) {
      for (const name of names) expect([name, plain(abi, name) ?? errno]).toEqual([name, errno]);
    }
  });

  test.each(NAMES)("is told that a call from the future is not implemented on %s", (abi) => {
    expect(plain(abi, 600)).toBe("ENOSYS");
    expect(plain(abi, 0x10000000)).toBe("ENOSYS");
  });

  test("cannot make x32 calls", () => {
    expect(plain("x86_64", 0x40000000 + 39)).toBe("ENOSYS");
  });

  test.each(NAMES)("makes processes and threads but no namespaces on %s", (abi) => {
    expect(plain(abi, "clone", 17)).toBe(ALLOWED);
    expect(plain(abi, "clone", CLONE_VM | CLONE_THREAD)).toBe(ALLOWED);
    expect(plain(abi, "clone", CLONE_NEWUSER | 17)).toBe("EPERM");
    expect(plain(abi, "clone", CLONE_VM | CLONE_NEWNS)).toBe("EPERM");
    expect(plain(abi, "clone3")).toBe("ENOSYS");
    expect(plain(abi, "unshare", CLONE_FS)).toBe(ALLOWED);
    expect(plain(abi, "unshare", CLONE_NEWTIME)).toBe("EPERM");
    expect(plain(abi, "unshare", CLONE_FS | CLONE_NEWUSER)).toBe("EPERM");
    expect(plain(abi, "setns")).toBe("EPERM");
  });

  test.each(NAMES)("cannot type into its terminal on %s, whatever the high bits say", (abi) => {
    expect(plain(abi, "ioctl", 0, TIOCGWINSZ)).toBe(ALLOWED);
    for (const request of [TIOCSTI, TIOCLINUX]) {
      expect(plain(abi, "ioctl", 0, request)).toBe("EPERM");
      expect(plain(abi, "ioctl", 0, (1n << 32n) | BigInt(request))).toBe("EPERM");
    }
  });

  test.each(NAMES)("has only ordinary sockets on %s, whatever the high bits say", (abi) => {
    for (const family of [1, 2, 10, 16, 17]) expect(plain(abi, "socket", family)).toBe(ALLOWED);
    for (const family of [38, 40]) {
      expect(plain(abi, "socket", family)).toBe("EAFNOSUPPORT");
      expect(plain(abi, "socket", (7n << 32n) | BigInt(family))).toBe("EAFNOSUPPORT");
    }
  });

  test("cannot go around that through socketcall, unless its image needs it", () => {
    expect(plain("i386", "socketcall", 1)).toBe("EAFNOSUPPORT");
    expect(plain("i386", "socketcall", 3)).toBe(ALLOWED);
    expect(container([], { socketcall: true })("i386", "socketcall", 1)).toBe(ALLOWED);
  });

  test.each(NAMES)("has the personalities of Linux on %s", (abi) => {
    for (const persona of [0, 8, 0x20000, 0x20008, 0xffffffff, 0xffffffffffffffffn]) {
      expect(plain(abi, "personality", persona)).toBe(ALLOWED);
    }
    expect(plain(abi, "personality", 0x40000)).toBe("EPERM");
  });

  test("may be debugged", () => {
    for (const name of ["ptrace", "process_vm_readv"]) expect(plain("x86_64", name)).toBe(ALLOWED);
  });
});

describe("capabilities", () => {
  test("CAP_SYS_ADMIN gives namespaces and mounts back, and not the keyrings", () => {
    for (const name of ["mount", "unshare", "setns", "clone3", "bpf", "open_tree_attr"]) {
      expect(admin("x86_64", name, CLONE_NEWUSER)).toBe(ALLOWED);
    }
    expect(admin("x86_64", "clone", CLONE_NEWUSER)).toBe(ALLOWED);
    for (const name of ["keyctl", "io_uring_setup", "reboot", "init_module"]) {
      expect(admin("x86_64", name)).toBe("EPERM");
    }
  });

  test("each capability opens its groups on every ABI, and no other group", () => {
    for (const capability of CAPABILITIES) {
      const given = container([capability]);
      for (const { names, unless } of REFUSED_GROUPS) {
        if (unless === undefined) continue;
        const opened = unless.includes(capability);
        for (const abi of NAMES) {
          for (const name of names) {
            const answer = given(abi, name, 0x10000000);
            if (answer !== undefined) expect([name, answer === ALLOWED]).toEqual([name, opened]);
          }
        }
      }
    }
  });

  test("all of them still do not open what no capability is for", () => {
    const root = container(CAPABILITIES);
    for (const name of ["keyctl", "add_key", "io_uring_setup"]) expect(root("x86_64", name)).toBe("EPERM");
    expect(root("x86_64", "ioctl", 0, TIOCSTI)).toBe("EPERM");
  });
});

describe("the groups", () => {
  test("name calls that exist, each once, and capabilities that exist", () => {
    const names = REFUSED_GROUPS.flatMap((group) => group.names);
    expect(new Set(names).size).toBe(names.length);
    const every = new Set(NAMES.flatMap((abi) => Object.keys(ABIS[abi].table)));
    expect(names.filter((name) => !every.has(name))).toEqual([]);
    const capabilities = REFUSED_GROUPS.flatMap((group) => group.unless ?? []);
    expect(capabilities.filter((name) => !CAPABILITIES.includes(name))).toEqual([]);
  });

  test("compile to well below what the kernel takes", () => {
    for (const arch of ["x86_64", "aarch64"] as const) {
      expect(compileSeccomp(defaultSeccomp([], arch), arch).program.length / 8).toBeLessThan(400);
    }
  });
});
