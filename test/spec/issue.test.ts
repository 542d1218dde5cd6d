import { expect, test } from "bun:test";
import * as v from "valibot";
import { problemText } from "../../src/spec/error.ts";
import { issueProblem } from "../../src/spec/issue.ts";

const said = (schema: v.GenericSchema, value: unknown): string[] =>
  (v.safeParse(schema, value).issues ?? []).map((issue) => problemText(issueProblem(issue)));

const custom = v.custom<number>(() => false, "an odd number");

test("what valibot calls by a type is called by a word", () => {
  const schema = v.object({ flag: v.boolean(), list: v.array(v.boolean()) });
  expect(said(schema, { flag: 1, list: {} })).toEqual([
    "flag: expected true or false, received 1",
    "list: expected an array, received an empty object",
  ]);
  expect(said(schema, 1)).toEqual(["expected an object, received 1"]);
});

test("a field that is missing is required, whatever its type", () => {
  expect(said(v.object({ a: v.object({ b: v.boolean() }) }), { a: {} })).toEqual([
    "a.b: expected a value (it is required), received nothing",
  ]);
});

test("the message of a check of our own is what was expected", () => {
  expect(said(v.object({ a: v.array(custom) }), { a: [2] })).toEqual([
    "a[0]: expected an odd number, received 2",
  ]);
});

test("a key that is not known is told at the object, by its name", () => {
  const schema = v.object({ a: v.strictObject({ b: v.optional(v.boolean()) }, "the key b") });
  expect(said(schema, { a: { c: 1 } })).toEqual(['a: expected the key b, received "c"']);
});
