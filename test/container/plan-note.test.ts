import { expect, test } from "bun:test";
import { deflateRawSync } from "node:zlib";
import { compileFile } from "../../src/container/compile.ts";
import { PLAN_LINES } from "../../src/container/plan-lines.ts";
import { NOTE_NAME, OLD_NOTE_NAME, packPlanText, unpackPlanText } from "../../src/container/plan-note.ts";
import { readNotes } from "../../src/emit/note.ts";
import { printPlan } from "../../src/plan/print.ts";
import { defaultSpec } from "../../src/spec/default.ts";

const unpack = (bytes: Uint8Array, name = NOTE_NAME) => unpackPlanText(new Map([[name, bytes]]));

test("the lines that the files of a release refer to are what they were: others take another name", () => {
  const digest = new Bun.CryptoHasher("sha256").update(PLAN_LINES.join("\n")).digest("hex");
  expect({ name: NOTE_NAME, digest }).toEqual({
    name: "hutch2",
    digest: "62af1efe557bc7ad64e0702e56575ca96faf85a61e13c9af59c0bca08b5e2042",
  });
});

test("a text is unpacked as it was packed, and one that was only deflated is read", () => {
  for (const text of ["", "a line\n", `${PLAN_LINES.join("\n")}\n`, "ü".repeat(100_000)])
    expect(unpack(packPlanText(text))).toBe(text);
  expect(unpack(Bun.deflateSync("an old text"), OLD_NOTE_NAME)).toBe("an old text");
  expect(unpackPlanText(new Map())).toBeUndefined();
});

test("the text of the default bundle takes a few hundred bytes, and is its plan", async () => {
  const spec = { ...defaultSpec(), root: { path: "/rootfs" } };
  const { bytes, plan, arch } = await compileFile({ root: { spec }, user: undefined });
  const notes = readNotes(bytes)?.notes;
  expect(notes?.get(NOTE_NAME)?.length).toBeLessThan(500);
  expect(unpackPlanText(notes ?? new Map())).toBe(printPlan(plan, arch));
});

test("a note that tells no text, or one without end, is an error", () => {
  for (const bytes of [
    new Uint8Array(0),
    new Uint8Array(9).fill(0xff),
    deflateRawSync(new Uint8Array(2 ** 27)),
  ])
    for (const name of [NOTE_NAME, OLD_NOTE_NAME]) expect(() => unpack(bytes, name)).toThrow();
  const copies = Buffer.alloc(300_000, Uint8Array.of(0, 0xf8, 0x0d, 0, 0, 0xf8, 0x0d, 0xf1, 0x1b));
  expect(() => unpack(deflateRawSync(copies))).toThrow(RangeError);
});
