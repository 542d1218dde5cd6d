/** What an attacker brings along: programs of raw system calls, hostile bundles, and a host to protect. */
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { emit } from "../../src/emit/index.ts";
import { archNamed } from "../../src/linux/arch.ts";
import { ERRNO, type ErrnoName, errnoName } from "../../src/linux/errno.ts";
import type { SyscallName } from "../../src/linux/syscall.ts";
import { branch, buffer, call, compute, exit, label, set, slot } from "../../src/plan/build.ts";
import type { Argument, Outcome, Plan, Step } from "../../src/plan/step.ts";
import { defaultSpec } from "../../src/spec/default.ts";
import type { Linux, Process, Spec } from "../../src/spec/spec.ts";
import { type HostPicture, hostDifferences, snapshotHost } from "./host.ts";
import { type HutchOptions, type HutchResult, hutch } from "./hutch.ts";
import { temporaryDirectory } from "./temporary.ts";

const isErrno = (name: string): name is ErrnoName => Object.hasOwn(ERRNO, name);

/** Every failure is an answer, not the end of the program. */
const ANY_ERRNO: Readonly<Partial<Record<ErrnoName, Outcome>>> = Object.fromEntries(
  Object.keys(ERRNO)
    .filter(isErrno)
    .map((name) => [name, "ignore"]),
);

/** One thing to try, and the name of its answer. */
export type Attempt = readonly [name: string, syscall: SyscallName, ...args: Argument[]];

const RESULT = slot("result");

/** One attempt as steps; `into` keeps what it gives for later ones. */
export const attempt = ([name, syscall, ...args]: Attempt, into = RESULT): Step =>
  call(name, syscall, args, { into, errors: ANY_ERRNO });

/** Prints the errno of the last attempt, 0 for none, on a line of its own. */
export function printResult(tag: string): Step[] {
  const digits = buffer("digits", 32);
  const length = slot("length");
  return [
    branch(RESULT, "lt", 0, `${tag} failed`),
    set(RESULT, 0),
    label(`${tag} failed`),
    compute(RESULT, 0, "sub", RESULT),
    { kind: "decimal", to: digits, value: RESULT, length },
    call("print the answer", "write", [1, digits, length]),
    call("print the answer", "write", [1, "\n", 1]),
  ];
}

/** Writes the program of a plan to a file. */
export function writeProgram(path: string, plan: Plan): void {
  const arch = archNamed(process.arch);
  writeFileSync(path, emit(plan, { arch, report: { kind: "print", prefix: "attack" } }));
  chmodSync(path, 0o755);
}

/** Writes a program that makes the attempts one after the other. */
export function writeAttempts(path: string, attempts: readonly Attempt[]): void {
  const steps = attempts.flatMap((each, index) => [attempt(each), ...printResult(`attempt ${index}`)]);
  writeProgram(path, [...steps, exit(0, "done")]);
}

/** The answers that such a program printed: "ok" or the errno, by the names of the attempts. */
export function readAnswers(attempts: readonly Attempt[], stdout: string): Record<string, string> {
  const lines = stdout.trimEnd().split("\n");
  return Object.fromEntries(
    attempts.map(([name], index) => {
      const line = lines[index] ?? "";
      return [name, line === "0" ? "ok" : /^\d+$/.test(line) ? errnoName(Number(line)) : `no answer ${line}`];
    }),
  );
}

/** Makes the attempts inside `hutch in OPTIONS ROOT`. */
export async function answersInside(
  root: string,
  options: readonly string[],
  attempts: readonly Attempt[],
  surroundings: HutchOptions = {},
): Promise<Record<string, string>> {
  writeAttempts(join(root, "attempts"), attempts);
  const { stdout, stderr } = await hutch(["in", ...options, root, "/attempts"], surroundings);
  if (stderr !== "") return { stderr };
  return readAnswers(attempts, stdout);
}

export interface Changes extends Omit<Partial<Spec>, "process" | "linux"> {
  readonly process?: Partial<Process>;
  readonly linux?: Partial<Linux>;
}

/** The default configuration without a terminal, on this root, writable, with changes. */
export function configOf(root: string, { process, linux, ...changes }: Changes = {}): Spec {
  const spec = defaultSpec();
  return {
    ...spec,
    root: { path: root, readonly: false },
    ...changes,
    process: { cwd: "/", ...spec.process, terminal: false, ...process },
    linux: { ...spec.linux, ...linux },
  };
}

let bundles: string | undefined;
let containers = 0;

/** Writes a bundle; a config that is a string is written as it is. */
export function writeBundle(config: unknown): string {
  bundles ??= temporaryDirectory("bundles");
  containers += 1;
  const directory = join(bundles, `${containers}`);
  mkdirSync(directory);
  const text = typeof config === "string" ? config : JSON.stringify(config);
  writeFileSync(join(directory, "config.json"), text);
  return directory;
}

/** The host as it is, with the directory for bundles already there. */
export function hostBefore(): HostPicture {
  bundles ??= temporaryDirectory("bundles");
  return snapshotHost();
}

/** Compiled programs are kept for the next start, on purpose (HUTCH_CACHE). */
const KEPT = /\/hutch\/programs\b/;

/** What is on the host that was not there before, given some time to go. */
export async function leftBehind(before: HostPicture, milliseconds = 4000): Promise<string[]> {
  const end = performance.now() + milliseconds;
  for (;;) {
    const left = hostDifferences(before, snapshotHost()).filter((line) => !KEPT.test(line));
    if (left.length === 0 || performance.now() > end) return left;
    await Bun.sleep(50);
  }
}

/** `hutch run` of a bundle with this configuration. */
export async function runConfig(config: unknown, options: HutchOptions = {}): Promise<HutchResult> {
  return hutch(["run", "--bundle", writeBundle(config), `attack-${process.pid}-${containers}`], options);
}

/** A directory of the host that no container may touch: a file, a directory, and a name that is free. */
export function makeOutside(): string {
  const outside = temporaryDirectory("outside");
  writeFileSync(join(outside, "witness"), "the host's own\n");
  mkdirSync(join(outside, "sub"));
  return outside;
}

/** All that is in a directory, one line each, with what files say and where links lead. */
export function treeOf(directory: string, below = ""): string[] {
  return readdirSync(join(directory, below)).flatMap((name) => {
    const path = join(below, name);
    const stat = lstatSync(join(directory, path));
    if (stat.isDirectory()) return [`${path}/ ${stat.mode.toString(8)}`, ...treeOf(directory, path)];
    if (stat.isSymbolicLink()) return [`${path} -> ${readlinkSync(join(directory, path))}`];
    return [
      `${path}: ${stat.mode.toString(8)} ${stat.isFile() ? readFileSync(join(directory, path)) : "special"}`,
    ];
  });
}
