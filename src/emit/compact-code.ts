/** The machine code of compact programs: unpacks the instructions, and performs them one by one. */
import type { Arch } from "../linux/arch.ts";
import { createAarch64, patchAarch64 } from "./aarch64.ts";
import { emitCall } from "./compact-call.ts";
import { MOST_SLOTS, OP, OPERAND, OWN, PROGRAM_OFFSET, SLOT_OPERAND } from "./compact-format.ts";
import { LONG_MATCH, MATCH, SHORTEST_FAR, SHORTEST_NEAR } from "./compact-lz.ts";
import { type CompactPlaces, goOn, type Machine, only, slotOf, take } from "./compact-machine.ts";
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
import {
  bindLabel,
  boundLabel,
  createImage,
  createLabel,
  type Image,
  type Patch,
  reference,
  SLOTS,
} from "./image.ts";
import { emitDecimal } from "./routine.ts";
import { createX86, nearJumps, patchX86 } from "./x86_64.ts";

/** Unpacks the program, and goes to its first instruction. */
function emitStart(machine: Machine): void {
  const { asm, image, places, pc, base, next } = machine;
  const { args, value, pointer } = asm.registers;
  const [to, from, back, byte] = args;
  asm.enter();
  asm.stackPointer(value);
  asm.storeSlot(OWN.start, value);
  asm.address(base, reference(SLOTS, 0));
  asm.move(to, base);
  asm.operateInteger("add", to, PROGRAM_OFFSET);
  asm.address(from, places.packed);
  const [unpacked, match, far, copy] = [0, 0, 0, 0].map(() => createLabel(image));
  if (unpacked === undefined || match === undefined || far === undefined || copy === undefined) return;
  const token = boundLabel(image);
  asm.address(value, places.packedEnd);
  asm.operate("cmp", from, value);
  asm.branch("eq", unpacked);
  asm.load(value, from, 0, 1);
  asm.operateInteger("add", from, 1);
  asm.operateInteger("cmp", value, MATCH);
  asm.branch("ge", match);
  const literal = boundLabel(image);
  asm.load(pointer, from, 0, 1);
  asm.store(to, 0, pointer, 1);
  asm.operateInteger("add", from, 1);
  asm.operateInteger("add", to, 1);
  asm.operateInteger("sub", value, 1);
  asm.operateInteger("cmp", value, 0);
  asm.branch("ge", literal);
  asm.jump(token);
  bindLabel(image, match);
  asm.operateInteger("cmp", value, LONG_MATCH);
  asm.branch("ge", far);
  asm.load(pointer, from, 0, 1);
  asm.operateInteger("add", from, 1);
  asm.operateInteger("sub", value, MATCH - SHORTEST_NEAR);
  asm.jump(copy);
  bindLabel(image, far);
  asm.load(pointer, from, 0, 2);
  asm.operateInteger("add", from, 2);
  asm.operateInteger("sub", value, LONG_MATCH - SHORTEST_FAR);
  bindLabel(image, copy);
  asm.move(back, to);
  asm.operate("sub", back, pointer);
  asm.operateInteger("sub", back, 1);
  const more = boundLabel(image);
  asm.load(byte, back, 0, 1);
  asm.store(to, 0, byte, 1);
  asm.operateInteger("add", back, 1);
  asm.operateInteger("add", to, 1);
  asm.operateInteger("sub", value, 1);
  asm.operateInteger("cmp", value, 0);
  asm.branch("ne", more);
  asm.jump(token);
  bindLabel(image, unpacked);
  asm.move(pc, base);
  asm.operateInteger("add", pc, PROGRAM_OFFSET + places.first);
  asm.jump(next);
}

/** A routine: the operand at `pc` in `value`; destroys `pointer` alone. */
function emitOperand(machine: Machine): void {
  const { asm, image, base, operand } = machine;
  const { value, pointer } = asm.registers;
  bindLabel(image, operand);
  take(machine, value, 1);
  only(machine, value, "ge", SLOT_OPERAND, () => asm.return());
  only(machine, value, "ge", OPERAND.slot, () => {
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

/** The code for one program, as an image whose other sections `place` has filled. */
export function createCompact(
  arch: Arch,
  place: (image: Image) => CompactPlaces,
): { image: Image; patch: Patch } {
  // Once more when it is known which jumps are near; the distances can only become smaller.
  const first = assemble(arch, place, undefined);
  return arch === "x86_64" ? assemble(arch, place, nearJumps(first.image)) : first;
}

function assemble(
  arch: Arch,
  place: (image: Image) => CompactPlaces,
  near: ReadonlySet<number> | undefined,
): { image: Image; patch: Patch } {
  const image = createImage(arch === "x86_64" ? 1 : 4, near);
  const asm = arch === "x86_64" ? createX86(image) : createAarch64(image, true);
  // On x86_64 r14 takes shorter forms than r12 and r13.
  const [begin, , pc, base] = asm.registers.spare;
  const [start, next, operand] = [createLabel(image), createLabel(image), createLabel(image)];
  const [failure, slotRoutine, goOnLabel] = [createLabel(image), createLabel(image), createLabel(image)];
  asm.jump(start);
  const decimal = emitDecimal(asm, image);
  bindLabel(image, start);
  image.slotsSize = MOST_SLOTS * 8;
  emitMachine({
    asm,
    image,
    places: place(image),
    pc,
    begin,
    base,
    next,
    operand,
    decimal,
    failure,
    slotRoutine,
    goOn: goOnLabel,
  });
  return { image, patch: arch === "x86_64" ? patchX86 : patchAarch64 };
}
