/** A line that the running program puts together, and writes by one call: nothing can come between. */
import { buffer, bytes, call, set, slot, store, struct } from "./build.ts";
import type { Argument, Buffer, Bytes, Call, Slot, Step, Value } from "./step.ts";

/** A part of a line whose bytes, or whose length, the program finds out; nothing until it is put there. */
export interface Part {
  readonly place: Buffer | Bytes | Slot;
  readonly length: Slot;
}

const encoder = new TextEncoder();

/** The digits of 2^64, a zero byte, and whole words. */
const PART_SIZE = 24;
const WORD = 8;

/** A place for a number or a short word. */
export const part = (name: string): Part & { readonly place: Buffer } => ({
  place: buffer(name, PART_SIZE),
  length: slot(`length of ${name}`),
});

/** A text that the program shows or leaves out. */
export const optional = (name: string, text: string): Part & { readonly show: Step } => {
  const data = encoder.encode(text);
  const length = slot(`length of ${name}`);
  return { place: bytes(data, JSON.stringify(text)), length, show: set(length, data.length) };
};

/** Puts a word of at most 24 bytes. */
export function putWord({ place, length }: ReturnType<typeof part>, word: string): Step[] {
  const data = encoder.encode(word);
  if (data.length > PART_SIZE) throw new RangeError(`${word} is too long for a part`);
  const view = new DataView(new ArrayBuffer(PART_SIZE));
  for (const [index, byte] of data.entries()) view.setUint8(index, byte);
  const words = Array.from({ length: Math.ceil(data.length / WORD) }, (_, index) => index * WORD);
  return [
    ...words.map((at) => store(place, at, WORD, view.getBigUint64(at, true))),
    set(length, data.length),
  ];
}

export const putNumber = ({ place, length }: ReturnType<typeof part>, value: Value): Step => ({
  kind: "decimal",
  to: place,
  value,
  length,
});

/** Writes constant texts and parts to a descriptor. */
export function writeLine(
  why: string,
  descriptor: number | Slot,
  pieces: readonly (string | Part)[],
  special?: Pick<Call, "errors" | "into">,
): Step {
  const rows = pieces.flatMap((piece): [string, 8, Argument][] => {
    const data = typeof piece === "string" ? encoder.encode(piece) : undefined;
    const [place, length] =
      typeof piece === "string"
        ? [bytes(data ?? new Uint8Array(), JSON.stringify(piece)), data?.length ?? 0]
        : [piece.place, piece.length];
    return [
      ["iov_base", 8, place],
      ["iov_len", 8, length],
    ];
  });
  return call(why, "writev", [descriptor, struct("iovec", rows), pieces.length], special);
}
