import { expect, test } from "bun:test";
import { existsSync, readFileSync, readlinkSync } from "node:fs";
import { type Performed, type PerformOptions, perform } from "../../src/host/perform.ts";
import { HutchError } from "../../src/linux/error.ts";
import { AT_FDCWD, O_CREAT, O_DSYNC, O_RDONLY, O_WRONLY } from "../../src/linux/fcntl.ts";
import {
  CLONE_FILES,
  CLONE_NEWNET,
  CLONE_NEWNS,
  CLONE_NEWPID,
  CLONE_NEWUSER,
} from "../../src/linux/sched.ts";
import { address, buffer, bytes, compute, label, set, slot, strings, struct } from "../../src/plan/build.ts";
import type { Argument, Buffer, Call, Compute, Condition, Plan, Step, Value } from "../../src/plan/step.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const directory = temporaryDirectory("host");

const call = (name: Call["name"], args: readonly Argument[], rest: Partial<Call> = {}): Call => ({
  kind: "call",
  name,
  args,
  why: "try",
  ...rest,
});

function slots(plan: Plan, options?: PerformOptions): Record<string, bigint> {
  return Object.fromEntries(perform(plan, options).slots);
}

function text({ buffers }: Performed, name: string): string {
  const bytes = buffers.get(name) ?? new Uint8Array();
  return new TextDecoder().decode(bytes.slice(0, bytes.indexOf(0)));
}

/** A call that fails with ENOENT. */
const missing = (rest: Partial<Call> = {}): Call => call("chdir", ["/nowhere/at/all"], rest);

test("strings, bytes, buffers and slots reach the kernel: a file is written and read back", () => {
  const path = `${directory}/grüße`;
  const into = buffer("content", 64);
  const performed = perform([
    call("openat", [AT_FDCWD, path, O_WRONLY | O_CREAT, 0o600], { into: slot("fd") }),
    call("write", [slot("fd"), bytes(new TextEncoder().encode("content")), 7], { into: slot("written") }),
    call("close", [slot("fd")]),
    call("openat", [AT_FDCWD, path, O_RDONLY], { into: slot("fd") }),
    call("read", [slot("fd"), into, 64], { into: slot("read") }),
    call("close", [slot("fd")]),
  ]);
  expect(readFileSync(path, "utf8")).toBe("content");
  expect(text(performed, "content")).toBe("content");
  expect(performed.slots.get("written")).toBe(7n);
  expect(performed.slots.get("read")).toBe(7n);
});

test("a struct is laid out field by field, and its pointers and slots are filled in when the call runs", () => {
  const iovecs = struct("iovec[2]", [
    ["base", 8, bytes(new TextEncoder().encode("abcdef"))],
    ["length", 4, slot("length")],
    ["high", 4, 0],
    [
      "base",
      8,
      struct("nested", [
        ["a", 1, 0x67],
        ["b", 2, 0x6968],
        ["c", 1, slot("last")],
      ]),
    ],
    ["length", 8, 4],
  ]);
  const path = `${directory}/struct`;
  perform([
    set(slot("length"), 3),
    set(slot("last"), 0x1_6a),
    call("openat", [AT_FDCWD, path, O_WRONLY | O_CREAT, 0o600], { into: slot("fd") }),
    call("writev", [slot("fd"), iovecs, 2]),
    set(slot("length"), 1),
    set(slot("last"), 0x6b),
    label("again"),
    call("writev", [slot("fd"), iovecs, 2]),
    compute(slot("length"), slot("length"), "add", 1),
    { kind: "branch", left: slot("length"), is: "eq", right: 2, to: "again" },
    call("close", [slot("fd")]),
  ]);
  expect(readFileSync(path, "latin1")).toBe("abcghij" + "aghik" + "abghik");
});

test("the address of a slot is where the kernel writes", () => {
  const {
    ends = 0n,
    reader,
    writer,
  } = slots([
    call("pipe2", [address(slot("ends")), 0]),
    compute(slot("reader"), slot("ends"), "and", 0xffffffff),
    compute(slot("writer"), slot("ends"), "shr", 32),
    call("close", [slot("reader")]),
    call("close", [slot("writer")]),
  ]);
  expect(reader).toBe(ends & 0xffffffffn);
  expect(writer).toBe(ends >> 32n);
  expect(writer).not.toBe(reader);
});

test("a list of strings is an array of pointers that ends with NULL", () => {
  const iovec = (base: Argument): Argument =>
    struct("iovec", [
      ["iov_base", 8, base],
      ["iov_len", 8, 24],
    ]);
  const { buffers } = perform([
    call("process_vm_readv", [
      process.pid,
      iovec(buffer("copy", 24)),
      1,
      iovec(strings(["one", "two"])),
      1,
      0,
    ]),
  ]);
  const copy = new DataView(buffers.get("copy")?.slice().buffer ?? new ArrayBuffer(0));
  const [one, two, end] = [0, 8, 16].map((offset) => copy.getBigUint64(offset, true));
  expect(one).toBeGreaterThan(0n);
  expect(two).toBeGreaterThan(0n);
  expect(end).toBe(0n);
});

test("two buffers of one name are the same memory, and two sizes of one are refused", () => {
  const store = (to: Buffer, offset: number, value: Value): Step => ({
    kind: "store",
    to,
    offset,
    size: 1,
    value,
  });
  const plan = [store(buffer("b", 4), 0, 1), store(buffer("b", 4), 3, 2)];
  expect([...(perform(plan).buffers.get("b") ?? [])]).toEqual([1, 0, 0, 2]);
  expect(() => perform([...plan, store(buffer("b", 5), 0, 1)])).toThrow(
    "step 2 (store): the buffer b has two sizes",
  );
});

test("a failure that nothing expects names purpose, call, errno and hint, and carries its exit code", () => {
  const failing = missing({
    why: "enter nowhere",
    hints: { ENOENT: "make it" },
    exitCode: 127,
    into: slot("x"),
  });
  let caught: unknown;
  try {
    perform([set(slot("x"), 5), failing]);
  } catch (error) {
    caught = error;
  }
  if (!(caught instanceof HutchError)) throw new Error("no HutchError was thrown");
  expect(caught.message).toBe("enter nowhere: chdir: ENOENT (no such file or directory); hint: make it");
  expect(caught.errno).toBe("ENOENT");
  expect(caught.exitCode).toBe(127);
});

test("an expected failure goes on with −errno in the slot, at the next step or at the label", () => {
  const into = slot("result");
  expect(slots([missing({ into, errors: { ENOENT: "ignore" } }), set(slot("after"), 1)])).toMatchObject({
    result: -2n,
    after: 1n,
  });
  const jump = [missing({ into, errors: { ENOENT: { to: "end" } } }), set(slot("skipped"), 1), label("end")];
  expect(slots(jump)).toEqual({ result: -2n, skipped: 0n });
});

test("another errno than the expected one is a failure", () => {
  expect(() => perform([missing({ errors: { EACCES: "ignore" } })])).toThrow("ENOENT");
});

test("a call is made again for an errno that says so", () => {
  // A reader that is not ready gives EAGAIN until the timer that feeds it has expired.
  const time = struct("itimerspec", [
    ["it_interval.tv_sec", 8, 0],
    ["it_interval.tv_nsec", 8, 0],
    ["it_value.tv_sec", 8, 0],
    ["it_value.tv_nsec", 8, 20_000_000],
  ]);
  const result = slots([
    call("timerfd_create", [1, 0o4000], { into: slot("timer") }),
    call("timerfd_settime", [slot("timer"), 0, time, 0]),
    call("read", [slot("timer"), address(slot("expirations")), 8], {
      errors: { EAGAIN: "retry" },
      into: slot("read"),
    }),
    call("close", [slot("timer")]),
  ]);
  expect(result).toMatchObject({ expirations: 1n, read: 8n });
});

test("below a guard a failure is reported and goes on at its label; the plan throws it at the end", () => {
  const plan: Plan = [
    { kind: "guard", to: "clean" },
    missing({ why: "first" }),
    set(slot("skipped"), 1),
    label("clean"),
    { kind: "guard", to: "end" },
    { kind: "fail", message: "second" },
    label("end"),
    call("openat", [AT_FDCWD, `${directory}/cleaned`, O_WRONLY | O_CREAT | O_DSYNC, 0o600], {
      into: slot("fd"),
    }),
    call("close", [slot("fd")]),
  ];
  expect(() => perform(plan)).toThrow("first: chdir: ENOENT");
  expect(readFileSync(`${directory}/cleaned`, "utf8")).toBe("");
  const reports: string[] = [];
  const result = slots(plan, { report: ({ message }) => void reports.push(message) });
  expect(reports).toEqual(["first: chdir: ENOENT (no such file or directory)", "second"]);
  expect(result["skipped"]).toBe(0n);
});

test("a guard holds from its place in the list on, not from when it runs", () => {
  const plan: Plan = [
    { kind: "jump", to: "below" },
    { kind: "guard", to: "end" },
    label("below"),
    { kind: "fail", message: "guarded" },
    label("end"),
    { kind: "guard" },
    { kind: "fail", message: "unguarded", exitCode: 3 },
    set(slot("skipped"), 1),
  ];
  const reports: string[] = [];
  const options = { report: ({ message }: HutchError) => void reports.push(message) };
  expect(() => perform(plan, options)).toThrow("unguarded");
  expect(reports).toEqual(["guarded"]);
});

const branch = (left: number, is: Condition, right: number): Plan => [
  set(slot("left"), left),
  set(slot("right"), right),
  { kind: "branch", left: slot("left"), is, right: slot("right"), to: "yes" },
  set(slot("no"), 1),
  { kind: "branch", left: slot("left"), is, right, to: "end" },
  set(slot("no"), 2),
  { kind: "jump", to: "end" },
  label("yes"),
  { kind: "branch", left: slot("left"), is, right, to: "end" },
  set(slot("no"), 3),
  label("end"),
];

test.each([
  [1, "eq", 1, true],
  [1, "eq", 2, false],
  [1, "ne", 2, true],
  [1, "ne", 1, false],
  [-1, "lt", 0, true],
  [0, "lt", -1, false],
  [0, "lt", 0, false],
  [-1, "le", -1, true],
  [0, "le", -1, false],
  [2, "gt", -3, true],
  [2, "gt", 2, false],
  [2, "ge", 2, true],
  [-3, "ge", -2, false],
  [6, "any", 3, true],
  [6, "any", 1, false],
] as const)("%i %s %i is %p", (left, is, right, expected) => {
  expect(slots(branch(left, is, right))["no"]).toBe(expected ? 0n : 2n);
});

test.each([
  ["add", -1, 1, 0n],
  ["add", (1n << 63n) - 1n, 1, -(1n << 63n)],
  ["sub", 0, 1, -1n],
  ["and", 0xff00, 0x0ff0, 0x0f00n],
  ["or", -2, 1, -1n],
  ["shl", 1, 63, -(1n << 63n)],
  ["shl", 3, 63, -(1n << 63n)],
  ["shr", -1, 63, 1n],
  ["shr", -1, 0, -1n],
] as const)("%s of %p and %p wraps at 64 bits", (op, left, right, expected) => {
  const step: Compute = { kind: "compute", op, into: slot("x"), left, right };
  expect(slots([step])["x"]).toBe(expected);
});

test("set takes the unsigned and the signed form of a value, and a slot", () => {
  const plan = [
    set(slot("a"), 0xffff_ffff_ffff_ffffn),
    set(slot("b"), -1),
    set(slot("c"), slot("a")),
    set(slot("c"), slot("c")),
  ];
  expect(slots(plan)).toEqual({ a: -1n, b: -1n, c: -1n });
});

test("set takes the address of a buffer", () => {
  const performed = perform([
    set(slot("length"), 3),
    { kind: "store", to: buffer("from", 8), offset: 0, size: 4, value: 0x636261 },
    { kind: "compute", op: "set", into: slot("from"), left: buffer("from", 8) },
    compute(slot("from"), slot("from"), "add", 1),
    call("process_vm_readv", [
      process.pid,
      struct("iovec", [
        ["iov_base", 8, buffer("to", 8)],
        ["iov_len", 8, 2],
      ]),
      1,
      struct("iovec", [
        ["iov_base", 8, slot("from")],
        ["iov_len", 8, 2],
      ]),
      1,
      0,
    ]),
  ]);
  expect(text(performed, "to")).toBe("bc");
});

test.each([
  [1, 0x88n],
  [2, 0x7788n],
  [4, 0x5566_7788n],
  [8, 0x1122_3344_5566_7788n],
] as const)(
  "%i bytes are stored and loaded little-endian, zero-extended, and no others",
  (size, expected) => {
    const memory = buffer("m", 12);
    const performed = perform([
      { kind: "store", to: memory, offset: 0, size: 8, value: -1 },
      { kind: "store", to: memory, offset: 8, size: 4, value: -1 },
      { kind: "store", to: memory, offset: 2, size, value: 0x1122_3344_5566_7788n },
      { kind: "load", into: slot("x"), from: memory, offset: 2, size },
      { kind: "load", into: slot("y"), from: memory, offset: 11, size: 1 },
    ]);
    expect(performed.slots.get("x")).toBe(expected);
    expect(performed.slots.get("y")).toBe(0xffn);
    expect(performed.buffers.get("m")?.filter((byte) => byte === 0xff).length).toBe(12 - size);
  },
);

test.each([
  [0, "0"],
  [7, "7"],
  [4294967296, "4294967296"],
  [-1, "18446744073709551615"],
] as const)("%i in decimal is %s", (value, digits) => {
  const to = buffer("d", 21);
  const performed = perform([
    { kind: "store", to, offset: 0, size: 8, value: -1 },
    set(slot("v"), value),
    { kind: "decimal", to, value: slot("v"), length: slot("n") },
  ]);
  expect(text(performed, "d")).toBe(digits);
  expect(performed.slots.get("n")).toBe(BigInt(digits.length));
});

const NOTHING = `${directory}/must-not-appear`;
const touch = call("openat", [AT_FDCWD, NOTHING, O_WRONLY | O_CREAT, 0o600]);

const REFUSED: readonly (readonly [string, Plan])[] = [
  ["a fork", [call("clone", [0, 0, 0, 0, 0])]],
  ["clone3", [call("clone3", [0, 0])]],
  ["an exec", [call("execve", ["/bin/true", 0, 0])]],
  ["execveat", [call("execveat", [3, "", 0, 0, 0])]],
  ["the end of Bun", [call("exit_group", [0])]],
  ["new credentials", [call("setresuid", [1, 1, 1])]],
  ["a seccomp filter", [call("seccomp", [0, 0, 0])]],
  ["a user namespace", [call("unshare", [CLONE_NEWNET | CLONE_NEWUSER])]],
  ["a pid namespace", [call("unshare", [CLONE_NEWPID])]],
  ["an own table of descriptors", [call("unshare", [CLONE_FILES])]],
  ["unshare with flags that are not known", [call("unshare", [slot("flags")])]],
  ["joining a mount namespace", [call("setns", [3, CLONE_NEWNS])]],
  ["joining a user namespace", [call("setns", [3, CLONE_NEWUSER])]],
  ["joining whatever the descriptor is", [call("setns", [3, 0])]],
  ["a label that is missing", [{ kind: "jump", to: "nowhere" }]],
  ["a guard to a label that is missing", [{ kind: "guard", to: "nowhere" }]],
  ["an errno's label that is missing", [missing({ errors: { ENOENT: { to: "nowhere" } } })]],
  ["a label twice", [label("a"), label("a")]],
  ["seven arguments", [call("getpid", [0, 0, 0, 0, 0, 0, 0])]],
  ["a number that is not exact", [call("close", [2 ** 53])]],
  ["a fraction", [set(slot("x"), 0.5)]],
  ["a value of 65 bits", [set(slot("x"), 1n << 64n)]],
  ["NUL in a path", [call("chdir", ["/a\0b"])]],
  ["a field that does not hold its value", [call("openat2", [struct("s", [["f", 2, 65536]])])]],
  ["a pointer in four bytes", [call("openat2", [struct("s", [["f", 4, "text"]])])]],
  ["a buffer of no bytes", [call("getcwd", [buffer("empty", 0), 0])]],
  [
    "a load outside of its buffer",
    [{ kind: "load", into: slot("x"), from: buffer("b", 8), offset: 5, size: 4 }],
  ],
  ["a store before its buffer", [{ kind: "store", to: buffer("b", 8), offset: -1, size: 4, value: 0 }]],
  ["decimal in too small a buffer", [{ kind: "decimal", to: buffer("b", 20), value: 0 }]],
  ["a shift by 64", [compute(slot("x"), 1, "shl", 64)]],
  ["a shift by a slot", [compute(slot("x"), 1, "shr", slot("y"))]],
  ["set of two values", [{ kind: "compute", op: "set", into: slot("x"), left: 1, right: 2 }]],
  [
    "the address of a buffer in a sum",
    [{ kind: "compute", op: "add", into: slot("x"), left: buffer("b", 8), right: 1 }],
  ],
  ["add of one value", [{ kind: "compute", op: "add", into: slot("x"), left: 1 }]],
];

test.each(REFUSED)("a plan with %s is refused before anything has happened", (_, plan) => {
  expect(() => perform([touch, ...plan])).toThrow(HutchError);
  expect(existsSync(NOTHING)).toBeFalse();
});

test("a refusal says which step it is and what to do", () => {
  expect(() => perform([touch, call("clone3", [0, 0], { why: "start init" })])).toThrow(
    "perform step 1 (start init: clone3): clone3 cannot happen in this process: Bun does not survive to be forked; hint: emit the plan as a program",
  );
});

test("descriptors of a plan keep what they were opened with", () => {
  const { fd } = slots([call("openat", [AT_FDCWD, "/dev/null", O_RDONLY], { into: slot("fd") })]);
  expect(readlinkSync(`/proc/self/fd/${fd}`)).toBe("/dev/null");
  perform([call("close", [fd ?? -1n])]);
});

test("a failure that is not listed goes elsewhere without a word, if the call says so", () => {
  const plan: Plan = [
    missing({ into: slot("result"), otherwise: "failed" }),
    set(slot("after"), 1),
    label("failed"),
  ];
  expect(slots(plan)).toEqual({ result: -2n, after: 0n });
});
