/** What system calls of a plan mean, on every architecture. */
import { expect } from "bun:test";
import {
  address,
  branch,
  buffer,
  bytes,
  call,
  exit,
  label,
  load,
  set,
  slot,
  strings,
  struct,
} from "../../src/plan/build.ts";
import type { Field, Plan } from "../../src/plan/step.ts";
import { contract, say, show, showMemory, shown } from "./machine.ts";

const VALUE = slot("value");
const OTHER = slot("other");
const SIGCHLD = 17;
const FDS = buffer("fds", 8);
const IN = slot("in");
const OUT = slot("out");
const MEMORY = buffer("memory", 16);

const makePipe = (flags: number): Plan => [
  call("make a pipe", "pipe2", [FDS, flags]),
  load(IN, FDS, 0, 4),
  load(OUT, FDS, 4, 4),
];

contract("a plan that ends exits with 0", ({ run }) => {
  expect(run([say("hello\n")])).toMatchObject({ code: 0, stdout: Buffer.from("hello\n"), stderr: "" });
});

contract("an empty plan is a program", ({ run }) => {
  expect(run([])).toMatchObject({ code: 0, signal: undefined });
});

contract("exit codes are those of the plan, known or computed", ({ run }) => {
  expect(run([exit(7, "end")]).code).toBe(7);
  expect(run([set(VALUE, 300), exit(VALUE, "end")]).code).toBe(44);
});

contract("texts outside ASCII are written as UTF-8", ({ run }) => {
  const text = "größe ✓ 🐇\n";
  expect(run([say("plain "), say(text), say("again\n")]).stdout.toString()).toBe(`plain ${text}again\n`);
});

contract("integers of every size arrive whole in all six arguments", ({ run }) => {
  const values = [
    0,
    1,
    -1,
    127,
    128,
    -128,
    -129,
    2 ** 31 - 1,
    2 ** 31,
    -(2 ** 31),
    -(2 ** 31) - 1,
    2 ** 32 - 1,
  ];
  const wide = [
    2 ** 32,
    0xffff0000,
    0x10000,
    2 ** 53 - 1,
    2n ** 63n - 1n,
    -(2n ** 63n),
    2n ** 64n - 1n,
    0xffff_0000_ffffn,
  ];
  for (const value of [...values, ...wide]) {
    const expected = BigInt.asIntN(64, BigInt(value));
    expect(shown(run([set(VALUE, value), show(VALUE)]))).toEqual([expected]);
  }
  // mmap(addr, length, prot, flags, fd, offset): wrong in any place it would fail or give another address.
  const fixed = call("map", "mmap", [0x10000000, 4096, 3, 0x32, -1, 0], { into: VALUE });
  expect(shown(run([fixed, show(VALUE)]))).toEqual([0x10000000n]);
});

contract("a result goes into its slot", ({ run }) => {
  const plan = [call("write", "write", [1, "", 0], { into: VALUE }), set(OTHER, 5), show(VALUE, OTHER)];
  expect(shown(run(plan))).toEqual([0n, 5n]);
});

contract("a call writes into the address of a slot", ({ run }) => {
  const plan = [call("make a pipe", "pipe2", [address(VALUE), 0]), show(VALUE)];
  const [both = 0n] = shown(run(plan));
  expect((both >> 32n) - (both & 0xffffffffn)).toBe(1n);
});

contract("a struct of slots is filled anew before every call", ({ run }) => {
  const MEMORY = buffer("memory", 8);
  const vector = struct("iovec", [
    ["base", 8, MEMORY],
    ["length", 8, VALUE],
    ["base", 8, "tail\n"],
    ["length", 8, OTHER],
  ]);
  const plan = [
    set(VALUE, 0),
    set(OTHER, 5),
    call("write", "writev", [1, vector, 2]),
    set(OTHER, 2),
    call("write", "writev", [1, vector, 2]),
  ];
  expect(run(plan).stdout.toString()).toBe("tail\nta");
});

contract("two structs that look alike keep their own slots within one call", ({ run }) => {
  const one = struct("pair", [
    ["a", 8, VALUE],
    ["b", 8, 1],
  ]);
  const two = struct("pair", [
    ["a", 8, OTHER],
    ["b", 8, 1],
  ]);
  const both = struct("iovec", [
    ["base", 8, one],
    ["length", 8, 16],
    ["base", 8, two],
    ["length", 8, 16],
  ]);
  const plan = [set(VALUE, 11), set(OTHER, 22), call("write", "writev", [1, both, 2])];
  expect(shown(run(plan))).toEqual([11n, 1n, 22n, 1n]);
});

contract("fields of every size lie side by side, little-endian", ({ run }) => {
  const rows: (readonly [string, Field["size"], number | bigint])[] = [
    ["a", 1, 0x11],
    ["b", 2, 0x2233],
    ["c", 1, -1],
    ["d", 4, 0x44556677],
    ["e", 2, -2],
    ["f", 8, 0x0102030405060708n],
    ["g", 2, 0x8899],
    ["h", 4, 0xfedcba98],
    ["i", 8, -3],
    ["j", 1, 255],
  ];
  const expected = rows
    .map(([, size, value]) => {
      const memory = Buffer.alloc(8);
      memory.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)));
      return memory.subarray(0, size).toString("hex");
    })
    .join("");
  expect(run([showMemory(struct("mixed", rows), 33)]).stdout.toString("hex")).toBe(expected);
  const live = rows.map(([name, size, value]) => [name, size, name === "d" ? VALUE : value] as const);
  const plan = [set(VALUE, 0x9944556677), showMemory(struct("mixed", live), 33)];
  expect(run(plan).stdout.toString("hex")).toBe(expected);
});

contract("slots in a struct are cut to the size of the field, wherever that lies", ({ run }) => {
  const fields = struct("cut", [
    ["a", 1, VALUE],
    ["b", 8, VALUE],
    ["c", 2, VALUE],
    ["d", 4, VALUE],
    ["e", 1, 0x77],
  ]);
  const plan = [set(VALUE, 0x1122334455667788n), showMemory(fields, 16)];
  expect(run(plan).stdout.toString("hex")).toBe("88" + "8877665544332211" + "8877" + "88776655" + "77");
});

contract("a slot far into a struct is stored in its place", ({ run }) => {
  const rows = Array.from({ length: 70 }, (_, index) => [`f${index}`, 8, index] as const);
  const far = struct("far", [...rows, ["pad", 1, 9], ["value", 8, VALUE]]);
  const { stdout } = run([set(VALUE, -2), showMemory(far, 569)]);
  expect(stdout.readBigInt64LE(69 * 8)).toBe(69n);
  expect(stdout.subarray(560).toString("hex")).toBe("09feffffffffffffff");
});

contract("an ignored failure leaves −errno in the slot", ({ run }) => {
  const close = call("close", "close", [99], { into: VALUE, errors: { EBADF: "ignore" } });
  expect(shown(run([close, show(VALUE)]))).toEqual([-9n]);
});

contract("a failure goes to its label with −errno in the slot", ({ run }) => {
  const plan = [
    call("close", "close", [99], { into: VALUE, errors: { EINTR: "ignore", EBADF: { to: "bad" } } }),
    exit(1, "be elsewhere"),
    label("bad"),
    show(VALUE),
  ];
  expect(shown(run(plan))).toEqual([-9n]);
});

contract("a failure with a large errno is told from others", ({ run }) => {
  const AF_NONE = 99;
  const plan = [
    call("make a socket", "socket", [AF_NONE, 1, 0], {
      into: VALUE,
      errors: { EINVAL: "ignore", EAFNOSUPPORT: "ignore" },
    }),
    show(VALUE),
  ];
  expect(shown(run(plan))).toEqual([-97n]);
});

contract("a call is made again for an errno that asks for it", ({ run }) => {
  const O_NONBLOCK = 0x800;
  const PID = slot("pid");
  const nap = struct("timespec", [
    ["seconds", 8, 0],
    ["nanoseconds", 8, 20_000_000],
  ]);
  const plan = [
    ...makePipe(O_NONBLOCK),
    call("make a child", "clone", [SIGCHLD, 0, 0, 0, 0], { into: PID }),
    branch(PID, "ne", 0, "parent"),
    call("sleep", "nanosleep", [nap, 0]),
    call("write", "write", [OUT, "late", 4]),
    exit(0, "end the child"),
    label("parent"),
    call("read", "read", [IN, MEMORY, 16], { into: VALUE, errors: { EINTR: "ignore", EAGAIN: "retry" } }),
    show(VALUE),
    showMemory(MEMORY, 4),
  ];
  expect(run(plan).stdout.toString("latin1")).toBe("\x04\0\0\0\0\0\0\0late");
});

contract("results that look negative in 32 bits are no failures", ({ run }) => {
  const place = 0x7ff0_ffff_f000n;
  const plan = [call("map", "mmap", [place, 4096, 3, 0x32, -1, 0], { into: VALUE }), show(VALUE)];
  expect(shown(run(plan))).toEqual([place]);
});

contract("arguments and environment reach a program that is executed", ({ run }) => {
  // A program of the host, which the kernel runs also when the emulated program asks for it.
  const shell = Bun.which("sh") ?? "/bin/sh";
  const script = 'echo "$0|$1|$2|$3|$NAME|$EMPTY|$#|"; [ -z "$HOME" ]';
  const argv = strings(["sh", "-c", script, "zero", "a b", "", "größe"]);
  const plan = [call("execute sh", "execve", [shell, argv, strings(["NAME=value", "EMPTY="])])];
  expect(run(plan)).toMatchObject({ code: 0, stderr: "" });
  expect(run(plan).stdout.toString()).toBe("zero|a b||größe|value||3|\n");
});

contract("the child of a clone goes its own way, and its exit code can be waited for", ({ run }) => {
  const STATUS = buffer("status", 8);
  const PID = slot("pid");
  const plan = [
    call("make a child", "clone", [SIGCHLD, 0, 0, 0, 0], { into: PID }),
    branch(PID, "ne", 0, "parent"),
    say("child\n"),
    exit(42, "end the child"),
    label("parent"),
    call("wait for the child", "wait4", [PID, STATUS, 0, 0]),
    showMemory(STATUS, 4),
  ];
  expect(run(plan).stdout.toString("latin1")).toBe("child\n\0\x2a\0\0");
});

contract("bytes go through a pipe that was made in a buffer", ({ run }) => {
  const data = new Uint8Array([1, 0, 255, 4, 5]);
  const plan = [
    ...makePipe(0),
    call("write", "write", [OUT, bytes(data), 5]),
    call("read", "read", [IN, MEMORY, 16], { into: VALUE }),
    showMemory(MEMORY, 16),
    show(VALUE),
  ];
  expect(run(plan).stdout.toString("hex")).toBe(`0100ff0405${"00".repeat(11)}0500000000000000`);
});

contract("more slots than one byte can address are all reached", ({ run }) => {
  const slots = Array.from({ length: 600 }, (_, index) => slot(`slot ${index}`));
  const plan = [...slots.map((one, index) => set(one, index - 300)), show(...slots)];
  expect(shown(run(plan))).toEqual(slots.map((_, index) => BigInt(index - 300)));
  const target = slots[550];
  if (target === undefined) throw new Error("there are 600 slots");
  const zeroes = slots.map((one) => set(one, 0));
  expect(
    shown(run([...zeroes, call("make a pipe", "pipe2", [address(target), 0]), show(target)])),
  ).not.toEqual([0n]);
});
