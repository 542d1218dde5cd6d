import { expect, test } from "bun:test";
import { inWords } from "../../src/library/words.ts";
import { HutchError } from "../../src/linux/error.ts";

const thrown = (error: Error) => (): unknown =>
  inWords("container", () => {
    throw error;
  });

test("an option of the command line is named as the library names it", () => {
  const error = new HutchError({
    operation: "--cap-add NET",
    reason: "not with --read-only",
    hint: "--cpus 2",
  });
  expect(thrown(error)).toThrow("container: capAdd NET: not with readOnly; hint: cpus 2");
});

test("nobody is sent to a command that there is not, and other words stay as they are", () => {
  const error = new HutchError({
    operation: "container",
    reason: "--tty",
    hint: "see hutch container --help",
  });
  expect(thrown(error)).toThrow(/^container: --tty$/);
});

test("what is no error of hutch's stays what it is", () => {
  const error = new RangeError("--memory");
  expect(thrown(error)).toThrow(error);
  expect(inWords("container", () => 1)).toBe(1);
});
