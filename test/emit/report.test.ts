/** What a program tells about failures, and where it goes on, on every architecture. */
import { expect } from "bun:test";
import { emit } from "../../src/emit/index.ts";
import { ERRNO, errnoName, errnoText } from "../../src/linux/errno.ts";
import { SYSCALLS } from "../../src/linux/syscall.ts";
import {
  buffer,
  bytes,
  call,
  exit,
  guard,
  jump,
  label,
  set,
  slot,
  strings,
  struct,
} from "../../src/plan/build.ts";
import type { Plan, Step } from "../../src/plan/step.ts";
import { contract, nativeContract, say, show, shown } from "./machine.ts";

const RESULT = slot("result");
const PIPE = { kind: "pipe", fd: 1 } as const;

const closeBad = (special?: Parameters<typeof call>[3]) =>
  call("close what is not open", "close", [99], special);
const BAD = "hutch: close what is not open: close: EBADF (bad file descriptor)\n";

contract("a failure is told in one line, and ends the program with 125", ({ run }) => {
  expect(run([closeBad(), say("never")])).toMatchObject({ code: 125, stdout: Buffer.alloc(0), stderr: BAD });
});

contract("the exit code of a failure is that of its call", ({ run }) => {
  for (const exitCode of [0, 1, 126, 127, 255]) {
    expect(run([closeBad({ exitCode })])).toMatchObject({ code: exitCode, stderr: BAD });
  }
});

contract("the prefix is the given one, whatever its letters", ({ run }) => {
  expect(run([closeBad()], { kind: "print", prefix: "größe" }).stderr).toStartWith("größe: close what");
});

contract("the hint for the errno is told, and no other", ({ run }) => {
  const hints = { EPERM: "be root", EBADF: "open it first", EIO: "buy a disk" };
  expect(run([closeBad({ hints })]).stderr).toBe(`${BAD.trimEnd()}; hint: open it first\n`);
  expect(run([closeBad({ hints: { EPERM: "be root" } })]).stderr).toBe(BAD);
  expect(run([closeBad({ hints: {} })]).stderr).toBe(BAD);
});

contract("an errno that is listed is not told, and one that is not listed is", ({ run }) => {
  const errors = { EINTR: "ignore", EIO: { to: "end" } } as const;
  expect(run([closeBad({ errors }), label("end")])).toMatchObject({ code: 125, stderr: BAD });
  expect(run([closeBad({ errors: { EBADF: "ignore" } }), say("on")])).toMatchObject({ code: 0, stderr: "" });
});

contract("a message as long as a path may be comes whole", ({ run }) => {
  const why = `open ${"ä".repeat(4000)}`;
  const hint = "ß".repeat(3000);
  const plan = [call(why, "close", [99], { hints: { EBADF: hint } })];
  expect(run(plan).stderr).toBe(`hutch: ${why}: close: EBADF (bad file descriptor); hint: ${hint}\n`);
});

contract("the subject of a failure is the string that was taken last", ({ run }) => {
  const path = slot("path");
  const plan: Plan = [
    guard("next"),
    label("next"),
    { kind: "next", into: path, from: strings(["/one", "/two, a little longer than the rest"]), done: "end" },
    closeBad({ subject: path, hints: { EBADF: "x" } }),
    label("end"),
  ];
  const line = (text: string) =>
    `hutch: close what is not open ${text}: close: EBADF (bad file descriptor); hint: x\n`;
  expect(run(plan).stderr).toBe(line("/one") + line("/two, a little longer than the rest"));
});

contract(
  "the subject of a failure follows its record on the pipe, and is cut to what comes in one piece",
  ({ run }) => {
    const subject = slot("subject");
    const report = (text: string) => {
      const plan: Plan = [
        set(subject, text),
        guard("on"),
        closeBad({ subject }),
        label("on"),
        guard(),
        closeBad(),
      ];
      const { stdout } = run(plan, PIPE);
      const length = stdout.readUInt32LE(12);
      expect([stdout.readBigUInt64LE(0), stdout.readUInt32LE(8)]).toEqual([2n, ERRNO.EBADF]);
      // The next has none.
      expect(stdout.length).toBe(16 + length + 16);
      expect(stdout.readBigUInt64LE(16 + length + 8)).toBe(BigInt(ERRNO.EBADF));
      return stdout.subarray(16, 16 + length).toString();
    };
    expect(report("/größe")).toBe("/größe");
    expect(report("")).toBe("");
    expect(report("x".repeat(4080))).toBe("x".repeat(4080));
    expect(report("x".repeat(10_000))).toBe("x".repeat(4080));
  },
);

contract("a failure below a guard is told, and the plan goes on at the label", ({ run }) => {
  const plan = [
    guard("later"),
    set(RESULT, 1),
    closeBad({ into: RESULT, exitCode: 3 }),
    say("never"),
    label("later"),
    show(RESULT),
    guard(),
    closeBad({ exitCode: 4 }),
  ];
  const outcome = run(plan);
  expect(outcome).toMatchObject({ code: 4, stderr: BAD + BAD });
  // The failure is not listed, so the slot keeps what it had.
  expect(shown(outcome)).toEqual([1n]);
});

contract("a guard holds in the order of the list, not in the order of execution", ({ run }) => {
  const plan = [
    jump("second"),
    guard("first guard"),
    label("first"),
    closeBad(),
    exit(1, "be elsewhere"),
    guard("second guard"),
    label("second"),
    jump("first"),
    label("first guard"),
    exit(11, "end"),
    label("second guard"),
    exit(22, "end"),
  ];
  expect(run(plan).code).toBe(11);
});

contract("a fail step is told without errno and follows the guard", ({ run }) => {
  const fail = (exitCode?: number): Step =>
    exitCode === undefined
      ? { kind: "fail", message: "no way" }
      : { kind: "fail", message: "no way", exitCode };
  expect(run([fail()])).toMatchObject({ code: 125, stderr: "hutch: no way\n" });
  expect(run([fail(9)])).toMatchObject({ code: 9, stderr: "hutch: no way\n" });
  expect(run([guard("on"), fail(9), label("on"), exit(5, "end")])).toMatchObject({
    code: 5,
    stderr: "hutch: no way\n",
  });
});

contract("a report that cannot be written is no reason to stop", ({ run }) => {
  const outcome = run([call("close the output", "close", [2]), closeBad({ exitCode: 33 })]);
  expect(outcome).toMatchObject({ code: 33, stderr: "" });
});

/** Makes close(2) fail with the errno that is its argument. */
const failOnDemand = (close: number): Plan => {
  const filter = new Uint32Array([
    ...[0x20, 0], // load the number of the system call
    ...[0x01000015, close], // unless it is close, skip one
    ...[0x00000005, 1], // (close: jump over the return)
    ...[0x06, 0x7fff0000], // return SECCOMP_RET_ALLOW
    ...[0x20, 16], // load the first argument
    ...[0x44, 0x50000], // or with SECCOMP_RET_ERRNO
    ...[0x16, 0], // return that
  ]);
  const program = struct("sock_fprog", [
    ["len", 2, 7],
    ["padding", 2, 0],
    ["padding", 4, 0],
    ["filter", 8, bytes(new Uint8Array(filter.buffer))],
  ]);
  return [
    call("forbid new privileges", "prctl", [38, 1, 0, 0, 0]),
    call("load the filter", "seccomp", [1, 0, program]),
  ];
};

const named = (number: number): boolean => !errnoName(number).startsWith("errno ");

nativeContract("an errno is told by name and text, or by number", ({ run, arch }) => {
  const numbers = Array.from({ length: 4095 }, (_, index) => index + 1);
  const plan = numbers.flatMap((number) => [
    guard(`after ${number}`),
    call("fail", "close", [number]),
    label(`after ${number}`),
  ]);
  const lines = run([...failOnDemand(SYSCALLS[arch].close), ...plan])
    .stderr.trimEnd()
    .split("\n");
  const told = lines.map((line) => line.slice("hutch: fail: close: ".length));
  // Linux changes every errno of a filter above its own limit to that limit, which is 4095 too.
  const wrong = told.filter((text, index) => {
    const number = index + 1;
    return text !== `errno ${number}` && text !== `${errnoName(number)} (${errnoText(number)})`;
  });
  expect(lines).toHaveLength(4095);
  expect(wrong).toEqual([]);
  const byName = numbers.filter((number) => told[number - 1] !== `errno ${number}`);
  expect(byName.length).toBe(76);
  expect(numbers.slice(0, 40).filter((number) => !byName.includes(number))).toEqual([]);
  expect(byName.every(named)).toBe(true);
});

contract("over a pipe go the index of the step and the errno, 16 bytes", ({ run }) => {
  const outcome = run([set(RESULT, 1), closeBad({ hints: { EBADF: "not told" } })], PIPE);
  expect(outcome).toMatchObject({ code: 125, stderr: "" });
  expect(shown(outcome)).toEqual([1n, 9n]);
});

contract("over a pipe a fail step has errno 0", ({ run }) => {
  const outcome = run([{ kind: "fail", message: "no way", exitCode: 250 }], PIPE);
  expect(outcome.code).toBe(250);
  expect(shown(outcome)).toEqual([0n, 0n]);
});

contract("over a pipe the plan goes on at the guard as well", ({ run }) => {
  const plan = [
    guard("on"),
    closeBad(),
    label("on"),
    set(RESULT, 77),
    show(RESULT),
    guard(),
    closeBad({ exitCode: 8 }),
  ];
  const outcome = run(plan, PIPE);
  expect(outcome.code).toBe(8);
  expect(shown(outcome)).toEqual([1n, 9n, 77n, 6n, 9n]);
});

contract("decimal works beside either reporter", ({ run }) => {
  const digits = buffer("digits", 21);
  const plan: Plan = [{ kind: "decimal", to: digits, value: 905 }, call("show", "write", [1, digits, 3])];
  expect(run(plan, PIPE).stdout.toString()).toBe("905");
  expect(run(plan).stdout.toString()).toBe("905");
});

contract("what cannot be reported is refused", ({ arch }) => {
  const options = { arch, report: { kind: "print", prefix: "hutch" } } as const;
  const sixteen = Object.fromEntries(
    Object.keys(ERRNO)
      .slice(0, 16)
      .map((name) => [name, name]),
  );
  expect(() => emit([closeBad({ exitCode: 256 })], options)).toThrow("exit code 256 does not fit 8 bits");
  expect(() => emit([closeBad({ exitCode: -1 })], { arch, report: PIPE })).toThrow("exit code -1");
  expect(() => emit([closeBad({ hints: sixteen })], options)).toThrow("at most 15 hints");
  expect(() => emit([closeBad({ hints: Object.fromEntries([["ENOTHING", "x"]]) })], options)).toThrow(
    "no errno ENOTHING",
  );
});
