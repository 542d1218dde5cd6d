import { expect } from "bun:test";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createAarch64, patchAarch64 } from "../../src/emit/aarch64.ts";
import { pack } from "../../src/emit/compact-lz.ts";
import { emitUnpack } from "../../src/emit/compact-unpack.ts";
import { writeElf } from "../../src/emit/elf.ts";
import { BUFFERS, BYTES, bindLabel, createImage, createLabel, reference } from "../../src/emit/image.ts";
import { createX86, patchX86 } from "../../src/emit/x86_64.ts";
import type { Arch } from "../../src/linux/arch.ts";
import { SYSCALLS } from "../../src/linux/syscall.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { contract } from "./machine.ts";
import { randomNumbers } from "./random-plan.ts";

/** An executable that unpacks the bytes and writes them to standard output. */
function program(arch: Arch, bytes: Uint8Array): Uint8Array {
  const image = createImage(arch === "x86_64" ? 1 : 4);
  const asm = arch === "x86_64" ? createX86(image) : createAarch64(image, true);
  const { args } = asm.registers;
  const packed = pack(bytes);
  image.blobs.push(packed);
  image.bytesSize = (packed.length + 7) & ~7;
  image.buffersSize = bytes.length;
  const start = createLabel(image);
  asm.jump(start);
  const unpack = emitUnpack(asm, image);
  bindLabel(image, start);
  asm.enter();
  asm.address(args[0], reference(BUFFERS, 0));
  asm.address(args[1], reference(BYTES, 0));
  asm.call(unpack);
  asm.integer(args[0], 1);
  asm.address(args[1], reference(BUFFERS, 0));
  asm.integer(args[2], bytes.length);
  asm.syscall(SYSCALLS[arch].write);
  asm.integer(args[0], 0);
  asm.syscall(SYSCALLS[arch].exit_group);
  const file = writeElf(image, arch, {}, arch === "x86_64" ? patchX86 : patchAarch64);
  if (file === undefined) throw new Error("out of reach");
  return file;
}

contract("the machine code unpacks what was packed", ({ arch, emulator }) => {
  const path = join(temporaryDirectory("unpack"), "program");
  for (let seed = 0; seed < 20; seed++) {
    const random = randomNumbers(seed);
    const kinds = 1 + random(255);
    const bytes = new Uint8Array(1 + random(10_000));
    for (let at = 0; at < bytes.length; at++)
      bytes[at] = random(3) === 0 ? random(kinds) : (bytes[at - 1 - random(3000)] ?? 0);
    writeFileSync(path, program(arch, bytes));
    chmodSync(path, 0o755);
    const { stdout, exitCode } = Bun.spawnSync([...emulator, path]);
    expect(exitCode).toBe(0);
    expect(Buffer.compare(stdout, bytes)).toBe(0);
  }
});
