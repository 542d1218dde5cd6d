/** Emits programs and runs them: on this machine, or by an emulator for another architecture. */
import { chmodSync, writeFileSync } from "node:fs";
import { emitCompact } from "../../src/emit/compact.ts";
import { type EmitOptions, emit } from "../../src/emit/index.ts";
import { ARCHES, type Arch } from "../../src/linux/arch.ts";
import { buffer, call, struct } from "../../src/plan/build.ts";
import type { Argument, Plan, Slot, Step } from "../../src/plan/step.ts";
import { lacksProgram, type SkipReason, testUnless } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";

export interface Outcome {
  readonly code: number | null;
  readonly signal: string | number | undefined;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** What the program is started with, after its path. */
export interface Given {
  readonly args?: readonly string[];
  readonly env?: Record<string, string | undefined>;
}

/** One architecture on which a contract is tested. */
export interface Machine {
  readonly arch: Arch;
  /** Of the architecture and of the form of the program. */
  readonly name: string;
  /** What a command begins with, which starts a program for the architecture. */
  readonly emulator: readonly string[];
  readonly run: (plan: Plan, report?: EmitOptions["report"], given?: Given) => Outcome;
  /** The path of an executable that performs the plan. */
  readonly save: (plan: Plan, report?: EmitOptions["report"]) => string;
}

const OWN: Arch = process.arch === "arm64" ? "aarch64" : "x86_64";
const emulatorOf = (arch: Arch): string | undefined => (arch === OWN ? undefined : `qemu-${arch}-static`);

let directory: string | undefined;
let count = 0;

function machine(arch: Arch, form: "code" | "compact"): Machine {
  const emulator = emulatorOf(arch);
  const save: Machine["save"] = (plan, report = { kind: "print", prefix: "hutch" }) => {
    directory ??= temporaryDirectory("emit");
    const path = `${directory}/program-${count++}`;
    const isCompact = form === "compact" && report.kind === "print";
    writeFileSync(
      path,
      isCompact
        ? emitCompact(plan, { arch, name: report.prefix, hints: true })
        : emit(plan, { arch, report }),
    );
    chmodSync(path, 0o755);
    return path;
  };
  return {
    arch,
    name: form === "code" ? arch : `${arch}, compact`,
    emulator: emulator === undefined ? [] : [emulator],
    save,
    run(plan, report, { args = [], env = process.env } = {}) {
      const path = save(plan, report);
      const command = emulator === undefined ? [path, ...args] : [emulator, path, ...args];
      const result = Bun.spawnSync(command, { stdio: ["ignore", "pipe", "pipe"], timeout: 10_000, env });
      return {
        code: result.exitCode,
        signal: result.signalCode,
        stdout: result.stdout,
        stderr: result.stderr.toString(),
      };
    },
  };
}

const reasonFor = (arch: Arch): SkipReason => {
  const emulator = emulatorOf(arch);
  return emulator === undefined ? undefined : lacksProgram(emulator);
};

const MACHINES = ARCHES.flatMap((arch) =>
  (["code", "compact"] as const).map((form) => ({ machine: machine(arch, form), reason: reasonFor(arch) })),
);

/** Tests the same claim on every architecture. */
export function contract(claim: string, body: (machine: Machine) => void): void {
  for (const { machine, reason } of MACHINES) {
    testUnless(reason)(`${machine.name}: ${claim}`, () => body(machine), 30_000);
  }
}

/**
 * The same for what an emulator of one process does not do as Linux does: filters of system calls. On a
 * machine of aarch64 test/vm/unit-aarch64.test.ts runs it.
 */
export function nativeContract(claim: string, body: (machine: Machine) => void): void {
  for (const { machine } of MACHINES) {
    const reason = emulatorOf(machine.arch) === undefined ? undefined : `needs ${machine.arch}`;
    testUnless(reason)(`${machine.name}: ${claim}`, () => body(machine), 30_000);
  }
}

/** Writes text to standard output. */
export const say = (text: string): Step => call("say", "write", [1, text, Buffer.byteLength(text)]);

/** Writes the values of slots to standard output, 8 bytes each. */
export const show = (...slots: readonly Slot[]): Step => {
  const values = slots.map((slot, index) => [`value${index}`, 8, slot] as const);
  return call("show values", "write", [1, struct("values", values), slots.length * 8]);
};

/** What show() wrote. */
export const shown = (outcome: Outcome): bigint[] => {
  const { stdout } = outcome;
  return Array.from({ length: stdout.length / 8 }, (_, index) => stdout.readBigInt64LE(index * 8));
};

/** A 64-byte piece of memory to write to standard output after working on it. */
export const BOARD = buffer("board", 64);

export const showMemory = (memory: Argument, size: number): Step =>
  call("show memory", "write", [1, memory, size]);
