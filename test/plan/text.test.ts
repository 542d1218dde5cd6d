/** Texts as the compiled program looks at them, on both architectures. */
import { expect } from "bun:test";
import { bytes, call, exit, label, set, slot } from "../../src/plan/build.ts";
import type { Plan, Step } from "../../src/plan/step.ts";
import {
  ifEmpty,
  ifText,
  sameStart,
  sameText,
  skipText,
  unlessAscii,
  unlessId,
} from "../../src/plan/text.ts";
import { contract, type Machine } from "../emit/machine.ts";

const TEXT = slot("text");

/** Exits with 1 when the steps go on at "yes". */
const asks = (...steps: readonly Step[]): Plan => [
  { kind: "given", into: TEXT, what: 1 },
  ...steps,
  exit(0, "no"),
  label("yes"),
  exit(1, "yes"),
];

/** The texts for which the steps go on at "yes". */
const chosen = ({ run }: Machine, texts: readonly string[], ...steps: readonly Step[]): string[] =>
  texts.filter((text) => run(asks(...steps), undefined, { args: [text], env: {} }).code === 1);

contract("a text is compared whole, or its beginning, also across eight bytes", (machine) => {
  const texts = ["--force", "--forc", "--forced", "-f", "", "--force=1"];
  expect(chosen(machine, texts, ...ifText(TEXT, "--force", true, "yes"))).toEqual(["--force"]);
  expect(chosen(machine, texts, ...ifText(TEXT, "--force", false, "yes"))).toEqual([
    "--force",
    "--forced",
    "--force=1",
  ]);
  const long = ["--log-format", "--log-format=x", "--log-formaX", "--log-fo", "--log-formats"];
  expect(chosen(machine, long, ...ifText(TEXT, "--log-format", true, "yes"))).toEqual(["--log-format"]);
  expect(chosen(machine, long, ...ifText(TEXT, "--log-format=", false, "yes"))).toEqual(["--log-format=x"]);
});

contract("an empty text and one that is not ASCII are found", (machine) => {
  expect(chosen(machine, ["", "a"], ...ifEmpty(TEXT, "yes"))).toEqual([""]);
  const texts = ["", "plain ~", "grün", "ü"];
  expect(chosen(machine, texts, ...unlessAscii("text", TEXT, "yes"))).toEqual(["grün", "ü"]);
});

contract("an id is letters, digits and a few marks, and not too long", (machine) => {
  const ids = ["a", "Z", "0", "box-1_a.b+c", "123456789012"];
  const others = [
    "",
    ".",
    "..",
    "-a",
    "a/b",
    "a b",
    "a\n",
    "ä",
    "a@",
    "a[",
    "a`",
    "a{",
    "a:",
    "1234567890123",
  ];
  expect(chosen(machine, [...ids, ...others], ...unlessId(TEXT, 12, "yes"))).toEqual(others);
});

contract("behind a text lies the next one", ({ run }) => {
  const plan: Plan = [
    { kind: "given", into: TEXT, what: 1 },
    ...skipText("text", TEXT),
    call("say", "write", [1, TEXT, 6]),
  ];
  expect(run(plan, undefined, { args: ["first", "second"] }).stdout.toString()).toBe("second");
});

contract("two texts are compared whole, or by the beginning of one", (machine) => {
  const other = slot("other");
  const same = [set(other, "abc"), ...sameText("texts", TEXT, other, "yes")];
  expect(chosen(machine, ["abc", "abd", "ab", "abcd", ""], ...same)).toEqual(["abd", "ab", "abcd", ""]);
  const starts = [set(other, "abc"), ...sameStart("texts", TEXT, other, "yes")];
  expect(chosen(machine, ["abc", "abd", "ab", "abcd", ""], ...starts)).toEqual(["abd", "ab", ""]);
});

contract("behind two texts that are the same stands what follows", ({ run }) => {
  const [first, second] = [slot("first"), slot("second")];
  const plan: Plan = [
    set(first, bytes(new TextEncoder().encode("one\0two\0"))),
    set(second, bytes(new TextEncoder().encode("one\0two\0"))),
    ...sameText("one", first, second, "no"),
    ...ifText(first, "two", true, "first"),
    exit(1, "first"),
    label("first"),
    ...ifText(second, "two", true, "second"),
    exit(2, "second"),
    label("no"),
    exit(3, "differ"),
    label("second"),
    exit(0, "same"),
  ];
  expect(run(plan).code).toBe(0);
});
