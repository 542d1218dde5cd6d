import { describe, expect, test } from "bun:test";
import type { Arch } from "../../src/linux/arch.ts";
import {
  AUDIT_ARCH_AARCH64,
  AUDIT_ARCH_ARM,
  AUDIT_ARCH_I386,
  AUDIT_ARCH_X86_64,
  SECCOMP_RET_ALLOW,
  SECCOMP_RET_ERRNO,
  SECCOMP_RET_KILL_PROCESS,
  SECCOMP_RET_KILL_THREAD,
  SECCOMP_RET_LOG,
  SECCOMP_RET_TRACE,
  SECCOMP_RET_TRAP,
} from "../../src/linux/seccomp.ts";
import { SYSCALLS } from "../../src/linux/syscall.ts";
import { SYSCALLS_COMPAT } from "../../src/linux/syscall-compat.ts";
import { compileSeccomp } from "../../src/plan/seccomp.ts";
import { abisOf } from "../../src/plan/seccomp-abi.ts";
import type {
  Seccomp,
  SeccompArchitecture,
  SeccompArgument,
  SeccompSyscall,
} from "../../src/spec/seccomp.ts";
import { decode, disassemble, run } from "../support/bpf.ts";

const EPERM = SECCOMP_RET_ERRNO + 1;
const ENOSYS = SECCOMP_RET_ERRNO + 38;
const X32 = 0x40000000;

/** Runs a profile for one call, arguments filled up with zeros. */
function result(
  profile: Seccomp,
  arch: Arch,
  audit: number,
  nr: number,
  args: readonly bigint[] = [],
): number {
  const { program } = compileSeccomp(profile, arch);
  const all = Array.from({ length: 6 }, (_, index) => args[index] ?? 0n);
  return run(decode(program), { arch: audit, nr, args: all });
}

const native = (profile: Seccomp, name: keyof typeof SYSCALLS.x86_64, args?: readonly bigint[]) =>
  result(profile, "x86_64", AUDIT_ARCH_X86_64, SYSCALLS.x86_64[name], args);

const refusing = (syscalls: SeccompSyscall[], more: Partial<Seccomp> = {}): Seccomp => ({
  defaultAction: "SCMP_ACT_ERRNO",
  syscalls,
  ...more,
});

const allow = (names: string[], args?: SeccompArgument[]): SeccompSyscall =>
  args === undefined ? { names, action: "SCMP_ACT_ALLOW" } : { names, action: "SCMP_ACT_ALLOW", args };

describe("the program", () => {
  test("a deny list is a check of the ABI and a tree over the numbers", () => {
    const { program } = compileSeccomp(
      {
        defaultAction: "SCMP_ACT_ALLOW",
        syscalls: [{ names: ["getcwd", "chmod"], action: "SCMP_ACT_ERRNO" }],
      },
      "x86_64",
    );
    expect(disassemble(program)).toEqual([
      "0: ld [4]",
      "1: jeq 0xc000003e 3 2",
      "2: ret 0x80000000",
      "3: ld [0]",
      "4: jge 0x5a 7 5",
      "5: jge 0x4f 6 10",
      "6: jge 0x50 10 8",
      "7: jge 0x5b 9 8",
      "8: ret 0x50001",
      "9: jge 0x40000000 11 10",
      "10: ret 0x7fff0000",
      "11: ret 0x50026",
    ]);
  });

  test("an argument of 64 bits is compared by its two words, the high one first", () => {
    const { program } = compileSeccomp(
      refusing([allow(["read"], [{ index: 1, op: "SCMP_CMP_GT", value: 0x100000002n }])], {
        defaultAction: "SCMP_ACT_KILL_PROCESS",
      }),
      "aarch64",
    );
    const lines = disassemble(program).join("\n");
    expect(lines).toMatch(/ld \[28\]\n\d+: jgt 0x1 .*\n\d+: jeq 0x1 .*\n\d+: ld \[24\]\n\d+: jgt 0x2 /);
  });

  test("runs of neighbours cost no instruction each", () => {
    const names = Object.entries(SYSCALLS.x86_64).flatMap(([name, number]) => (number < 300 ? [name] : []));
    expect(disassemble(compileSeccomp(refusing([allow(names)]), "x86_64").program).length).toBeLessThan(12);
  });

  test("jumps beyond 255 instructions arrive", () => {
    const names = Object.keys(SYSCALLS.x86_64);
    const syscalls = names
      .slice(0, 200)
      .map((name, place) => allow([name], [{ index: place % 6, op: "SCMP_CMP_EQ", value: 2 ** 33 + place }]));
    const profile = refusing(syscalls);
    const { program } = compileSeccomp(profile, "x86_64");
    expect(program.length / 8).toBeGreaterThan(1000);
    const instructions = decode(program);
    for (const [place, name] of names.slice(0, 200).entries()) {
      const nr = Object.entries(SYSCALLS.x86_64).find(([other]) => other === name)?.[1] ?? -1;
      const args = [0n, 0n, 0n, 0n, 0n, 0n];
      expect(run(instructions, { arch: AUDIT_ARCH_X86_64, nr, args })).toBe(EPERM);
      args[place % 6] = BigInt(2 ** 33 + place);
      expect(run(instructions, { arch: AUDIT_ARCH_X86_64, nr, args })).toBe(SECCOMP_RET_ALLOW);
    }
  });

  test("a program longer than the kernel takes is refused", () => {
    const args = Array.from(
      { length: 1500 },
      (_, value): SeccompArgument => ({
        index: 0,
        op: "SCMP_CMP_EQ",
        value: value * 2 ** 32,
      }),
    );
    expect(() => compileSeccomp(refusing([allow(["read"], args)]), "x86_64")).toThrow(
      /\d+ instructions.*4096/,
    );
  });
});

describe("actions", () => {
  const cases: [SeccompSyscall["action"], number | undefined, number][] = [
    ["SCMP_ACT_KILL", undefined, SECCOMP_RET_KILL_THREAD],
    ["SCMP_ACT_KILL_THREAD", undefined, SECCOMP_RET_KILL_THREAD],
    ["SCMP_ACT_KILL_PROCESS", undefined, SECCOMP_RET_KILL_PROCESS],
    ["SCMP_ACT_TRAP", undefined, SECCOMP_RET_TRAP],
    ["SCMP_ACT_ERRNO", undefined, EPERM],
    ["SCMP_ACT_ERRNO", 0, SECCOMP_RET_ERRNO],
    ["SCMP_ACT_ERRNO", 4095, SECCOMP_RET_ERRNO + 4095],
    ["SCMP_ACT_TRACE", 0xffff, SECCOMP_RET_TRACE + 0xffff],
    ["SCMP_ACT_LOG", undefined, SECCOMP_RET_LOG],
  ];
  test.each(cases)("%s with errnoRet %p returns %p", (action, errnoRet, expected) => {
    const rule: SeccompSyscall = { names: ["read"], action };
    const profile: Seccomp = {
      defaultAction: "SCMP_ACT_ALLOW",
      syscalls: [errnoRet === undefined ? rule : { ...rule, errnoRet }],
    };
    expect(native(profile, "read")).toBe(expected);
    expect(native(profile, "write")).toBe(SECCOMP_RET_ALLOW);
  });

  test("the default errno is the profile's", () => {
    expect(native(refusing([allow(["write"])], { defaultErrnoRet: 6 }), "read")).toBe(SECCOMP_RET_ERRNO + 6);
  });

  test("flags become those of seccomp(2)", () => {
    const flags: Seccomp["flags"] = [
      "SECCOMP_FILTER_FLAG_TSYNC",
      "SECCOMP_FILTER_FLAG_LOG",
      "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
      "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
    ];
    expect(compileSeccomp({ defaultAction: "SCMP_ACT_ALLOW", flags }, "x86_64").flags).toBe(0x27);
  });
});

describe("rules", () => {
  test("the first rule that matches decides", () => {
    const profile = refusing([
      {
        names: ["ioctl"],
        action: "SCMP_ACT_ERRNO",
        errnoRet: 5,
        args: [{ index: 1, op: "SCMP_CMP_EQ", value: 1 }],
      },
      allow(["ioctl"]),
      { names: ["ioctl"], action: "SCMP_ACT_KILL" },
    ]);
    expect(native(profile, "ioctl", [0n, 1n])).toBe(SECCOMP_RET_ERRNO + 5);
    expect(native(profile, "ioctl", [0n, 2n])).toBe(SECCOMP_RET_ALLOW);
  });

  test("conditions on different arguments must all hold", () => {
    const profile = refusing([
      allow(
        ["read"],
        [
          { index: 0, op: "SCMP_CMP_EQ", value: 1 },
          { index: 1, op: "SCMP_CMP_EQ", value: 2 },
        ],
      ),
    ]);
    expect(native(profile, "read", [1n, 2n])).toBe(SECCOMP_RET_ALLOW);
    expect(native(profile, "read", [1n, 3n])).toBe(EPERM);
  });

  test("with an argument twice, one condition is enough", () => {
    const profile = refusing([
      allow(
        ["read"],
        [
          { index: 0, op: "SCMP_CMP_EQ", value: 1 },
          { index: 0, op: "SCMP_CMP_EQ", value: 2 },
          { index: 1, op: "SCMP_CMP_EQ", value: 9 },
        ],
      ),
    ]);
    for (const args of [[1n], [2n], [7n, 9n]]) expect(native(profile, "read", args)).toBe(SECCOMP_RET_ALLOW);
    expect(native(profile, "read", [3n, 8n])).toBe(EPERM);
  });

  test("names no ABI has are skipped and told", () => {
    const profile = refusing([allow(["read", "no_such_call", "constructor", "__proto__", "socketcall"])]);
    const { unknownSyscalls } = compileSeccomp(profile, "x86_64");
    expect(unknownSyscalls).toEqual(["no_such_call", "constructor", "__proto__", "socketcall"]);
    const wider = compileSeccomp({ ...profile, architectures: ["SCMP_ARCH_X86"] }, "x86_64");
    expect(wider.unknownSyscalls).not.toContain("socketcall");
  });

  test("calls younger than all the profile names are not implemented", () => {
    const profile = refusing([allow(["read", "close_range"])], { defaultAction: "SCMP_ACT_KILL" });
    expect(native(profile, "openat2")).toBe(ENOSYS);
    expect(native(profile, "pidfd_getfd")).toBe(ENOSYS);
    expect(native(profile, "clone3")).toBe(SECCOMP_RET_KILL_THREAD);
    expect(result(profile, "x86_64", AUDIT_ARCH_X86_64, 5000)).toBe(ENOSYS);
  });

  test("a default that allows also allows younger calls", () => {
    const profile: Seccomp = {
      defaultAction: "SCMP_ACT_ALLOW",
      syscalls: [{ names: ["read"], action: "SCMP_ACT_ERRNO" }],
    };
    expect(result(profile, "x86_64", AUDIT_ARCH_X86_64, 5000)).toBe(SECCOMP_RET_ALLOW);
  });
});

describe("ABIs", () => {
  const all = (name: string): Seccomp =>
    refusing([allow([name])], { defaultAction: "SCMP_ACT_KILL_PROCESS" });

  test("the machine's own is filtered without being listed, another kills the process", () => {
    expect(native(all("read"), "read")).toBe(SECCOMP_RET_ALLOW);
    const permissive: Seccomp = { defaultAction: "SCMP_ACT_ALLOW" };
    expect(result(permissive, "x86_64", AUDIT_ARCH_I386, 3)).toBe(SECCOMP_RET_KILL_PROCESS);
    expect(result(permissive, "aarch64", AUDIT_ARCH_ARM, 3)).toBe(SECCOMP_RET_KILL_PROCESS);
    expect(result(permissive, "aarch64", AUDIT_ARCH_X86_64, 0)).toBe(SECCOMP_RET_KILL_PROCESS);
  });

  test("every number of a table lies in a span of its ABI", () => {
    for (const abi of [...abisOf("x86_64"), ...abisOf("aarch64")]) {
      const outside = Object.entries(abi.numbers).filter(
        ([, number]) => !abi.spans.some(([start, end]) => number >= start && number < end),
      );
      expect(outside).toEqual([]);
    }
  });

  test("x32 that is not listed does not exist, whatever the default", () => {
    const profile: Seccomp = { defaultAction: "SCMP_ACT_ALLOW" };
    expect(result(profile, "x86_64", AUDIT_ARCH_X86_64, X32 + 1)).toBe(ENOSYS);
    expect(result(profile, "x86_64", AUDIT_ARCH_X86_64, 0xffffffff)).toBe(ENOSYS);
  });

  test("x32 has numbers of its own for some calls", () => {
    const profile = refusing([allow(["execve"])], { architectures: ["SCMP_ARCH_X32"] });
    expect(result(profile, "x86_64", AUDIT_ARCH_X86_64, SYSCALLS_COMPAT.x32.execve)).toBe(SECCOMP_RET_ALLOW);
    expect(result(profile, "x86_64", AUDIT_ARCH_X86_64, X32 + SYSCALLS.x86_64.execve)).toBe(EPERM);
  });

  test("each ABI is looked up in its own table", () => {
    const profile = refusing([allow(["write"])], { architectures: ["SCMP_ARCH_X86", "SCMP_ARCH_ARM"] });
    expect(result(profile, "x86_64", AUDIT_ARCH_I386, SYSCALLS_COMPAT.i386.write)).toBe(SECCOMP_RET_ALLOW);
    expect(result(profile, "x86_64", AUDIT_ARCH_I386, SYSCALLS.x86_64.write)).toBe(EPERM);
    expect(result(profile, "aarch64", AUDIT_ARCH_ARM, SYSCALLS_COMPAT.arm.write)).toBe(SECCOMP_RET_ALLOW);
    expect(compileSeccomp(profile, "aarch64").ignoredArchitectures).toEqual(["SCMP_ARCH_X86"]);
  });

  test("arm's private calls do not count as young", () => {
    const profile = refusing([allow(["read", "cacheflush"])], { architectures: ["SCMP_ARCH_ARM"] });
    expect(result(profile, "aarch64", AUDIT_ARCH_ARM, SYSCALLS_COMPAT.arm.cacheflush)).toBe(
      SECCOMP_RET_ALLOW,
    );
    expect(result(profile, "aarch64", AUDIT_ARCH_ARM, SYSCALLS_COMPAT.arm.openat2)).toBe(ENOSYS);
  });

  test("arguments of 32-bit ABIs are compared by their low words", () => {
    const profile = refusing(
      [allow(["read"], [{ index: 0, op: "SCMP_CMP_EQ", value: 0xffffffffffffffffn }])],
      {
        architectures: ["SCMP_ARCH_X86"],
      },
    );
    const { read } = SYSCALLS_COMPAT.i386;
    expect(result(profile, "x86_64", AUDIT_ARCH_I386, read, [0xffffffffn])).toBe(SECCOMP_RET_ALLOW);
    expect(native(profile, "read", [0xffffffffn])).toBe(EPERM);
  });

  test("a rule for a call behind socketcall or ipc applies there", () => {
    const profile = refusing(
      [allow(["socket", "shmget"]), allow(["bind"], [{ index: 0, op: "SCMP_CMP_EQ", value: 3 }])],
      {
        architectures: ["SCMP_ARCH_X86"],
      },
    );
    const call = (name: "socketcall" | "ipc", selector: bigint) =>
      result(profile, "x86_64", AUDIT_ARCH_I386, SYSCALLS_COMPAT.i386[name], [selector, 3n]);
    expect(call("socketcall", 1n)).toBe(SECCOMP_RET_ALLOW);
    expect(call("socketcall", 2n)).toBe(EPERM);
    expect(call("ipc", 23n)).toBe(SECCOMP_RET_ALLOW);
    expect(call("ipc", 0x10017n)).toBe(SECCOMP_RET_ALLOW);
    expect(call("ipc", 24n)).toBe(EPERM);
  });

  test("a condition that refuses cannot be passed by through socketcall", () => {
    const profile: Seccomp = {
      defaultAction: "SCMP_ACT_ALLOW",
      architectures: ["SCMP_ARCH_X86"],
      syscalls: [
        { names: ["socket"], action: "SCMP_ACT_ERRNO", args: [{ index: 0, op: "SCMP_CMP_EQ", value: 40 }] },
      ],
    };
    const { socketcall } = SYSCALLS_COMPAT.i386;
    expect(result(profile, "x86_64", AUDIT_ARCH_I386, socketcall, [1n])).toBe(EPERM);
    expect(result(profile, "x86_64", AUDIT_ARCH_I386, socketcall, [2n])).toBe(SECCOMP_RET_ALLOW);
  });
});

describe("bad profiles", () => {
  const bad =
    (rule: Partial<SeccompSyscall>, more: Partial<Seccomp> = {}) =>
    () =>
      compileSeccomp(
        refusing([allow(["read"]), { names: ["write"], action: "SCMP_ACT_ALLOW", ...rule }], more),
        "x86_64",
      );

  test("are refused with the path of what is wrong", () => {
    expect(bad({ action: "SCMP_ACT_NOTIFY" })).toThrow(
      /^linux\.seccomp\.syscalls\[1\]\.action: SCMP_ACT_NOTIFY is not/,
    );
    expect(bad({ errnoRet: 1 })).toThrow(
      /^linux\.seccomp\.syscalls\[1\]\.errnoRet: SCMP_ACT_ALLOW returns no errno/,
    );
    expect(bad({ action: "SCMP_ACT_ERRNO", errnoRet: 4096 })).toThrow(
      /syscalls\[1\]\.errnoRet: .* 0 to 4095/,
    );
    expect(bad({ args: [{ index: 6, op: "SCMP_CMP_EQ", value: 0 }] })).toThrow(
      /syscalls\[1\]\.args\[0\]\.index/,
    );
    expect(bad({}, { defaultAction: "SCMP_ACT_NOTIFY" })).toThrow(/^linux\.seccomp\.defaultAction/);
    expect(bad({}, { defaultAction: "SCMP_ACT_KILL", defaultErrnoRet: 1 })).toThrow(/defaultErrnoRet/);
  });
});

/** A small generator (xorshift32) so that failures repeat. */
function random(seed: number) {
  let state = seed;
  const next = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
  return {
    below: (bound: number) => next() % bound,
    pick: <T>(list: readonly [T, ...T[]]): T => list[next() % list.length] ?? list[0],
  };
}

type Random = ReturnType<typeof random>;

const OPERATORS = [
  "SCMP_CMP_NE",
  "SCMP_CMP_LT",
  "SCMP_CMP_LE",
  "SCMP_CMP_EQ",
  "SCMP_CMP_GE",
  "SCMP_CMP_GT",
  "SCMP_CMP_MASKED_EQ",
] as const;
const ACTIONS = [
  "SCMP_ACT_ALLOW",
  "SCMP_ACT_ERRNO",
  "SCMP_ACT_KILL",
  "SCMP_ACT_LOG",
  "SCMP_ACT_TRAP",
] as const;
const NAMES = [
  "read",
  "write",
  "openat",
  "ioctl",
  "clone",
  "clone3",
  "socket",
  "personality",
  "mseal",
  "getpid",
  "no_such",
] as const;
const VALUES = [
  0n,
  1n,
  2n,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
  0x100000000n,
  0x100000001n,
  0x1_ffff_ffffn,
  2n ** 63n,
  2n ** 64n - 1n,
] as const;
const ARCHITECTURES = [
  "SCMP_ARCH_X86_64",
  "SCMP_ARCH_X86",
  "SCMP_ARCH_X32",
  "SCMP_ARCH_AARCH64",
  "SCMP_ARCH_ARM",
] as const;

function randomProfile(dice: Random): Seccomp {
  const argument = (): SeccompArgument => {
    const op = dice.pick(OPERATORS);
    const plain = { index: dice.below(3), op, value: dice.pick(VALUES) };
    return op === "SCMP_CMP_MASKED_EQ" ? { ...plain, valueTwo: dice.pick(VALUES) } : plain;
  };
  const rule = (): SeccompSyscall => {
    const names = Array.from({ length: 1 + dice.below(4) }, () => dice.pick(NAMES));
    const action = dice.pick(ACTIONS);
    const args = Array.from({ length: dice.pick([0, 0, 1, 1, 2, 3]) }, argument);
    return { names, action, args, ...(action === "SCMP_ACT_ERRNO" ? { errnoRet: dice.below(100) } : {}) };
  };
  return {
    defaultAction: dice.pick(ACTIONS),
    architectures: ARCHITECTURES.filter(() => dice.below(2) === 0),
    syscalls: Array.from({ length: dice.below(8) }, rule),
  };
}

/** The rules read literally, without regard to how a filter works. */
function plainly(
  profile: Seccomp,
  architecture: SeccompArchitecture,
  nr: number,
  args: readonly bigint[],
): number {
  const tables: Partial<Record<SeccompArchitecture, Readonly<Record<string, number>>>> = {
    SCMP_ARCH_X86_64: SYSCALLS.x86_64,
    SCMP_ARCH_AARCH64: SYSCALLS.aarch64,
    SCMP_ARCH_X86: SYSCALLS_COMPAT.i386,
    SCMP_ARCH_X32: SYSCALLS_COMPAT.x32,
    SCMP_ARCH_ARM: SYSCALLS_COMPAT.arm,
  };
  const table = tables[architecture] ?? {};
  const width = architecture === "SCMP_ARCH_X86" || architecture === "SCMP_ARCH_ARM" ? 32 : 64;
  const returned = (action: string, errno = 1) =>
    ({
      SCMP_ACT_ALLOW: SECCOMP_RET_ALLOW,
      SCMP_ACT_ERRNO: SECCOMP_RET_ERRNO + errno,
      SCMP_ACT_KILL: 0,
      SCMP_ACT_LOG: SECCOMP_RET_LOG,
      SCMP_ACT_TRAP: SECCOMP_RET_TRAP,
    })[action] ?? -1;
  const holds = ({ index, op, value, valueTwo }: SeccompArgument): boolean => {
    const cut = (number: number | bigint) => BigInt.asUintN(width, BigInt(number));
    const left = cut(args[index] ?? 0n);
    const right = cut(value);
    if (op === "SCMP_CMP_MASKED_EQ") return (left & right) === (cut(valueTwo ?? 0) & right);
    if (op === "SCMP_CMP_EQ") return left === right;
    if (op === "SCMP_CMP_NE") return left !== right;
    if (op === "SCMP_CMP_LT") return left < right;
    if (op === "SCMP_CMP_LE") return left <= right;
    return op === "SCMP_CMP_GT" ? left > right : left >= right;
  };
  let newest = -1;
  for (const { names } of profile.syscalls ?? []) {
    // The second copies of x32 calls, from 512 on, say nothing about age.
    for (const name of names)
      if ((table[name] ?? 0) < X32 + 512) newest = Math.max(newest, table[name] ?? -1);
  }
  for (const { names, action, errnoRet, args: conditions = [] } of profile.syscalls ?? []) {
    if (!names.some((name) => table[name] === nr)) continue;
    const indexes = conditions.map(({ index }) => index);
    const twice = new Set(indexes).size < indexes.length;
    const applies = twice ? conditions.some(holds) : conditions.every(holds);
    if (applies) return returned(action, errnoRet);
  }
  const lets = ["SCMP_ACT_ALLOW", "SCMP_ACT_LOG"].includes(profile.defaultAction);
  const named = (profile.syscalls ?? []).some(({ names }) => names.some((name) => table[name] === nr));
  return newest >= 0 && nr > newest && !named && !lets ? ENOSYS : returned(profile.defaultAction);
}

describe("random profiles", () => {
  const machines = [
    ["x86_64", "SCMP_ARCH_X86_64", AUDIT_ARCH_X86_64, SYSCALLS.x86_64, 0],
    ["x86_64", "SCMP_ARCH_X86", AUDIT_ARCH_I386, SYSCALLS_COMPAT.i386, 0],
    ["x86_64", "SCMP_ARCH_X32", AUDIT_ARCH_X86_64, SYSCALLS_COMPAT.x32, X32],
    ["aarch64", "SCMP_ARCH_AARCH64", AUDIT_ARCH_AARCH64, SYSCALLS.aarch64, 0],
    ["aarch64", "SCMP_ARCH_ARM", AUDIT_ARCH_ARM, SYSCALLS_COMPAT.arm, 0],
  ] as const;

  test.each(machines)(
    "on %s the filter for %s says what the rules say",
    (arch, architecture, audit, table, base) => {
      const dice = random(audit ^ table.read ^ 0x9e3779b9);
      for (let round = 0; round < 250; round++) {
        const profile = randomProfile(dice);
        const instructions = decode(compileSeccomp(profile, arch).program);
        const served = audit === AUDIT_ARCH_X86_64 && base === 0;
        const listed =
          served || architecture === "SCMP_ARCH_AARCH64" || profile.architectures?.includes(architecture);
        const numbers = [
          table.read,
          table.write,
          table.ioctl,
          table.clone,
          table.clone3,
          table.socket,
          table.mseal,
          table.personality,
        ];
        for (const nr of [...numbers, base + dice.below(500), base + dice.below(X32)]) {
          const args = Array.from({ length: 6 }, () => dice.pick(VALUES));
          const shown = JSON.stringify({ profile, nr, args }, (_, value) =>
            typeof value === "bigint" ? `${value}` : value,
          );
          const unlisted = architecture === "SCMP_ARCH_X32" ? ENOSYS : SECCOMP_RET_KILL_PROCESS;
          const expected = listed ? plainly(profile, architecture, nr, args) : unlisted;
          expect(run(instructions, { arch: audit, nr, args }), shown).toBe(expected);
        }
      }
    },
  );
});
