/** System calls of compact programs, and what the expected failures of them lead to. */
import type { Register } from "./assembler.ts";
import {
  ANY_ERRNO,
  CALL_ERRORS,
  CALL_EXIT_CODE,
  CALL_HINTS,
  CALL_INTO,
  CALL_LONG,
  CALL_REST,
  CALL_SUBJECT,
  OWN,
  TARGET_IGNORE,
  TARGET_RETRY,
} from "./compact-format.ts";
import { goOn, type Machine, PLACES, slotOf, take } from "./compact-machine.ts";
import { bindLabel, boundLabel, createLabel } from "./image.ts";

const DEFAULT_EXIT_CODE = 125;
/** Results from −4095 on are errnos. */
const LAST_ERROR = -4095;

/** What follows is done only when `flags` have the bit. */
function when({ asm, image }: Machine, flags: Register, bit: number, body: () => void): void {
  const end = createLabel(image);
  asm.operateInteger("test", flags, bit);
  asm.branch("none", end);
  body();
  bindLabel(image, end);
}

/** Stores the result where the call wants it. */
function keepResult(machine: Machine, result: Register): void {
  const { asm } = machine;
  const { value } = asm.registers;
  asm.call(machine.slotRoutine);
  asm.store(value, 0, result, 8);
}

/** `value` holds the opcode. */
export function emitCall(machine: Machine): void {
  const { asm, image, pc, base, next } = machine;
  const { args, value, pointer, result: returned } = asm.registers;
  const [, result, flags, count, to, entry] = args;
  // The entry of the call: calls + opcode * CALL_ENTRY.
  asm.move(entry, value);
  asm.shiftLeft(entry, 2);
  asm.operate("add", entry, value);
  asm.address(value, PLACES.calls);
  asm.operate("add", entry, value);
  asm.load(value, entry, 3, 2);
  asm.storeSlot(OWN.callName, value);
  asm.load(count, entry, 2, 1);
  asm.move(to, base);
  const ready = createLabel(image);
  const argument = boundLabel(image);
  asm.operateInteger("cmp", count, 0);
  asm.branch("eq", ready);
  asm.call(machine.operand);
  asm.store(to, OWN.argument * 8, value, 8);
  asm.operateInteger("add", to, 8);
  asm.operateInteger("sub", count, 1);
  asm.jump(argument);
  bindLabel(image, ready);
  asm.load(value, entry, 0, 2);
  for (const [index, register] of args.entries()) asm.loadSlot(register, OWN.argument + index);
  asm.syscallOfValue();
  asm.move(result, returned);
  take(machine, flags, 1);
  take(machine, pointer, 1);
  asm.storeSlot(OWN.text, pointer);
  when(machine, flags, CALL_LONG, () => {
    take(machine, value, 1);
    asm.shiftLeft(value, 8);
    asm.operate("add", value, pointer);
    asm.storeSlot(OWN.text, value);
  });
  const [done, failed] = [createLabel(image), createLabel(image)];
  asm.operateInteger("cmp", result, 0);
  asm.branch("ge", done);
  asm.operateInteger("cmp", result, LAST_ERROR);
  asm.branch("ge", failed);
  bindLabel(image, done);
  when(machine, flags, CALL_INTO, () => keepResult(machine, result));
  when(machine, flags, CALL_REST, () => {
    take(machine, value, 1);
    asm.operate("add", pc, value);
  });
  asm.jump(next);
  bindLabel(image, failed);
  emitFailed(machine, done);
}

/** Reads what a failed call is to do; `done` is where an ignored failure goes on. */
function emitFailed(machine: Machine, done: number): void {
  const { asm, image, pc, begin, next, failure } = machine;
  const { args, value } = asm.registers;
  const [target, result, flags, left, at, errno] = args;
  asm.integer(errno, 0);
  asm.operate("sub", errno, result);
  asm.storeSlot(OWN.errno, errno);
  asm.integer(value, 0);
  asm.storeSlot(OWN.subject, value);
  asm.storeSlot(OWN.hints, value);
  asm.integer(value, DEFAULT_EXIT_CODE);
  asm.storeSlot(OWN.exitCode, value);
  asm.move(at, pc);
  const read = (size: 1 | 2): void => {
    asm.load(value, at, 0, size);
    asm.operateInteger("add", at, size);
  };
  when(machine, flags, CALL_INTO, () => asm.operateInteger("add", at, 1));
  when(machine, flags, CALL_REST, () => asm.operateInteger("add", at, 1));
  when(machine, flags, CALL_SUBJECT, () => {
    read(1);
    slotOf(machine, value);
    asm.load(value, value, 0, 8);
    asm.storeSlot(OWN.subject, value);
  });
  when(machine, flags, CALL_EXIT_CODE, () => {
    read(1);
    asm.storeSlot(OWN.exitCode, value);
  });
  when(machine, flags, CALL_HINTS, () => {
    read(2);
    asm.storeSlot(OWN.hints, value);
  });
  when(machine, flags, CALL_ERRORS, () => {
    const end = createLabel(image);
    asm.load(left, at, 0, 1);
    const entry = boundLabel(image);
    asm.operateInteger("cmp", left, 0);
    asm.branch("eq", end);
    asm.operateInteger("sub", left, 1);
    // After the count, three bytes an entry.
    asm.load(value, at, 1, 1);
    asm.load(target, at, 2, 2);
    asm.operateInteger("add", at, 3);
    const match = createLabel(image);
    asm.operateInteger("cmp", value, ANY_ERRNO);
    asm.branch("eq", match);
    asm.operate("cmp", value, errno);
    asm.branch("ne", entry);
    bindLabel(image, match);
    asm.operateInteger("cmp", target, TARGET_IGNORE);
    asm.branch("eq", done);
    const elsewhere = createLabel(image);
    asm.operateInteger("cmp", target, TARGET_RETRY);
    asm.branch("ne", elsewhere);
    asm.move(pc, begin);
    asm.jump(next);
    bindLabel(image, elsewhere);
    when(machine, flags, CALL_INTO, () => keepResult(machine, result));
    goOn(machine, target);
    bindLabel(image, end);
  });
  asm.jump(failure);
}
