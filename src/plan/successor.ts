/**
 * Beginning the dynamically linked program that the emitted one is a part of, as the kernel would have begun
 * it (fs/binfmt_elf.c): its dynamic linker is mapped, the auxiliary vector tells of both, and the linker goes
 * on.
 *
 * The kernel could do that by itself. But then it would map the linker, and the linker the libraries, before
 * the emitted program had a chance: a millisecond, which is three times what a short command takes without.
 */
import { AT_BASE, AT_ENTRY, AT_NULL, AT_PAGESZ, AT_PHDR, AT_PHNUM, PHDR_SIZE } from "../linux/elf.ts";
import { branch, bytes, compute, jump, label, load, set, slot, store } from "./build.ts";
import { BASE, ENTRY, mapLinker, PAGE } from "./linker.ts";
import type { Slot, Step } from "./step.ts";

/** A program in memory that has not begun. */
export interface Successor {
  /** Where it begins once it is linked. */
  readonly entry: number;
  /** The path of its dynamic linker. */
  readonly linker: string;
  /** Its program headers as the linker is to see them: with PT_INTERP, which was hidden from the kernel. */
  readonly headers: Uint8Array;
  /** Where the value of DT_DEBUG is: dynamic linkers write to it, the kernel does not. */
  readonly debugAt: number;
}

/** The auxiliary vector: where its values are, by type. The kernel gives all of these. */
const VALUES = {
  [AT_PAGESZ]: slot("place of AT_PAGESZ"),
  [AT_PHDR]: slot("place of AT_PHDR"),
  [AT_PHNUM]: slot("place of AT_PHNUM"),
  [AT_BASE]: slot("place of AT_BASE"),
  [AT_ENTRY]: slot("place of AT_ENTRY"),
} as const;

const value = slot("value");
const place = slot("place in the auxiliary vector");
const last = slot("last type");

/** Goes on in the successor; `variable`, or the text whose address it is, is added to its environment. */
export const begin = ({ entry, linker, headers, debugAt }: Successor, variable: string | Slot): Step[] => [
  set(ENTRY, debugAt),
  load(value, ENTRY, 0, 8),
  set(ENTRY, entry),
  // Somebody has run the dynamic linker with the program as its argument: all is linked.
  branch(value, "ne", 0, "enter"),
  ...addVariable(variable),
  ...readVector(),
  ...mapLinker(linker),
  set(value, bytes(headers)),
  store(VALUES[AT_PHDR], 0, 8, value),
  store(VALUES[AT_PHNUM], 0, 8, headers.length / PHDR_SIZE),
  store(VALUES[AT_BASE], 0, 8, BASE),
  store(VALUES[AT_ENTRY], 0, 8, entry),
  { kind: "enter", at: ENTRY, stack },
  // The linker has told the libraries where the environment is.
  label("enter"),
  { kind: "enter", at: ENTRY },
];

/** Where the arguments begin, with their number. */
const stack = slot("stack");
const from = slot("from");
const to = slot("to");

/** Copies a word of the stack. */
const copyWord = (): Step[] => [
  load(value, from, 0, 8),
  store(to, 0, 8, value),
  compute(from, from, "add", 8),
  compute(to, to, "add", 8),
];

/**
 * Makes room at the end of the environment: what lies below is moved down by 16 bytes, because the stack has
 * to be aligned so, and the auxiliary vector behind it by 8.
 */
const addVariable = (variable: string | Slot): Step[] => [
  ...findVector(),
  { kind: "given", into: from, what: "arguments" },
  compute(from, from, "sub", 8),
  compute(stack, from, "sub", 16),
  set(to, stack),
  label("word of the stack"),
  ...copyWord(),
  compute(value, from, "add", 8),
  branch(value, "lt", place, "word of the stack"),
  set(value, variable),
  store(to, 0, 8, value),
  compute(to, to, "add", 8),
  ...copyWord(),
  set(place, to),
  label("pair of the vector"),
  ...copyWord(),
  set(last, value),
  ...copyWord(),
  branch(last, "ne", AT_NULL, "pair of the vector"),
];

const keep = (type: string, at: Slot): Step[] => [
  branch(value, "ne", Number(type), `not the ${at.name}`),
  set(at, place),
  label(`not the ${at.name}`),
];

/** Walks over the environment to the vector, which lies behind it. */
const findVector = (): Step[] => [
  { kind: "given", into: place, what: "environment" },
  label("variable of the environment"),
  load(value, place, 0, 8),
  compute(place, place, "add", 8),
  branch(value, "ne", 0, "variable of the environment"),
];

/** Notes where the values are. */
const readVector = (): Step[] => [
  label("auxiliary value"),
  load(value, place, 0, 8),
  branch(value, "eq", AT_NULL, "values are known"),
  compute(place, place, "add", 8),
  ...Object.entries(VALUES).flatMap(([type, at]) => keep(type, at)),
  compute(place, place, "add", 8),
  jump("auxiliary value"),
  label("values are known"),
  load(PAGE, VALUES[AT_PAGESZ], 0, 8),
];
