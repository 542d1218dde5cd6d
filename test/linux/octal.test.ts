import { expect, test } from "bun:test";
import { unescapeOctal } from "../../src/linux/octal.ts";

test("octal escapes are undone, and nothing else is", () => {
  expect(unescapeOctal("/a\\040b\\011c\\012d\\134e\\043")).toBe("/a b\tc\nd\\e#");
  expect(unescapeOctal("/plain")).toBe("/plain");
  expect(unescapeOctal("/half\\04")).toBe("/half\\04");
});
