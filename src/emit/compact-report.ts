/** How compact programs tell of failures: texts are unpacked, and put together on standard error. */
import type { Register } from "./assembler.ts";
import { GUARD_ENTRY, OWN, OWN_TEXTS, PROGRAM_OFFSET } from "./compact-format.ts";
import { goOn, type Machine, take } from "./compact-machine.ts";
import { FIRST_LITERAL, FIRST_LOW_PAIR, FIRST_PAIR, HIGH_PAIRS, RAW, TEXT_WITHIN } from "./compact-text.ts";
import { bindLabel, boundLabel, createLabel } from "./image.ts";
import { emitAppend } from "./routine.ts";

const POINTER = 8;
/** What is larger than a byte is an address. */
const BYTES = 256;

/**
 * A routine: appends the text whose number the second argument holds to the first, which is left behind it.
 * Destroys all arguments and scratch.
 */
function emitExpand(machine: Machine): number {
  const { asm, image, places } = machine;
  const { args, value } = asm.registers;
  const [out, number, , top, item] = args;
  const push = (register: Register): void => {
    asm.store(top, 0, register, 8);
    asm.operateInteger("add", top, POINTER);
  };
  const takeByte = (to: Register): void => {
    asm.load(to, item, 0, 1);
    asm.operateInteger("add", item, 1);
  };
  const label = boundLabel(image);
  asm.address(top, places.stack);
  const find = boundLabel(image);
  const [found, end, code] = [createLabel(image), createLabel(image), createLabel(image)];
  const [within, raw] = [createLabel(image), createLabel(image)];
  asm.address(item, places.texts);
  const skipText = boundLabel(image);
  asm.operateInteger("cmp", number, 0);
  asm.branch("eq", found);
  const skipByte = boundLabel(image);
  takeByte(value);
  asm.operateInteger("cmp", value, 0);
  asm.branch("ne", skipByte);
  asm.operateInteger("sub", number, 1);
  asm.jump(skipText);
  bindLabel(image, found);
  push(item);

  const loop = boundLabel(image);
  asm.address(value, places.stack);
  asm.operate("cmp", top, value);
  asm.branch("eq", end);
  asm.operateInteger("sub", top, POINTER);
  asm.load(item, top, 0, 8);
  asm.operateInteger("cmp", item, BYTES);
  asm.branch("lt", code);
  takeByte(value);
  asm.operateInteger("cmp", value, 0);
  asm.branch("eq", loop);
  asm.operateInteger("cmp", value, TEXT_WITHIN);
  asm.branch("eq", within);
  asm.operateInteger("cmp", value, RAW);
  asm.branch("eq", raw);
  push(item);
  asm.move(item, value);
  asm.jump(code);

  bindLabel(image, within);
  takeByte(number);
  asm.operateInteger("sub", number, 1);
  push(item);
  asm.jump(find);

  bindLabel(image, raw);
  takeByte(value);
  push(item);
  asm.store(out, 0, value, 1);
  asm.operateInteger("add", out, 1);
  asm.jump(loop);

  bindLabel(image, code);
  emitCode(machine, loop, push);
  bindLabel(image, end);
  asm.return();
  return label;
}

/** What one byte stands for: itself, or two others that are to come next. */
function emitCode({ asm, image, places }: Machine, loop: number, push: (register: Register) => void): void {
  const { args, value } = asm.registers;
  const [out, , , , item] = args;
  const [high, literal] = [createLabel(image), createLabel(image)];
  asm.operateInteger("cmp", item, FIRST_PAIR);
  asm.branch("ge", high);
  asm.operateInteger("cmp", item, FIRST_LITERAL);
  asm.branch("ge", literal);
  asm.operateInteger("add", item, FIRST_PAIR + HIGH_PAIRS - FIRST_LOW_PAIR);
  bindLabel(image, high);
  asm.operateInteger("sub", item, FIRST_PAIR);
  asm.shiftLeft(item, 1);
  asm.address(value, places.pairs);
  asm.operate("add", item, value);
  asm.load(value, item, 1, 1);
  push(value);
  asm.load(value, item, 0, 1);
  push(value);
  asm.jump(loop);

  bindLabel(image, literal);
  asm.store(out, 0, item, 1);
  asm.operateInteger("add", out, 1);
  asm.jump(loop);
}

/** The two characters of a text. */
const two = (text: string): number => text.charCodeAt(0) | (text.charCodeAt(1) << 8);

/** Both a `fail` step and a call that has failed come here. */
export function emitFailure(machine: Machine): void {
  const { asm, image, places, begin, failure } = machine;
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
  const append = emitAppend(asm, image);
  const expand = emitExpand(machine);
  const put = (characters: string): void => {
    asm.integer(value, characters.length === 2 ? two(characters) : characters.charCodeAt(0));
    asm.store(out, 0, value, characters.length === 2 ? 2 : 1);
    asm.operateInteger("add", out, characters.length);
  };

  bindLabel(image, failure);
  asm.address(out, places.line);
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
  emitErrno(machine, expand);
  emitHint(machine, expand);
  bindLabel(image, end);
  put("\n");
  asm.address(text, places.line);
  asm.move(args[2], out);
  asm.operate("sub", args[2], text);
  asm.integer(args[0], 2);
  asm.syscall(places.write);
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
function emitErrno(machine: Machine, expand: number): void {
  const { asm, image, places, decimal, pc } = machine;
  const { args } = asm.registers;
  const [out, text] = args;
  const [other, known] = [createLabel(image), createLabel(image)];
  // No instruction is read any more before a guard sets it anew.
  asm.move(pc, out);
  asm.loadSlot(text, OWN.errno);
  asm.operateInteger("cmp", text, places.lastErrno);
  asm.branch("gt", other);
  asm.operateInteger("add", text, places.firstErrno - 1);
  asm.call(expand);
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
  const { asm, image, places, base } = machine;
  const { args, value } = asm.registers;
  const [target, limit, , , at] = args;
  const exit = createLabel(image);
  const found = createLabel(image);
  asm.integer(target, 0);
  asm.operate("sub", begin, base);
  asm.operateInteger("sub", begin, PROGRAM_OFFSET);
  asm.move(at, base);
  asm.operateInteger("add", at, PROGRAM_OFFSET + places.guards);
  asm.move(limit, base);
  asm.operateInteger("add", limit, PROGRAM_OFFSET + places.guardsEnd);
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
  asm.syscall(places.exitGroup);
}
