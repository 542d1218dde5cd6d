/** The machine code of compact programs: unpacks the instructions, and performs them one by one. */
import type { Arch } from "../linux/arch.ts";
import { SYSCALLS } from "../linux/syscall.ts";
import { createAarch64, patchAarch64 } from "./aarch64.ts";
import { emitCall } from "./compact-call.ts";
import {
  FIRST_INSTRUCTION,
  FIRST_OPERAND,
  MOST_SLOTS,
  OP,
  OPERAND,
  OWN,
  PROGRAM_OFFSET,
  SLOT_OPERAND,
} from "./compact-format.ts";
import { goOn, type Machine, only, PLACES, slotOf, take } from "./compact-machine.ts";
import { emitFailure } from "./compact-report.ts";
import {
  emitBranch,
  emitCompute,
  emitDigits,
  emitGiven,
  emitLoad,
  emitNext,
  emitStore,
} from "./compact-steps.ts";
import { emitUnpack } from "./compact-unpack.ts";
import { usualErrnoTexts } from "./errno-texts.ts";
import {
  bindLabel,
  createImage,
  createLabel,
  FIXUP,
  type Image,
  type Patch,
  type Reference,
  reference,
  SLOTS,
} from "./image.ts";
import { emitDecimal } from "./routine.ts";
import { createX86, nearJumps, patchX86 } from "./x86_64.ts";

/** Unpacks the program, and goes to its first instruction. */
function emitStart(machine: Machine): void {
  const { asm, pc, base, next } = machine;
  const { args, value } = asm.registers;
  const [to, from] = args;
  asm.enter();
  asm.stackPointer(value);
  asm.storeSlot(OWN.start, value);
  asm.address(base, reference(SLOTS, 0));
  asm.move(to, base);
  asm.operateInteger("add", to, PROGRAM_OFFSET);
  asm.address(from, PLACES.packed);
  asm.call(machine.unpack);
  asm.move(pc, base);
  asm.operateInteger("add", pc, PROGRAM_OFFSET + FIRST_INSTRUCTION);
  asm.jump(next);
}

/** A routine: the operand at `pc` in `value`; destroys `pointer` alone. */
function emitOperand(machine: Machine): void {
  const { asm, image, base, operand } = machine;
  const { value, pointer } = asm.registers;
  bindLabel(image, operand);
  take(machine, value, 1);
  only(machine, value, "ge", FIRST_OPERAND, () => asm.return());
  only(machine, value, "lt", SLOT_OPERAND, () => {
    slotOf(machine, value);
    asm.load(value, value, -SLOT_OPERAND * 8, 8);
    asm.return();
  });
  only(machine, value, "ne", OPERAND.slot, () => {
    take(machine, value, 1);
    slotOf(machine, value);
    asm.load(value, value, 0, 8);
    asm.return();
  });
  only(machine, value, "ne", OPERAND.minus, () => {
    take(machine, pointer, 1);
    asm.integer(value, 0);
    asm.operate("sub", value, pointer);
    asm.return();
  });
  for (const [kind, size] of [
    [OPERAND.word2, 2],
    [OPERAND.word4, 4],
    [OPERAND.word8, 8],
  ] as const) {
    only(machine, value, "ne", kind, () => {
      take(machine, value, size);
      asm.return();
    });
  }
  const far = createLabel(image);
  asm.operateInteger("cmp", value, OPERAND.address4);
  asm.branch("eq", far);
  take(machine, value, 2);
  asm.operate("add", value, base);
  asm.return();
  bindLabel(image, far);
  take(machine, value, 4);
  asm.operate("add", value, base);
  asm.return();
}

/** Emits all of it; what it jumps to first is its beginning. */
function emitMachine(machine: Machine): void {
  const { asm, image, pc, begin, next } = machine;
  const { args, value } = asm.registers;
  const op = args[3];
  const call = createLabel(image);
  emitStart(machine);
  bindLabel(image, next);
  asm.move(begin, pc);
  take(machine, value, 1);
  asm.operateInteger("cmp", value, OP.set);
  asm.branch("lt", call);
  asm.operateInteger("sub", value, OP.set);
  asm.move(op, value);
  only(machine, op, "ge", OP.eq - OP.set, () => emitCompute(machine, op));
  only(machine, op, "ge", OP.jump - OP.set, () => emitBranch(machine, op));
  only(machine, op, "ne", OP.jump - OP.set, () => {
    take(machine, value, 2);
    goOn(machine, value);
  });
  only(machine, op, "ge", OP.store1 - OP.set, () => emitLoad(machine, op));
  only(machine, op, "ge", OP.decimal - OP.set, () => emitStore(machine, op));
  only(machine, op, "ne", OP.decimal - OP.set, () => emitDigits(machine));
  only(machine, op, "ne", OP.next - OP.set, () => emitNext(machine));
  only(machine, op, "ne", OP.given - OP.set, () => emitGiven(machine));
  emitFailure(machine);
  bindLabel(image, call);
  emitCall(machine);
  emitOperand(machine);
  bindLabel(image, machine.slotRoutine);
  take(machine, value, 1);
  slotOf(machine, value);
  asm.return();
  bindLabel(image, machine.goOn);
  asm.move(pc, machine.base);
  asm.operate("add", pc, asm.registers.pointer);
  asm.operateInteger("add", pc, PROGRAM_OFFSET);
  asm.jump(next);
}

/** The code, which is the same for every plan, and what it wants to be told of. */
function assemble(arch: Arch, near?: ReadonlySet<number>): Image {
  const image = createImage(arch === "x86_64" ? 1 : 4, near);
  const asm = arch === "x86_64" ? createX86(image) : createAarch64(image, true);
  // On x86_64 r14 takes shorter forms than r12 and r13.
  const [begin, free, pc, base] = asm.registers.spare;
  const [start, next, operand] = [createLabel(image), createLabel(image), createLabel(image)];
  const [failure, slotRoutine, goOnLabel] = [createLabel(image), createLabel(image), createLabel(image)];
  asm.jump(start);
  const decimal = emitDecimal(asm, image);
  const unpack = emitUnpack(asm, image);
  bindLabel(image, start);
  emitMachine({
    asm,
    image,
    syscalls: SYSCALLS[arch],
    lastErrno: usualErrnoTexts().length,
    pc,
    begin,
    base,
    free,
    next,
    operand,
    decimal,
    unpack,
    failure,
    slotRoutine,
    goOn: goOnLabel,
  });
  return image;
}

const assembled = new Map<Arch, Image>();

function machineCode(arch: Arch): Image {
  let image = assembled.get(arch);
  if (image === undefined) {
    image = assemble(arch);
    // Once more when it is known which jumps are near; the distances can only become smaller.
    if (arch === "x86_64") image = assemble(arch, nearJumps(image));
    assembled.set(arch, image);
  }
  return image;
}

export const patchOf = (arch: Arch): Patch => (arch === "x86_64" ? patchX86 : patchAarch64);

/** An image that has the code for one program, and what is told to it: places by those of PLACES. */
export function createCompact(arch: Arch, places: ReadonlyMap<Reference, Reference>): Image {
  const { code, labels, fixups, unit } = machineCode(arch);
  return {
    ...createImage(unit),
    code,
    labels,
    fixups: fixups.map((part, index) => (index % FIXUP === FIXUP - 1 ? (places.get(part) ?? part) : part)),
    slotsSize: MOST_SLOTS * 8,
  };
}
