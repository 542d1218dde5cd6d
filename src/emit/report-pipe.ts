/** The routine that reports to a pipe; a part of report-code. */
import type { Arch } from "../linux/arch.ts";
import { SYSCALLS } from "../linux/syscall.ts";
import type { Assembler } from "./assembler.ts";
import { PIPE_GUARD, PIPE_SLOT_BITS, PIPE_SUBJECT, RECORD, SUBJECT_MAX } from "./descriptor.ts";
import { ALIGNED, bindLabel, boundLabel, createLabel, type Image, LINE, reference, SLOTS } from "./image.ts";
import { emitEnd, emitStart } from "./report-frame.ts";

export function emitPipe(asm: Assembler, image: Image, arch: Arch): number {
  const { args, spare } = asm.registers;
  const [descriptor, errno, flags, scratch] = spare;
  const [out, line, size] = args;
  const label = boundLabel(image);
  emitStart(asm);
  asm.load(scratch, descriptor, 0, 4);
  asm.load(flags, descriptor, 4, 4);
  asm.address(line, reference(LINE, 0));
  asm.store(line, 0, scratch, 8);
  asm.store(line, 8, errno, 8);
  asm.integer(size, RECORD);
  emitPipeSubject(asm, image);
  asm.address(out, reference(ALIGNED, 0));
  asm.load(out, out, 0, 4);
  asm.syscall(SYSCALLS[arch].write);
  asm.load(errno, descriptor, 4, 1);
  emitEnd(asm, image, arch, PIPE_GUARD);
  return label;
}

/** Puts the string whose address is in the slot of the subject behind the record, and its length into it. */
function emitPipeSubject(asm: Assembler, image: Image): void {
  const { args, value, spare } = asm.registers;
  const [to, line, size, from] = args;
  const [, , flags] = spare;
  const alone = createLabel(image);
  const end = createLabel(image);
  asm.operateInteger("test", flags, PIPE_SUBJECT);
  asm.branch("none", alone);
  asm.address(to, reference(SLOTS, 0));
  asm.move(from, flags);
  asm.shiftRight(from, PIPE_SLOT_BITS);
  // Slots have 8 bytes.
  asm.shiftLeft(from, 3);
  asm.operate("add", from, to);
  asm.load(from, from, 0, 8);
  asm.address(to, reference(LINE, RECORD));
  const next = boundLabel(image);
  asm.load(value, from, 0, 1);
  asm.operateInteger("cmp", value, 0);
  asm.branch("eq", end);
  asm.store(to, 0, value, 1);
  asm.operateInteger("add", from, 1);
  asm.operateInteger("add", to, 1);
  asm.operateInteger("add", size, 1);
  asm.operateInteger("cmp", size, RECORD + SUBJECT_MAX);
  asm.branch("ne", next);
  bindLabel(image, end);
  asm.move(value, size);
  asm.operateInteger("sub", value, RECORD);
  asm.store(line, 12, value, 4);
  bindLabel(image, alone);
}
