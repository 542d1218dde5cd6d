import { expect, test } from "bun:test";
import { PAIRS } from "../../src/emit/compact-pairs.ts";
import { decodeText, encodeText, encodeTexts, MOST_PAIRS } from "../../src/emit/compact-text.ts";
import { errnoTexts } from "../../src/emit/errno-texts.ts";

test("texts are read as they were written, whatever stands in them", () => {
  const texts = [
    "",
    "mount proc on /proc",
    "mount proc on /proc (nosuid): create what is missing of /proc",
    "mount proc on /proc (nosuid)",
    "…: ü, \u{1f4e6} and \x7f \x01",
    "x".repeat(500),
    ...errnoTexts(),
  ];
  const bytes = encodeTexts(texts);
  for (const [number, text] of texts.entries()) expect(decodeText(bytes, number)).toBe(text);
});

test("usual texts are less than half as long", () => {
  const text =
    "open the container's working directory: the user of the process may not search this directory";
  expect(encodeText(text).length).toBeLessThan(text.length / 2);
});

test("no byte of a text is the end of it", () => {
  expect(encodeText("\x01\x02 ü every byte")).not.toContain(0);
  expect(PAIRS.length).toBeLessThanOrEqual(MOST_PAIRS);
});
