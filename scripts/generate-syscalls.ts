/**
 * Makes src/linux/syscall.ts and src/linux/syscall-compat.ts from the kernel's UAPI headers.
 *
 *   bun scripts/generate-syscalls.ts [--x86 DIR] [--generic FILE] [--arm DIR] [--out DIR]
 *
 * --x86      directory with unistd_64.h, unistd_32.h, unistd_x32.h   (Debian: linux-libc-dev:amd64)
 * --generic  asm-generic/unistd.h, the table of aarch64              (Debian: linux-libc-dev)
 * --arm      directory with unistd.h and unistd-eabi.h of 32-bit arm (Debian: linux-libc-dev-armhf-cross,
 *            unpacked with `dpkg -x`); without it the arm table in the present file is kept
 * --out      where the two files go
 */
import { SYSCALLS_COMPAT as PRESENT } from "../src/linux/syscall-compat.ts";

type Table = Map<string, number>;

/**
 * What arch/arm64/include/uapi/asm/unistd.h asks of asm-generic/unistd.h.
 * (Since 6.11 that header is generated from scripts/syscall.tbl; the numbers are the same.)
 */
const AARCH64_DEFINES: Readonly<Record<string, string>> = {
  __BITS_PER_LONG: "64",
  __ARCH_WANT_RENAMEAT: "",
  __ARCH_WANT_NEW_STAT: "",
  __ARCH_WANT_SET_GET_RLIMIT: "",
  __ARCH_WANT_TIME32_SYSCALLS: "",
  __ARCH_WANT_SYS_CLONE3: "",
  __ARCH_WANT_MEMFD_SECRET: "",
};

/**
 * Calls younger than the 6.1 headers most distributions install; one number for every architecture since 5.1.
 * Source: arch/x86/entry/syscalls/syscall_64.tbl and scripts/syscall.tbl of Linux 6.18.
 */
const SINCE_6_1: Readonly<Record<string, number>> = {
  cachestat: 451, // 6.5
  fchmodat2: 452, // 6.6
  map_shadow_stack: 453, // 6.6
  futex_wake: 454, // 6.7
  futex_wait: 455, // 6.7
  futex_requeue: 456, // 6.7
  statmount: 457, // 6.8
  listmount: 458, // 6.8
  lsm_get_self_attr: 459, // 6.8
  lsm_set_self_attr: 460, // 6.8
  lsm_list_modules: 461, // 6.8
  mseal: 462, // 6.10
  setxattrat: 463, // 6.13
  getxattrat: 464, // 6.13
  listxattrat: 465, // 6.13
  removexattrat: 466, // 6.13
  open_tree_attr: 467, // 6.15
  file_getattr: 468, // 6.17
  file_setattr: 469, // 6.17
};

/** Of x86_64 alone, placed in the gap below 424; same source. */
const X86_64_ONLY: Readonly<Record<string, number>> = { uretprobe: 335, uprobe: 336 };

/** `map_shadow_stack` is "64", not "common", in syscall_64.tbl: x32 has no shadow stacks. */
const NOT_X32 = new Set(["map_shadow_stack"]);

/** The integer value of a preprocessor expression; names without a definition count as 0, as in C. */
function evaluate(expression: string, defines: ReadonlyMap<string, string>, depth = 0): number {
  if (depth > 16) throw new Error(`too deep: ${expression}`);
  const plain = expression
    .replace(/defined\s*\(?\s*(\w+)\s*\)?/g, (_, name: string) => (defines.has(name) ? "1" : "0"))
    .replace(/\b[A-Za-z_]\w*\b/g, (name) => String(evaluate(defines.get(name) ?? "0", defines, depth + 1)));
  if (plain.trim() === "") return 0;
  if (!/^[\s\dxa-fA-F()+&|!=<>]*$/.test(plain)) throw new Error(`cannot evaluate ${expression}`);
  return Number(Function(`return (${plain})`)());
}

/** Every `#define` that holds at the end of a header, by a small preprocessor; includes are not followed. */
function definitions(text: string, given: Readonly<Record<string, string>>): Map<string, string> {
  const defines = new Map(Object.entries(given));
  const source = text.replace(/\/\*[\s\S]*?\*\//g, " ").replace(/\\\n/g, " ");
  /** For each open #if: whether this branch is read, and whether one was read already. */
  const open: { reading: boolean; done: boolean }[] = [];
  const reading = () => open.every((level) => level.reading);
  const branch = (holds: boolean) => ({ reading: holds, done: holds });
  for (const line of source.split("\n")) {
    const match = /^\s*#\s*(\w+)\s*(.*?)\s*$/.exec(line);
    const word = match?.[1];
    const rest = match?.[2] ?? "";
    if (word === "if") open.push(branch(reading() && evaluate(rest, defines) !== 0));
    else if (word === "ifdef") open.push(branch(defines.has(rest)));
    else if (word === "ifndef") open.push(branch(!defines.has(rest)));
    else if (word === "endif") open.pop();
    else if (word === "else" || word === "elif") {
      const level = open.at(-1);
      if (level === undefined) throw new Error(`#${word} without #if`);
      const holds = !level.done && (word === "else" || evaluate(rest, defines) !== 0);
      level.reading = holds;
      level.done ||= holds;
    } else if (word === "define" && reading()) {
      const [, name, value] = /^(\w+)\s*(.*)$/.exec(rest) ?? [];
      if (name !== undefined && value !== undefined && !value.startsWith("(x")) defines.set(name, value);
    } else if (word === "undef" && reading()) defines.delete(rest);
  }
  return defines;
}

/** The system calls among the definitions, by number. */
function table(defines: ReadonlyMap<string, string>, prefixes: readonly string[]): Table {
  const calls: Table = new Map();
  for (const [name, value] of defines) {
    const prefix = prefixes.find((start) => name.startsWith(start));
    if (prefix === undefined) continue;
    const call = name.slice(prefix.length);
    // __NR_SYSCALL_BASE is in capitals; __NR_arch_specific_syscall and __NR_syscalls are bounds.
    if (!/^_?[a-z]/.test(call) || call === "arch_specific_syscall" || call === "syscalls") continue;
    calls.set(call, evaluate(value, defines));
  }
  return calls;
}

function withNewer(calls: Table, bit: number, without: ReadonlySet<string> = new Set()): Table {
  for (const [name, number] of Object.entries(SINCE_6_1))
    if (!without.has(name)) calls.set(name, bit + number);
  return calls;
}

/** A function that makes the table. */
function maker(name: string, calls: Table): string {
  const rows = literal(name, calls, "  ").replace(`${name}: {`, "return {").replace(/},$/, "} as const;");
  return `// biome-ignore lint/complexity/noExcessiveLinesPerFunction: a table\nfunction ${name}() {\n${rows}\n}`;
}

function literal(name: string, calls: Table, indent: string): string {
  const rows = [...calls].sort((one, two) => one[1] - two[1] || (one[0] < two[0] ? -1 : 1));
  return `${indent}${name}: {\n${rows.map(([call, number]) => `${indent}  ${call}: ${number},`).join("\n")}\n${indent}},`;
}

function option(name: string, otherwise: string): string {
  const at = Bun.argv.indexOf(name);
  return at < 0 ? otherwise : (Bun.argv[at + 1] ?? otherwise);
}

const read = (path: string) => Bun.file(path).text();
const x86 = option("--x86", "/usr/include/x86_64-linux-gnu/asm");
const generic = option("--generic", "/usr/include/asm-generic/unistd.h");
const arm = option("--arm", "");
const out = option("--out", `${import.meta.dir}/../src/linux`);

const x32Bit = 0x40000000;
const x86_64 = withNewer(table(definitions(await read(`${x86}/unistd_64.h`), {}), ["__NR_"]), 0);
for (const [name, number] of Object.entries(X86_64_ONLY)) x86_64.set(name, number);
const aarch64 = withNewer(table(definitions(await read(generic), AARCH64_DEFINES), ["__NR_"]), 0);
const i386 = withNewer(table(definitions(await read(`${x86}/unistd_32.h`), {}), ["__NR_"]), 0);
const x32Defines = { __X32_SYSCALL_BIT: String(x32Bit) };
const x32 = withNewer(
  table(definitions(await read(`${x86}/unistd_x32.h`), x32Defines), ["__NR_"]),
  x32Bit,
  NOT_X32,
);

/** The private calls of arm (`__ARM_NR_`) lie at 0xf0000; libseccomp and profiles call them without prefix. */
async function armTable(): Promise<Table> {
  if (arm === "") return new Map(Object.entries(PRESENT.arm));
  const text = `${await read(`${arm}/unistd-eabi.h`)}\n${await read(`${arm}/unistd.h`)}`;
  const defines = definitions(text, { __ARM_EABI__: "1", __NR_SYSCALL_BASE: "0" });
  const calls = table(defines, ["__NR_", "__ARM_NR_"]);
  // set_tls and its kind are reached as __ARM_NR_; BASE is in capitals and thus left out above.
  return withNewer(calls, 0);
}

const opening = (what: string) => `/**
 * ${what}
 *
 * Generated, do not edit: bun scripts/generate-syscalls.ts
 * Source: the Linux UAPI headers unistd_64.h, unistd_32.h, unistd_x32.h, asm-generic/unistd.h and arm's
 * unistd-eabi.h; calls younger than those headers come from the table in the script.
 */
`;

await Bun.write(
  `${out}/syscall.ts`,
  `${opening("System call numbers, by architecture.")}import type { Arch } from "./arch.ts";

${maker("x86_64", x86_64)}

${maker("aarch64", aarch64)}

const made: { x86_64?: ReturnType<typeof x86_64>; aarch64?: ReturnType<typeof aarch64> } = {};

/** Each table is made when it is first asked for: a start needs one of them, and each costs 0.1 ms. */
export const SYSCALLS = {
  get x86_64() {
    made.x86_64 ??= x86_64();
    return made.x86_64;
  },
  get aarch64() {
    made.aarch64 ??= aarch64();
    return made.aarch64;
  },
} satisfies Record<Arch, Record<string, number>>;

/** A system call that both architectures have: what a plan may be made of. */
export type SyscallName = keyof typeof SYSCALLS.x86_64 & keyof typeof SYSCALLS.aarch64;
`,
);
await Bun.write(
  `${out}/syscall-compat.ts`,
  `${opening("System call numbers of the ABIs a kernel serves beside its own; for seccomp filters only.")}
/** The numbers of x32 include its bit, 0x40000000. */
export const SYSCALLS_COMPAT = {
${literal("i386", i386, "  ")}
${literal("x32", x32, "  ")}
${literal("arm", await armTable(), "  ")}
} as const satisfies Record<string, Record<string, number>>;
`,
);
