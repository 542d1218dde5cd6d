import { expect, test } from "bun:test";
import { alignmentOf, fits, isList, isVariant, TypeMismatch, typesOf } from "../../src/dbus/value.ts";

test("a signature is taken apart into complete types", () => {
  expect(typesOf("")).toEqual([]);
  expect(typesOf("ssa(sv)a(sa(sv))")).toEqual(["s", "s", "a(sv)", "a(sa(sv))"]);
  expect(typesOf("aaya{s(ii)}v")).toEqual(["aay", "a{s(ii)}", "v"]);
});

test("a signature that ends too early is refused", () => {
  for (const signature of ["a", "(s", "a{s", "(a"]) expect(() => typesOf(signature)).toThrow(TypeMismatch);
});

test("values are aligned by the first letter of their type", () => {
  const types = ["y", "g", "v", "n", "q", "i", "u", "b", "s", "o", "as", "x", "t", "d", "(y)", "{sv}"];
  expect(types.map(alignmentOf)).toEqual([1, 1, 1, 2, 2, 4, 4, 4, 4, 4, 4, 8, 8, 8, 8, 8]);
});

test("integers fit into their types up to the last one", () => {
  expect([fits("y", 255n), fits("y", 256n), fits("n", -32768n), fits("n", 32768n)]).toEqual([
    true,
    false,
    true,
    false,
  ]);
  expect([fits("t", 2n ** 64n - 1n), fits("t", 2n ** 64n), fits("x", -(2n ** 63n)), fits("s", 0n)]).toEqual([
    true,
    false,
    true,
    false,
  ]);
});

test("lists and variants are told apart", () => {
  expect([isList([]), isList({ signature: "s", value: "" }), isList("a")]).toEqual([true, false, false]);
  expect([isVariant([]), isVariant({ signature: "s", value: "" }), isVariant(undefined)]).toEqual([
    false,
    true,
    false,
  ]);
});
