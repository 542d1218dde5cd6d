/** What a file that is started by anybody takes from its caller: arguments and environment. */
import { branch, buffer, compute, jump, label, load, set, slot, store, strings } from "./build.ts";
import type { Buffer, Slot, Step } from "./step.ts";

const POINTER = 8;
/** So many arguments, or variables, a program can hand on; memory that is not used costs nothing. */
const MOST = 65536;
const EQUALS = 0x3d;
/** With its NUL (linux/limits.h). */
const PATH_MAX = 4096;

const AT = slot("list at");
const END = slot("list end");
const ENTRY = slot("list entry");

/** Puts the addresses of strings into memory, from `AT` on. */
const putAll = (texts: readonly string[], tag: string): Step[] => [
  label(`${tag}: next`),
  { kind: "next", into: ENTRY, from: strings(texts), done: `${tag}: put` },
  store(AT, 0, POINTER, ENTRY),
  compute(AT, AT, "add", POINTER),
  jump(`${tag}: next`),
  label(`${tag}: put`),
];

/** Puts the entry there, unless there is no room left for it and the NULL. */
const putEntry = (list: Buffer, texts: readonly string[], what: string): Step[] => [
  set(END, list),
  compute(END, END, "add", (MOST + texts.length) * POINTER),
  branch(AT, "lt", END, `${what}: room`),
  { kind: "fail", message: `take ${what}: there are more than ${MOST}` },
  label(`${what}: room`),
  store(AT, 0, POINTER, ENTRY),
  compute(AT, AT, "add", POINTER),
];

const listOf = (name: string, texts: readonly string[]): Buffer =>
  buffer(name, (MOST + texts.length + 1) * POINTER);

/** The command's words, and then the program's own arguments; `into` is what execve(2) takes. */
export function addArguments(words: readonly string[], into: Slot): Step[] {
  const list = listOf("argument list", words);
  const argv = slot("given arguments");
  return [
    set(AT, list),
    ...putAll(words, "words"),
    { kind: "given", into: argv, what: "arguments" },
    // Started without even a name, as execve(2) allows before Linux 5.18.
    load(ENTRY, argv, 0, POINTER),
    branch(ENTRY, "eq", 0, "arguments added"),
    label("next argument"),
    compute(argv, argv, "add", POINTER),
    load(ENTRY, argv, 0, POINTER),
    branch(ENTRY, "eq", 0, "arguments added"),
    ...putEntry(list, words, "arguments"),
    jump("next argument"),
    label("arguments added"),
    store(AT, 0, POINTER, 0),
    set(into, list),
  ];
}

/** Compares the names before "=" of two variables; goes on at `differ`, or falls through. */
function compareNames(one: Slot, other: Slot, tag: string, differ: string): Step[] {
  const [left, right] = [slot("name byte"), slot("other name byte")];
  return [
    label(tag),
    load(left, one, 0, 1),
    load(right, other, 0, 1),
    compute(one, one, "add", 1),
    compute(other, other, "add", 1),
    branch(left, "ne", right, differ),
    branch(left, "ne", EQUALS, tag),
  ];
}

/** The caller's variables, but for those that `variables` (NAME=value) set. */
export function addEnvironment(variables: readonly string[], into: Slot): Step[] {
  const list = listOf("environment list", variables);
  const envp = slot("given environment");
  const [ours, our, entry] = [slot("variable at"), slot("variable"), slot("entry at")];
  return [
    set(AT, list),
    ...putAll(variables, "variables"),
    store(AT, 0, POINTER, 0),
    { kind: "given", into: envp, what: "environment" },
    label("next variable"),
    load(ENTRY, envp, 0, POINTER),
    compute(envp, envp, "add", POINTER),
    branch(ENTRY, "eq", 0, "variables added"),
    set(ours, list),
    label("compare variable"),
    set(our, list),
    compute(our, our, "add", variables.length * POINTER),
    branch(ours, "ge", our, "variable is new"),
    load(our, ours, 0, POINTER),
    compute(ours, ours, "add", POINTER),
    set(entry, ENTRY),
    ...compareNames(entry, our, "variable byte", "compare variable"),
    jump("next variable"),
    label("variable is new"),
    ...putEntry(list, variables, "variables"),
    jump("next variable"),
    label("variables added"),
    store(AT, 0, POINTER, 0),
    set(into, list),
  ];
}

/** The value of a variable of the caller's; to be without it, or one that is empty, is a failure. */
export function findVariable(name: string, into: Slot): Step[] {
  const envp = slot("given environment");
  const [wanted, byte] = [slot("variable"), slot("name byte")];
  const [at, end] = [slot("variable at"), slot("variable end")];
  return [
    { kind: "given", into: envp, what: "environment" },
    label("look for variable"),
    load(into, envp, 0, POINTER),
    compute(envp, envp, "add", POINTER),
    branch(into, "ne", 0, "variable to compare"),
    { kind: "fail", message: `the environment has no ${name}, which is to hold the path of the root` },
    label("variable to compare"),
    set(wanted, `${name}=`),
    // Leaves `into` behind the "=".
    ...compareNames(into, wanted, "wanted variable byte", "look for variable"),
    load(byte, into, 0, 1),
    branch(byte, "ne", 0, "variable found"),
    { kind: "fail", message: `${name} is empty in the environment; it is to hold the path of the root` },
    label("variable found"),
    // It is told in messages, which have room for a path.
    set(at, into),
    compute(end, into, "add", PATH_MAX),
    label("byte of the value"),
    load(byte, at, 0, 1),
    branch(byte, "eq", 0, "variable is a path"),
    compute(at, at, "add", 1),
    branch(at, "lt", end, "byte of the value"),
    {
      kind: "fail",
      message: `${name} is longer than a path of Linux, which has at most ${PATH_MAX - 1} bytes`,
    },
    label("variable is a path"),
  ];
}
