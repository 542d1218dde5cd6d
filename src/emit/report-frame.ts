/** How the routines of both reporters begin and end; a part of report-code. */
import type { Arch } from "../linux/arch.ts";
import { SYSCALLS } from "../linux/syscall.ts";
import type { Assembler } from "./assembler.ts";
import { bindLabel, createLabel, type Image } from "./image.ts";

/** Fetches the descriptor and the positive errno. */
export function emitStart(asm: Assembler): void {
  const { result, spare } = asm.registers;
  const [descriptor, errno] = spare;
  asm.link(descriptor);
  asm.integer(errno, 0);
  asm.operate("sub", errno, result);
}

/** Ends a reporter: goes on at the guard when `flags` have the bit, else exits. */
export function emitEnd(asm: Assembler, image: Image, arch: Arch, bit: number): void {
  const [descriptor, exitCode, flags] = asm.registers.spare;
  const exit = createLabel(image);
  asm.operateInteger("test", flags, bit);
  asm.branch("none", exit);
  asm.load(descriptor, descriptor, 8, 4);
  asm.jumpTo(descriptor);
  bindLabel(image, exit);
  asm.move(asm.registers.args[0], exitCode);
  asm.syscall(SYSCALLS[arch].exit_group);
}
