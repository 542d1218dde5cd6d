/** Texts as the compiled program looks at them, on both architectures. */
import { expect } from "bun:test";
import { call, exit, label, slot } from "../../src/plan/build.ts";
import type { Plan, Step } from "../../src/plan/step.ts";
import { ifEmpty, ifText, skipText, unlessAscii, unlessId } from "../../src/plan/text.ts";
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
