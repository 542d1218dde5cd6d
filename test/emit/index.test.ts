/** What emit refuses, and what it takes in any size. */
import { expect, test } from "bun:test";
import { emit } from "../../src/emit/index.ts";
import { HutchError } from "../../src/linux/error.ts";
import {
  branch,
  buffer,
  bytes,
  call,
  compute,
  guard,
  jump,
  label,
  load,
  set,
  slot,
  store,
  strings,
  struct,
} from "../../src/plan/build.ts";
import type { Argument, Plan, Step } from "../../src/plan/step.ts";
import { contract, say, show, showMemory, shown } from "./machine.ts";

const VALUE = slot("value");
const SMALL = buffer("small", 8);
const use = (argument: Argument): Step => call("use it", "read", [0, argument, 1]);
/** Names as only a plan from elsewhere could have them. */
const wild = (text: string): Plan => JSON.parse(text);

const REFUSED: readonly (readonly [reason: string, plan: Plan])[] = [
  ["nothing is labelled away", [jump("away")]],
  ["nothing is labelled away", [branch(VALUE, "eq", 1, "away")]],
  ["nothing is labelled away", [guard("away")]],
  ["nothing is labelled away", [call("close", "close", [1], { errors: { EBADF: { to: "away" } } })]],
  ["label here is there twice", [label("here"), label("here")]],
  ["x86_64 has no such system call", wild('[{"kind":"call","name":"nothing","args":[],"why":"x"}]')],
  ["x86_64 has no such system call", wild('[{"kind":"call","name":"constructor","args":[],"why":"x"}]')],
  [
    "there is no errno ENOTHING",
    wild('[{"kind":"call","name":"close","args":[1],"why":"x","errors":{"ENOTHING":"ignore"}}]'),
  ],
  [
    "there is no errno toString",
    wild('[{"kind":"call","name":"close","args":[1],"why":"x","errors":{"toString":"ignore"}}]'),
  ],
  ["a call has at most six arguments", [call("x", "read", [1, 2, 3, 4, 5, 6, 7])]],
  ["buffer small has 8 bytes elsewhere and 9 here", [use(SMALL), use(buffer("small", 9))]],
  ["buffer none has a size of 0", [use(buffer("none", 0))]],
  ["1.5 is not an integer", [use(1.5)]],
  ["9007199254740992 is not an integer", [use(2 ** 53)]],
  ["NaN is not an integer", [use(Number.NaN)]],
  ["18446744073709551616 does not fit 64 bits", [use(2n ** 64n)]],
  ["does not fit 64 bits", [use(-(2n ** 63n) - 1n)]],
  ["256 does not fit the 1 bytes of field f", [use(struct("s", [["f", 1, 256]]))]],
  ["-129 does not fit the 1 bytes of field f", [use(struct("s", [["f", 1, -129]]))]],
  ["does not fit the 4 bytes of field f", [use(struct("s", [["f", 4, 2n ** 32n]]))]],
  ["field f holds a pointer in 4 bytes", [use(struct("s", [["f", 4, "text"]]))]],
  ['"a\\u0000b" contains a NUL character', [use("a\0b")]],
  ["contains a NUL character", [use(strings(["fine", "a\0b"]))]],
  ['"\\ud800" is not Unicode', [use("\ud800")]],
  ["bytes 1 to 9 lie outside the 8 of small", [load(VALUE, SMALL, 1, 8)]],
  ["bytes -1 to 0 lie outside the 8 of small", [store(SMALL, -1, 1, 0)]],
  ["bytes 0 to 21 lie outside the 8 of small", [{ kind: "decimal", to: SMALL, value: 1 }]],
  ["a shift takes a constant from 0 to 63", [compute(VALUE, 1, "shl", 64)]],
  ["a shift takes a constant from 0 to 63", [compute(VALUE, 1, "shr", -1)]],
  ["a shift takes a constant from 0 to 63", [compute(VALUE, 1, "shr", VALUE)]],
  ["add has no right side", [{ kind: "compute", op: "add", into: VALUE, left: 1 }]],
  ["the plan holds more than 64 MiB", [use(buffer("huge", 2 ** 27))]],
];

for (const kind of ["print", "pipe"] as const) {
  const report = kind === "print" ? { kind, prefix: "hutch" } : { kind, fd: 3 };
  test.each(REFUSED.map(([reason, plan]) => ({ reason, plan })))(
    `refused before a ${kind} program is made: $reason`,
    ({ reason, plan }) => {
      const attempt = (): unknown => emit(plan, { arch: "x86_64", report });
      expect(attempt).toThrow(HutchError);
      expect(attempt).toThrow(reason);
    },
  );
}

test("a refusal names the step", () => {
  const plan = [say("x"), call("close the door", "close", [0.5])];
  expect(() => emit(plan, { arch: "aarch64", report: { kind: "pipe", fd: 3 } })).toThrow(
    "emit step 1 (close: close the door): 0.5 is not an integer",
  );
});

test("one plan gives one program", () => {
  const plan = [say("ä"), use(struct("s", [["f", 8, VALUE]])), use(strings(["a", "b"]))];
  const once = emit(plan, { arch: "aarch64", report: { kind: "print", prefix: "hutch" } });
  const twice = emit(plan, { arch: "aarch64", report: { kind: "print", prefix: "hutch" } });
  expect(Buffer.compare(once, twice)).toBe(0);
});

contract("megabytes of data between code and memory are no hindrance", ({ run }) => {
  const size = 3_000_000;
  const large = new Uint8Array(size).fill(0x61);
  const field = struct("s", [["value", 8, VALUE]]);
  const plan = [
    set(VALUE, 12),
    call("show the end", "write", [1, bytes(large), 3]),
    say("after"),
    showMemory(field, 8),
    show(VALUE),
    call("fail", "close", [99], { hints: { EBADF: "as it should" }, exitCode: 6 }),
  ];
  const outcome = run(plan);
  expect(outcome.stdout.toString("latin1")).toBe(`aaaafter${"\x0c\0\0\0\0\0\0\0".repeat(2)}`);
  expect(outcome).toMatchObject({
    code: 6,
    stderr: "hutch: fail: close: EBADF (bad file descriptor); hint: as it should\n",
  });
});

contract("a plan of thousands of steps jumps from one end to the other", ({ run }) => {
  const steps = Array.from({ length: 4000 }, (_, index) => compute(VALUE, VALUE, "add", index));
  const plan = [
    jump("end"),
    label("start"),
    ...steps,
    show(VALUE),
    call("end", "exit_group", [0]),
    label("end"),
    jump("start"),
  ];
  expect(shown(run(plan))).toEqual([BigInt((4000 * 3999) / 2)]);
});

test("what an architecture cannot hold is refused", () => {
  const steps = Array.from({ length: 90_000 }, (_, index) => compute(VALUE, VALUE, "add", index));
  const plan = [branch(VALUE, "eq", 0, "end"), ...steps, label("end")];
  expect(() => emit(plan, { arch: "aarch64", report: { kind: "pipe", fd: 3 } })).toThrow(
    "too many steps for aarch64",
  );
});
