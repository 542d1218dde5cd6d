/** The name of a program's own, made up by programs that run. */
import { expect } from "bun:test";
import { call, slot } from "../../src/plan/build.ts";
import { GIVEN_NAME, takeOwnName } from "../../src/plan/own-name.ts";
import { contract } from "../emit/machine.ts";

contract("a name is of the process and of the second", ({ run }) => {
  const pid = slot("number of the test");
  const why = "show the name";
  // What does not fit into any name's bytes is zero, and shown as nothing.
  const { code, stdout } = run([
    ...takeOwnName("take a name"),
    call(why, "write", [1, GIVEN_NAME, 40]),
    call(why, "getpid", [], { into: pid }),
    { kind: "decimal", to: { kind: "buffer", name: "digits", size: 24 }, value: pid },
    call(why, "write", [1, { kind: "buffer", name: "digits", size: 24 }, 24]),
  ]);
  const [name, number] = stdout.toString().split("\0").filter(Boolean);
  expect(code).toBe(0);
  expect(name).toMatch(/^hutch-\d+-\d{10}$/);
  expect(name?.split("-")[1]).toBe(number);
  expect(Math.abs(Number(name?.split("-")[2]) - Date.now() / 1000)).toBeLessThan(30);
});
