import { expect, test } from "bun:test";
import { compileDevices } from "../../src/cgroup/device-filter.ts";
import { devicePolicy } from "../../src/cgroup/device-rule.ts";
import type { DeviceRule } from "../../src/spec/resources.ts";
import { interpret, unreachable } from "./ebpf.ts";
import { isAllowed, NUMBERS, REQUESTS, type Request, random, randomRules } from "./rules.ts";

const MASK: Readonly<Record<string, number>> = { m: 1, r: 2, w: 4 };

function ask(program: Uint8Array, { type, major, minor }: Request, letters: string): boolean {
  const access = [...letters].reduce((mask, letter) => mask | (MASK[letter] ?? 0), 0);
  return interpret(program, [(access << 16) | (type === "b" ? 1 : 2), major, minor]) !== 0;
}

const compile = (rules: readonly DeviceRule[]): Uint8Array | undefined => {
  const policy = devicePolicy(rules);
  return policy && compileDevices(policy);
};

const DENY_ALL: DeviceRule = { allow: false, access: "rwm" };
const FUSE = { type: "c", major: 10, minor: 229 } as const;

test("for lists made at random the program decides as the rules say", () => {
  const next = random(20_240);
  let compared = 0;
  for (let round = 0; round < 120; round++) {
    const rules = randomRules(next);
    const program = compile(rules);
    if (program === undefined) continue;
    expect(unreachable(program)).toEqual([]);
    for (const request of REQUESTS) {
      for (const letters of ["r", "w", "m", "rw"]) {
        const expected = [...letters].every((letter) => isAllowed(rules, request, letter));
        if (ask(program, request, letters) !== expected) {
          expect({ rules, request, letters, allowed: !expected }).toEqual({
            rules,
            request,
            letters,
            allowed: expected,
          });
        }
        compared++;
      }
    }
  }
  expect(compared).toBeGreaterThan(100 * NUMBERS.length ** 2);
});

test("a list that forbids all leaves the devices of every container", () => {
  const program = compile([DENY_ALL]) ?? new Uint8Array();
  expect(ask(program, { type: "c", major: 1, minor: 3 }, "rw")).toBeTrue();
  expect(ask(program, { type: "c", major: 136, minor: 17 }, "rw")).toBeTrue();
  expect(ask(program, FUSE, "r")).toBeFalse();
  expect(ask(program, FUSE, "m")).toBeTrue();
});

test("access to read and write needs both, also when two rules allow them", () => {
  const read = { allow: true, ...FUSE, access: "r" };
  const write = { allow: true, ...FUSE, access: "w" };
  expect(ask(compile([DENY_ALL, read]) ?? new Uint8Array(), FUSE, "rw")).toBeFalse();
  expect(ask(compile([DENY_ALL, read, write]) ?? new Uint8Array(), FUSE, "rw")).toBeTrue();
  expect(
    ask(compile([{ allow: true }, { ...write, allow: false }]) ?? new Uint8Array(), FUSE, "rw"),
  ).toBeFalse();
});

test("to ask for nothing (access(2) with F_OK) is allowed where something is", () => {
  const read = { allow: true, ...FUSE, access: "r" };
  expect(ask(compile([DENY_ALL, read]) ?? new Uint8Array(), FUSE, "")).toBeTrue();
});

test("a policy that allows what no rule names ends with that", () => {
  const program = compile([{ allow: true }, { allow: false, ...FUSE }]) ?? new Uint8Array();
  expect(ask(program, FUSE, "r")).toBeFalse();
  expect(ask(program, { type: "b", major: 8, minor: 0 }, "rw")).toBeTrue();
});
