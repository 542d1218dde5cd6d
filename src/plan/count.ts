/** Reading what the kernel counts of the container's cgroup, by the program itself: Bun is gone by then. */
import { O_CLOEXEC, O_RDONLY } from "../linux/fcntl.ts";
import { branch, buffer, call, compute, jump, label, load, set, slot } from "./build.ts";
import type { Count } from "./cgroup.ts";
import type { Call, Slot, Step } from "./step.ts";

/** What a slot holds where the number is not known. */
export const UNKNOWN = -1;

const FILE = slot("count file");
const PIECE = buffer("count piece", 512);
/** The last result of read(2); 0 at the end of the file. */
const GOT = slot("count bytes");
/** The address of the next character in PIECE, and that behind the last. */
const AT = slot("count at");
const READ = slot("count read");
const CHARACTER = slot("count character");
/** The last eight characters that were read, the newest in the lowest byte. */
const WINDOW = slot("count window");
const SEEN = slot("count seen");
const KEY = slot("count key");
const MASK = slot("count mask");
const NUMBER = slot("count number");
const DIGITS = slot("count digits");
const TOTAL = slot("count total");
/** Which of the wanted is read. */
const TURN = slot("count turn");

const MOST_CHARACTERS = 8;

/** The characters that are compared, as WINDOW would have them, and the bits in which. */
export function windowOf(text: string): { readonly key: bigint; readonly mask: bigint } {
  const last = new TextEncoder().encode(text).slice(-MOST_CHARACTERS);
  const key = last.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  return { key, mask: (1n << BigInt(last.length * 8)) - 1n };
}

const ABSENT = ["ENOENT", "EACCES", "EPERM", "ENODEV"] as const;
const UNREADABLE = ["ENODEV", "EOPNOTSUPP", "EIO", "EINVAL"] as const;

const allTo = (
  names: readonly (typeof ABSENT | typeof UNREADABLE)[number][],
  to: string,
): NonNullable<Call["errors"]> => Object.fromEntries(names.map((name) => [name, { to }]));

/** times 10 = times 8 + times 2. */
export function timesTen(value: Slot): Step[] {
  const eight = slot("count times 8");
  return [
    compute(eight, value, "shl", 3),
    compute(value, value, "shl", 1),
    compute(value, value, "add", eight),
  ];
}

/** Multiplies by a power of ten; the label is unique. */
export function timesPowerOfTen(value: Slot, power: number, name: string): Step[] {
  const left = slot("count powers left");
  if (power === 0) return [];
  return [
    set(left, power),
    label(name),
    ...timesTen(value),
    compute(left, left, "sub", 1),
    branch(left, "gt", 0, name),
  ];
}

/** Takes the next character, or goes on at `end`; the label is unique. */
const readCharacter = (end: string, name: string): Step[] => [
  branch(AT, "lt", READ, name),
  call("read a number of the cgroup", "read", [FILE, PIECE, PIECE.size], {
    into: GOT,
    errors: allTo(UNREADABLE, end),
  }),
  branch(GOT, "eq", 0, end),
  set(AT, PIECE),
  compute(READ, AT, "add", GOT),
  label(name),
  load(CHARACTER, AT, 0, 1),
  compute(AT, AT, "add", 1),
];

/** Adds up the numbers of FILE in TOTAL, which stays as it is when there are none. */
const addUp = (): Step[] => [
  label("count scan"),
  compute(SEEN, WINDOW, "and", MASK),
  branch(SEEN, "eq", KEY, "count number"),
  ...readCharacter("count end", "count character of text"),
  label("count shift"),
  compute(WINDOW, WINDOW, "shl", 8),
  compute(WINDOW, WINDOW, "or", CHARACTER),
  jump("count scan"),
  label("count number"),
  set(NUMBER, 0),
  set(DIGITS, 0),
  label("count digit"),
  ...readCharacter("count number end", "count character of number"),
  branch(CHARACTER, "lt", 0x30, "count number end"),
  branch(CHARACTER, "gt", 0x39, "count number end"),
  ...timesTen(NUMBER),
  compute(NUMBER, NUMBER, "add", CHARACTER),
  compute(NUMBER, NUMBER, "sub", 0x30),
  set(DIGITS, 1),
  jump("count digit"),
  label("count number end"),
  branch(DIGITS, "eq", 0, "count added"),
  branch(TOTAL, "ge", 0, "count add"),
  set(TOTAL, 0),
  label("count add"),
  compute(TOTAL, TOTAL, "add", NUMBER),
  label("count added"),
  branch(GOT, "gt", 0, "count shift"),
  label("count end"),
  call("close the file of the cgroup", "close", [FILE]),
];

/** Reads each into its slot, from the first place that is there; UNKNOWN where none is. */
export function readCounts(wanted: readonly (readonly [into: Slot, counts: readonly Count[]])[]): Step[] {
  const reads = wanted.flatMap(([into, counts]) => counts.map((count) => ({ into, ...count })));
  const name = (index: number, what: string): string => `count ${index} ${what}`;
  return [
    ...wanted.map(([into]) => set(into, UNKNOWN)),
    ...reads.flatMap(({ into, directory, made, file, after, tens = 0 }, index) => {
      const { key, mask } = windowOf(after ?? "");
      const end = name(index, "end");
      return [
        branch(into, "ge", 0, end),
        branch(made, "eq", 0, end),
        call(`read ${file} of the container's cgroup`, "openat", [directory, file, O_RDONLY | O_CLOEXEC, 0], {
          into: FILE,
          errors: allTo(ABSENT, end),
        }),
        set(KEY, key),
        set(MASK, mask),
        // A sum of nothing is 0; a file that should be a number, and is none ("max"), says nothing.
        set(TOTAL, after === undefined ? UNKNOWN : 0),
        set(WINDOW, 0),
        set(READ, AT),
        set(TURN, index),
        jump("count scan"),
        label(name(index, "read")),
        set(into, TOTAL),
        ...timesPowerOfTen(into, tens, name(index, "scaled")),
        label(end),
      ];
    }),
    ...(reads.length === 0
      ? []
      : [
          jump("counted"),
          // Shared by all; TURN says where to go back to.
          ...addUp(),
          ...reads.map((_, index) => branch(TURN, "eq", index, name(index, "read"))),
          label("counted"),
        ]),
  ];
}
