/** What the steps on slots and buffers mean, on every architecture. */
import { expect } from "bun:test";
import {
  branch,
  buffer,
  call,
  compute,
  exit,
  jump,
  label,
  load,
  set,
  slot,
  store,
  strings,
} from "../../src/plan/build.ts";
import type { Condition, Plan, Value } from "../../src/plan/step.ts";
import { interpret } from "./interpret.ts";
import { BOARD, contract, say, show, showMemory, shown } from "./machine.ts";
import { randomPlan } from "./random-plan.ts";

const LEFT = slot("left");
const RIGHT = slot("right");
const RESULT = slot("result");
const SIZES = [1, 2, 4, 8] as const;

const CONDITIONS: readonly Condition[] = ["eq", "ne", "lt", "le", "gt", "ge", "any"];
const EDGES = [
  0n,
  1n,
  -1n,
  5n,
  -5n,
  4095n,
  4096n,
  -4096n,
  2n ** 31n,
  -(2n ** 31n) - 1n,
  2n ** 63n - 1n,
  -(2n ** 63n),
];

/** Sets `into` to 1 when the condition holds. */
const ask = (name: string, is: Condition, right: Value): Plan => [
  set(RESULT, 1),
  branch(LEFT, is, right, name),
  set(RESULT, 0),
  label(name),
  show(RESULT),
];

contract("branches compare signed 64-bit values, constants and slots alike", ({ run }) => {
  const rows = EDGES.flatMap((left) =>
    EDGES.flatMap((right) => CONDITIONS.map((is) => ({ left, right, is }))),
  );
  const plan = rows.flatMap(({ left, right, is }, index) => [
    set(LEFT, left),
    set(RIGHT, right),
    ...ask(`constant ${index}`, is, right),
    ...ask(`slot ${index}`, is, RIGHT),
  ]);
  const expected = rows.flatMap(({ left, right, is }) => {
    const holds = { eq: left === right, ne: left !== right, lt: left < right, le: left <= right };
    const all = { ...holds, gt: left > right, ge: left >= right, any: (left & right) !== 0n };
    return [all[is] ? 1n : 0n, all[is] ? 1n : 0n];
  });
  expect(shown(run(plan))).toEqual(expected);
});

contract("a loop runs until its condition fails", ({ run }) => {
  const plan = [
    set(LEFT, 10),
    label("loop"),
    say("x"),
    compute(LEFT, LEFT, "sub", 1),
    branch(LEFT, "gt", 0, "loop"),
    jump("end"),
    say("never"),
    label("end"),
  ];
  expect(run(plan).stdout.toString()).toBe("x".repeat(10));
});

contract("random plans do what an interpreter of plans does", ({ run }) => {
  for (let seed = 1; seed <= 12; seed++) {
    const { plan, slots } = randomPlan(seed, 250);
    const expected = interpret(plan);
    expect({ seed, values: shown(run([...plan, show(...slots)])) }).toEqual({
      seed,
      values: slots.map((one) => expected.slots.get(one.name) ?? 0n),
    });
  }
});

contract("values of every size are stored and loaded at any offset", ({ run }) => {
  const value = 0xf1e2d3c4b5a69788n;
  for (const size of SIZES) {
    for (const offset of [0, 3, 8, 64 - size]) {
      const plan = [
        set(LEFT, value),
        store(BOARD, offset, size, LEFT),
        load(RESULT, BOARD, offset, size),
        showMemory(BOARD, 64),
        show(RESULT),
      ];
      const memory = Buffer.alloc(72);
      const bytes = Buffer.alloc(8);
      bytes.writeBigUInt64LE(value);
      bytes.copy(memory, offset, 0, size);
      bytes.copy(memory, 64, 0, size);
      expect(run(plan).stdout.toString("hex")).toBe(memory.toString("hex"));
    }
  }
});

contract("constants are stored too", ({ run }) => {
  const plan = [store(BOARD, 0, 4, -2), store(BOARD, 4, 8, 2n ** 63n), showMemory(BOARD, 16)];
  expect(run(plan).stdout.toString("hex")).toBe("feffffff" + "0000000000000080" + "00000000");
});

contract("decimal writes digits, a NUL, and nothing else", ({ run }) => {
  for (const value of [0n, 7n, 10n, 99n, 100n, 2n ** 32n, 10n ** 19n, 2n ** 64n - 1n]) {
    for (const constant of [true, false]) {
      const plan: Plan = [
        store(BOARD, 24, 8, -1),
        set(LEFT, value),
        { kind: "decimal", to: BOARD, value: constant ? value : LEFT, length: RESULT },
        showMemory(BOARD, 32),
        show(RESULT),
      ];
      const text = value.toString();
      const { stdout } = run(plan);
      expect(stdout.subarray(0, 32).toString("latin1")).toBe(`${text.padEnd(24, "\0")}${"\xff".repeat(8)}`);
      expect(stdout.readBigInt64LE(32)).toBe(BigInt(text.length));
    }
  }
});

contract("decimal leaves what lies behind its NUL", ({ run }) => {
  const plan: Plan = [
    store(BOARD, 0, 8, -1),
    { kind: "decimal", to: BOARD, value: 42 },
    showMemory(BOARD, 8),
  ];
  expect(run(plan).stdout.toString("hex")).toBe(`343200${"ff".repeat(5)}`);
});

contract("a list of strings is walked from its first to its last, and then again", ({ run }) => {
  const list = strings(["one", "two", "six"]);
  const plan: Plan = [
    set(LEFT, 2),
    label("next"),
    { kind: "next", into: RESULT, from: list, done: "end" },
    call("say", "write", [1, RESULT, 3]),
    jump("next"),
    label("end"),
    show(RESULT),
    compute(LEFT, LEFT, "sub", 1),
    branch(LEFT, "gt", 0, "next"),
  ];
  const zero = "\0".repeat(8);
  expect(run(plan).stdout.toString("latin1")).toBe(`onetwosix${zero}onetwosix${zero}`);
});

contract("a list without strings is at its end at once", ({ run }) => {
  const plan: Plan = [
    { kind: "next", into: RESULT, from: strings([]), done: "end" },
    exit(3, "go on"),
    label("end"),
  ];
  expect(run(plan).code).toBe(0);
});

contract("the address of a buffer goes into a slot", ({ run }) => {
  const text = buffer("text", 16);
  const plan = [store(text, 0, 4, 0x0a6b6f), set(LEFT, text), call("say", "write", [1, LEFT, 3])];
  expect(run(plan).stdout.toString()).toBe("ok\n");
});

contract("a program takes its arguments by number, and 0 for those it was not given", ({ run }) => {
  const plan: Plan = [
    { kind: "given", into: LEFT, what: 1 },
    { kind: "given", into: RIGHT, what: 2 },
    { kind: "given", into: RESULT, what: 3 },
    call("say", "write", [1, LEFT, 3]),
    call("say", "write", [1, RIGHT, 4]),
    show(RESULT),
  ];
  const outcome = run(plan, undefined, { args: ["one", "more"] });
  expect(outcome.stdout.toString("latin1")).toBe(`onemore${"\0".repeat(8)}`);
  expect(shown(run([...plan.slice(0, 3), show(LEFT)]))).toEqual([0n]);
});

contract("a program hands on the environment that it was given", ({ run }) => {
  const shell = Bun.which("sh") ?? "/bin/sh";
  const argv = strings(["sh", "-c", 'echo "$NAME, $OTHER"']);
  const plan: Plan = [
    { kind: "given", into: LEFT, what: "environment" },
    call("execute sh", "execve", [shell, argv, LEFT]),
  ];
  const env = { NAME: "value", OTHER: "more", PATH: "/usr/bin:/bin" };
  expect(run(plan, undefined, { args: ["x", "y"], env }).stdout.toString()).toBe("value, more\n");
});
