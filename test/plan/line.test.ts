import { expect, test } from "bun:test";
import { set, slot } from "../../src/plan/build.ts";
import { optional, part, putNumber, putWord, writeLine } from "../../src/plan/line.ts";
import { contract } from "../emit/machine.ts";

const STDOUT = 1;

contract("a line is written of texts, words and numbers, as they are when it is written", (machine) => {
  const [number, word] = [part("number"), part("word")];
  const [shown, hidden] = [optional("shown", "é "), optional("hidden", "never")];
  const value = slot("value");
  const { stdout } = machine.run([
    set(value, -1),
    ...putWord(number, "null"),
    putNumber(number, value),
    ...putWord(word, "a word of 24 characters!"),
    ...putWord(word, "short"),
    shown.show,
    writeLine("say it", STDOUT, ["<", shown, hidden, number, " ", word, ">\n"]),
  ]);
  expect(stdout.toString()).toBe("<é 18446744073709551615 short>\n");
});

contract("a part that nothing was put into is empty", (machine) => {
  const { stdout } = machine.run([writeLine("say it", STDOUT, ["a", part("nothing"), "b"])]);
  expect(stdout.toString()).toBe("ab");
});

test("a word that does not fit is refused when it is planned", () => {
  expect(() => putWord(part("word"), "x".repeat(25))).toThrow("too long for a part");
});
