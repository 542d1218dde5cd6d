/** The machine code that undoes the packing of compact-range.ts. */
import type { Register } from "./assembler.ts";
import { OWN } from "./compact-format.ts";
import { type Machine, PLACES } from "./compact-machine.ts";
import { BYTE_CELLS, CELL_SIZE, COUNT, FIRST_KIND, SMALLEST_RANGE } from "./compact-range.ts";
import { SHORTEST_COPY } from "./compact-range-parse.ts";
import { bindLabel, boundLabel, createLabel } from "./image.ts";

/** The registers that both the routine and what calls it use; the others are lost. */
interface Registers {
  readonly from: Register;
  readonly range: Register;
  readonly code: Register;
  /** The address of the cells, and the bits so far behind a 1. */
  readonly cells: Register;
  readonly node: Register;
  readonly cell: Register;
}

/** A routine: takes bits, one at least, until there are those of a byte. */
function emitTakeBits({ asm, image }: Machine, registers: Registers): void {
  const { from, range, code, cells, node, cell } = registers;
  const { value, pointer } = asm.registers;
  const [wide, zero, known] = [createLabel(image), createLabel(image), createLabel(image)];
  const next = boundLabel(image);
  asm.operateInteger("cmp", range, SMALLEST_RANGE);
  asm.branch("ge", wide);
  asm.shiftLeft(range, 8);
  asm.shiftLeft(code, 8);
  asm.load(value, from, 0, 1);
  asm.operate("add", code, value);
  asm.operateInteger("add", from, 1);
  asm.jump(next);
  bindLabel(image, wide);
  asm.move(cell, node);
  asm.shiftLeft(cell, Math.log2(CELL_SIZE));
  asm.operate("add", cell, cells);
  // The part of the range that zeros have.
  asm.load(pointer, cell, CELL_SIZE / 2, 4);
  asm.load(value, cell, 0, 4);
  asm.operate("add", pointer, value);
  asm.operateInteger("add", pointer, COUNT);
  asm.move(value, range);
  asm.divide(pointer);
  asm.load(pointer, cell, 0, 4);
  asm.operateInteger("add", pointer, 1);
  asm.multiply(value, pointer);
  asm.shiftLeft(node, 1);
  asm.operate("cmp", code, value);
  asm.branch("lt", zero);
  asm.operate("sub", code, value);
  asm.operate("sub", range, value);
  asm.operateInteger("add", node, 1);
  asm.operateInteger("add", cell, CELL_SIZE / 2);
  asm.jump(known);
  bindLabel(image, zero);
  asm.move(range, value);
  bindLabel(image, known);
  asm.load(value, cell, 0, 4);
  asm.operateInteger("add", value, COUNT);
  asm.store(cell, 0, value, 4);
  asm.operateInteger("cmp", node, BYTE_CELLS);
  asm.branch("lt", next);
  asm.return();
}

/** Unpacks the texts, unless that was done before; they begin behind a byte of zero, and with none. */
export function emitUnpackTexts(machine: Machine): void {
  const { asm, image, pc, free } = machine;
  const { args, value, pointer } = asm.registers;
  const [to, from, , cell, range, code] = args;
  // No instruction is read any more before a guard sets `pc` anew.
  const [cells, node] = [free, pc];
  const [start, done, copy] = [createLabel(image), createLabel(image), createLabel(image)];
  asm.address(to, PLACES.errnos);
  asm.load(value, to, 0, 1);
  asm.operateInteger("cmp", value, 0);
  asm.branch("ne", done);
  asm.jump(start);
  const takeByte = boundLabel(image);
  asm.integer(node, 1);
  const takeBits = boundLabel(image);
  emitTakeBits(machine, { from, range, code, cells, node, cell });
  bindLabel(image, start);
  asm.address(from, PLACES.packedTexts);
  asm.integer(range, 1);
  asm.integer(code, 0);
  const next = boundLabel(image);
  asm.load(node, to, -1, 1);
  asm.operateInteger("sub", node, -FIRST_KIND);
  asm.address(cells, PLACES.kinds);
  asm.call(takeBits);
  asm.operateInteger("test", node, 1);
  asm.branch("any", copy);
  asm.load(cells, to, -1, 1);
  asm.shiftRight(cells, 4);
  asm.shiftLeft(cells, Math.log2(BYTE_CELLS * CELL_SIZE));
  asm.address(value, PLACES.literals);
  asm.operate("add", cells, value);
  asm.call(takeByte);
  asm.store(to, 0, node, 1);
  asm.operateInteger("add", to, 1);
  const more = createLabel(image);
  asm.jump(more);
  bindLabel(image, copy);
  asm.address(cells, PLACES.ranks);
  asm.call(takeByte);
  asm.load(value, to, -1, 1);
  asm.move(cell, to);
  const back = boundLabel(image);
  asm.operateInteger("sub", cell, 1);
  asm.load(pointer, cell, -1, 1);
  asm.operate("cmp", pointer, value);
  asm.branch("ne", back);
  asm.operateInteger("sub", node, 1);
  asm.operateInteger("cmp", node, BYTE_CELLS);
  asm.branch("ge", back);
  asm.storeSlot(OWN.argument, cell);
  asm.address(cells, PLACES.lengths);
  asm.call(takeByte);
  asm.loadSlot(cell, OWN.argument);
  const byte = boundLabel(image);
  asm.load(value, cell, 0, 1);
  asm.store(to, 0, value, 1);
  asm.operateInteger("add", cell, 1);
  asm.operateInteger("add", to, 1);
  asm.operateInteger("sub", node, 1);
  asm.operateInteger("cmp", node, BYTE_CELLS - SHORTEST_COPY);
  asm.branch("ne", byte);
  bindLabel(image, more);
  asm.address(value, PLACES.line);
  asm.operate("cmp", to, value);
  asm.branch("lt", next);
  bindLabel(image, done);
}
