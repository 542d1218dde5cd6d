import { expect, test } from "bun:test";
import { appendBytes, createConstants, intern, KIND, placeText } from "../../src/emit/compact-constants.ts";

const used = ({ constants, size }: ReturnType<typeof createConstants>): number[] => [
  ...constants.subarray(0, size),
];

test("texts are UTF-8, and equal ones are there once", () => {
  const data = createConstants();
  const place = placeText(data, "häß🙂");
  expect(placeText(data, `hä${"ß🙂"}`)).toBe(place);
  expect(used(data)).toEqual([...new TextEncoder().encode("häß🙂\0")]);
});

test("constants whose hash is the same are told apart by their bytes", () => {
  const data = createConstants();
  const add = (bytes: readonly number[]) => intern(data, KIND.bytes, appendBytes(data, bytes));
  const first = add([1, 2, 3]);
  const [hash] = data.known.keys();
  const [constant] = data.known.values();
  if (hash === undefined || constant === undefined) throw new Error("nothing is known");
  add([7, 8, 9]);
  // As if both had that hash.
  for (const [key, other] of data.known) if (key !== hash) data.known.set(hash, { ...other, next: constant });
  expect(add([1, 2, 3])).toBe(first);
  expect(used(data)).toEqual([1, 2, 3, 7, 8, 9]);
});
