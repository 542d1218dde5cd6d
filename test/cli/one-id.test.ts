import { expect, test } from "bun:test";
import { oneId } from "../../src/cli/one-id.ts";

const id = (...words: string[]): string => oneId({ command: "pause", values: new Map(), words });

test("exactly one id is taken", () => {
  expect(id("a.b_c+d-1")).toBe("a.b_c+d-1");
  expect(() => id()).toThrow("pause: expected the container's ID; hint: see hutch pause --help");
  expect(() => id("a", "b")).toThrow("pause: expected one ID, received a b");
});

test("a path or a command in the place of the id is told with what was meant", () => {
  const of =
    (command: string, ...words: string[]) =>
    () =>
      oneId({ command, values: new Map(), words });
  expect(of("run", "./box")).toThrow("container id ./box: expected a name, received a path; hint: hutch run");
  expect(of("create", "/srv/box")).toThrow("hutch create --bundle /srv/box NAME");
  expect(of("run", "alpine", "sh")).toThrow("received alpine sh; hint: the command stands in config.json");
  expect(of("start", "a", "b")).toThrow("received a b; hint: see hutch start --help");
});

test("an id that would leave the state directory is refused", () => {
  for (const word of ["..", ".", "a/b", "", "a b", "x".repeat(241)]) {
    expect(() => id(word)).toThrow("expected at most 240 letters, digits");
  }
});
