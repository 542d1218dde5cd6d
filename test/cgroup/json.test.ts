import { expect, test } from "bun:test";
import { jsonText } from "../../src/cgroup/json.ts";

test("a value becomes the JSON that it would be elsewhere, and what is undefined is left out", () => {
  const value = { a: [1, "x\n", null], b: { c: undefined, d: {} }, e: 2n ** 64n };
  expect(jsonText(value)).toBe('{"a":[1,"x\\n",null],"b":{"d":{}},"e":18446744073709551616}');
});
