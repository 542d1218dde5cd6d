/** The text of machine code, by objdump: the judgement of somebody who did not write the encoder. */
import { rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Arch } from "../../src/linux/arch.ts";
import { lacksProgram, type SkipReason } from "../support/skip.ts";

/** The objdump that knows an architecture, with its options. */
const COMMANDS = {
  x86_64: ["objdump", "-m", "i386:x86-64", "-M", "intel"],
  aarch64: ["aarch64-linux-gnu-objdump", "-m", "aarch64"],
} as const satisfies Record<Arch, readonly string[]>;

export const lacksDisassembler = (arch: Arch): SkipReason => lacksProgram(COMMANDS[arch][0]);

/** One line for each instruction, with single spaces and without comments. */
export function disassemble(arch: Arch, code: Uint8Array): string[] {
  const path = join(tmpdir(), `hutch-disassemble-${process.pid}`);
  try {
    writeFileSync(path, code);
    const command = [...COMMANDS[arch], "-D", "-b", "binary", "--insn-width=16", path];
    const { stdout } = Bun.spawnSync(command, { stdio: ["ignore", "pipe", "ignore"] });
    return stdout
      .toString()
      .split("\n")
      .filter((line) => /^ *[0-9a-f]+:\t/.test(line))
      .map((line) =>
        line
          .split("\t")
          .slice(2)
          .join(" ")
          .replace(/\s*(#|\/\/).*$/, (tail) => commentOf(tail)),
      )
      .map((line) => line.replace(/\s+/g, " ").trim());
  } finally {
    rmSync(path, { force: true });
  }
}

/** A "#" before a digit is an immediate of aarch64; anything else begins a comment. */
function commentOf(tail: string): string {
  return /^\s*#-?\d/.test(tail) ? tail.replace(/\s*\/\/.*$/, "") : "";
}
