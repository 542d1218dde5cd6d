import { expect, test } from "bun:test";
import {
  ALIGNED,
  bindLabel,
  boundLabel,
  CODE,
  createImage,
  createLabel,
  LABEL,
  labelOffset,
  type Patch,
  POINTER,
  reference,
  resolve,
  SECTION_LIMIT,
  TEXT,
  WORD,
} from "../../src/emit/image.ts";

const LAYOUT = { offsets: [0, 16, 32], addresses: [0x1000, 0x1010, 0x1020, 0x2000] };
const patchNever: Patch = () => {
  throw new Error("not an own kind");
};

test("a label has no offset until it is bound", () => {
  const image = createImage(4);
  const label = createLabel(image);
  expect(labelOffset(image, label)).toBeLessThan(0);
  image.code.push(0, 0, 0);
  bindLabel(image, label);
  expect(labelOffset(image, label)).toBe(12);
  expect(labelOffset(image, boundLabel(image))).toBe(12);
});

test("places are filled with addresses, in 4 bytes and in 8", () => {
  const image = createImage(1);
  const view = new DataView(new ArrayBuffer(32));
  image.code.push(0, 0, 0, 0);
  const label = boundLabel(image);
  const fixups = [
    ...[reference(CODE, 0), WORD, reference(TEXT, 5)],
    ...[reference(ALIGNED, 8), POINTER, reference(LABEL, label)],
  ];
  expect(resolve(image, fixups, view, LAYOUT, patchNever)).toBe(true);
  expect(view.getUint32(0, true)).toBe(0x2005);
  expect(view.getBigUint64(24, true)).toBe(0x1004n);
});

test("a reference holds the largest offset", () => {
  const place = reference(LABEL, SECTION_LIMIT);
  expect([place & 15, place >> 4]).toEqual([LABEL, SECTION_LIMIT]);
});

test("a jump to a label that was never bound is a mistake, and a target out of reach is told", () => {
  const image = createImage(1);
  const view = new DataView(new ArrayBuffer(32));
  const label = createLabel(image);
  const bad = [reference(CODE, 0), WORD, reference(LABEL, label)];
  expect(() => resolve(image, bad, view, LAYOUT, patchNever)).toThrow("label 0 is not bound");
  const own = [reference(CODE, 0), 7, reference(TEXT, 0)];
  expect(resolve(image, own, view, LAYOUT, () => false)).toBe(false);
});
