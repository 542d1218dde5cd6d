/** How compact programs tell of failures: texts are unpacked, and put together on standard error. */
import type { Register } from "./assembler.ts";
import { GUARD_ENTRY, OWN, OWN_TEXTS, PROGRAM_OFFSET } from "./compact-format.ts";
import { goOn, type Machine, PLACES, take } from "./compact-machine.ts";
import { emitUnpackTexts } from "./compact-range-unpack.ts";
import { bindLabel, boundLabel, createLabel } from "./image.ts";
import { emitAppend } from "./routine.ts";

interface TextRoutines {
  /** Appends the bytes at the second argument to the first. */
  readonly append: number;
  /** The same with the text of the plan, or of an errno from 0 on, whose number the second argument holds. */
  readonly text: number;
  readonly errnoText: number;
}

/**
 * Routines that append NUL-terminated bytes to the first argument, and leave it behind them. They destroy the
 * second and fifth argument and `value`.
 */
function emitTexts({ asm, image }: Machine): TextRoutines {
  const { args, value } = asm.registers;
  const [, number, , , at] = args;
  const [next, found] = [createLabel(image), createLabel(image)];
  const errnoText = boundLabel(image);
  asm.address(at, PLACES.errnos);
  asm.jump(next);
  const text = boundLabel(image);
  asm.address(at, PLACES.texts);
  bindLabel(image, next);
  const skipText = boundLabel(image);
  asm.operateInteger("sub", number, 1);
  asm.operateInteger("cmp", number, 0);
  asm.branch("lt", found);
  const skipByte = boundLabel(image);
  asm.load(value, at, 0, 1);
  asm.operateInteger("add", at, 1);
  asm.operateInteger("cmp", value, 0);
  asm.branch("ne", skipByte);
  asm.jump(skipText);
  bindLabel(image, found);
  asm.move(number, at);
  return { append: emitAppend(asm, image), text, errnoText };
}

/** The two characters of a text. */
const two = (text: string): number => text.charCodeAt(0) | (text.charCodeAt(1) << 8);

/** Both a `fail` step and a call that has failed come here. */
export function emitFailure(machine: Machine): void {
  const { asm, image, syscalls, begin, failure } = machine;
  const { args, value } = asm.registers;
  const [out, text] = args;
  // The step: the number of its text, and the exit code.
  take(machine, value, 2);
  asm.storeSlot(OWN.text, value);
  take(machine, value, 1);
  asm.storeSlot(OWN.exitCode, value);
  asm.integer(value, 0);
  asm.storeSlot(OWN.errno, value);
  asm.storeSlot(OWN.subject, value);
  asm.jump(failure);
  const { append, text: expand, errnoText } = emitTexts(machine);
  const put = (characters: string): void => {
    asm.integer(value, characters.length === 2 ? two(characters) : characters.charCodeAt(0));
    asm.store(out, 0, value, characters.length === 2 ? 2 : 1);
    asm.operateInteger("add", out, characters.length);
  };

  bindLabel(image, failure);
  emitUnpackTexts(machine);
  asm.address(out, PLACES.line);
  const [named, alone, end] = [createLabel(image), createLabel(image), createLabel(image)];
  const unnamed = createLabel(image);
  asm.loadSlot(text, OWN.name);
  asm.operateInteger("cmp", text, 0);
  asm.branch("eq", unnamed);
  asm.call(append);
  asm.jump(named);
  bindLabel(image, unnamed);
  asm.integer(text, OWN_TEXTS.name);
  asm.call(expand);
  bindLabel(image, named);
  put(": ");
  asm.loadSlot(text, OWN.text);
  asm.call(expand);
  asm.loadSlot(text, OWN.subject);
  asm.operateInteger("cmp", text, 0);
  asm.branch("eq", alone);
  put(" ");
  asm.call(append);
  bindLabel(image, alone);
  asm.loadSlot(text, OWN.errno);
  asm.operateInteger("cmp", text, 0);
  asm.branch("eq", end);
  put(": ");
  asm.loadSlot(text, OWN.callName);
  asm.call(expand);
  put(": ");
  emitErrno(machine, expand, errnoText);
  emitHint(machine, expand);
  bindLabel(image, end);
  put("\n");
  asm.address(text, PLACES.line);
  asm.move(args[2], out);
  asm.operate("sub", args[2], text);
  asm.integer(args[0], 2);
  asm.syscall(syscalls.write);
  emitGuard(machine, begin);
}

/** "; hint: " and what can be done about the errno, if the call has said so. */
function emitHint({ asm, image, base }: Machine, expand: number): void {
  const { args, value, pointer } = asm.registers;
  const [, text, , left, at] = args;
  const noHint = createLabel(image);
  asm.loadSlot(value, OWN.hints);
  asm.operateInteger("cmp", value, 0);
  asm.branch("eq", noHint);
  // A count, and three bytes an entry: the errno and the number of the hint.
  asm.move(at, base);
  asm.operate("add", at, value);
  asm.load(left, at, PROGRAM_OFFSET, 1);
  asm.loadSlot(value, OWN.errno);
  const entry = boundLabel(image);
  asm.operateInteger("cmp", left, 0);
  asm.branch("eq", noHint);
  asm.operateInteger("sub", left, 1);
  asm.operateInteger("add", at, 3);
  asm.load(pointer, at, PROGRAM_OFFSET - 2, 1);
  asm.operate("cmp", pointer, value);
  asm.branch("ne", entry);
  asm.load(value, at, PROGRAM_OFFSET - 1, 2);
  asm.storeSlot(OWN.hints, value);
  asm.integer(text, OWN_TEXTS.hint);
  asm.call(expand);
  asm.loadSlot(text, OWN.hints);
  asm.call(expand);
  bindLabel(image, noHint);
}

/** "EPERM (operation not permitted)" or "errno 4711". */
function emitErrno(machine: Machine, expand: number, errnoText: number): void {
  const { asm, image, lastErrno, decimal, pc } = machine;
  const { args } = asm.registers;
  const [out, text] = args;
  const [other, known] = [createLabel(image), createLabel(image)];
  // No instruction is read any more before a guard sets it anew.
  asm.move(pc, out);
  asm.loadSlot(text, OWN.errno);
  asm.operateInteger("cmp", text, lastErrno);
  asm.branch("gt", other);
  asm.operateInteger("sub", text, 1);
  asm.call(errnoText);
  asm.operate("cmp", out, pc);
  asm.branch("ne", known);
  bindLabel(image, other);
  asm.integer(text, OWN_TEXTS.errno);
  asm.call(expand);
  asm.loadSlot(text, OWN.errno);
  asm.call(decimal);
  bindLabel(image, known);
}

/** Goes on where the guard of the instruction says, or exits. The last range that begins before it holds. */
function emitGuard(machine: Machine, begin: Register): void {
  const { asm, image, syscalls, base } = machine;
  const { args, value } = asm.registers;
  const [target, limit, , , at] = args;
  const exit = createLabel(image);
  const found = createLabel(image);
  asm.integer(target, 0);
  asm.operate("sub", begin, base);
  asm.operateInteger("sub", begin, PROGRAM_OFFSET);
  asm.address(at, PLACES.guards);
  asm.address(limit, PLACES.guardsEnd);
  const entry = boundLabel(image);
  asm.operate("cmp", at, limit);
  asm.branch("eq", found);
  asm.load(value, at, 0, 2);
  asm.operate("cmp", value, begin);
  asm.branch("gt", found);
  asm.load(target, at, 2, 2);
  asm.operateInteger("add", at, GUARD_ENTRY);
  asm.jump(entry);
  bindLabel(image, found);
  asm.operateInteger("cmp", target, 0);
  asm.branch("eq", exit);
  goOn(machine, target);
  bindLabel(image, exit);
  asm.loadSlot(target, OWN.exitCode);
  asm.syscall(syscalls.exit_group);
}
