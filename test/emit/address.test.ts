/** Steps on memory by its address, and the ways out of a plan that other steps do not need. */
import { expect } from "bun:test";
import { emit } from "../../src/emit/index.ts";
import {
  branch,
  buffer,
  bytes,
  call,
  compute,
  exit,
  label,
  load,
  set,
  slot,
  store,
} from "../../src/plan/build.ts";
import type { Plan } from "../../src/plan/step.ts";
import { BOARD, contract, say, show, showMemory, shown } from "./machine.ts";

const AT = slot("at");
const VALUE = slot("value");
const OTHER = slot("other");
const SIZES = [1, 2, 4, 8] as const;

contract("memory is read and written behind an address, at offsets near and far", ({ run }) => {
  const large = buffer("large", 100_000);
  for (const offset of [0, 1, 8, 255, 4095, 40_003, 99_000]) {
    const plan: Plan = [
      set(AT, large),
      compute(AT, AT, "add", 500),
      ...SIZES.flatMap((size) => [
        store(AT, offset + size * 8, size, -2n),
        load(VALUE, AT, offset + size * 8, size),
        show(VALUE),
      ]),
      load(VALUE, AT, offset - 1, 1),
      show(VALUE),
    ];
    expect(shown(run(plan))).toEqual([0xfen, 0xfffen, 0xfffffffen, -2n, 0n].map((x) => BigInt.asIntN(64, x)));
  }
});

contract("an address may lie before what it points to", ({ run }) => {
  const plan: Plan = [
    set(AT, BOARD),
    compute(AT, AT, "add", 300),
    store(AT, -300, 4, 0x64636261),
    showMemory(BOARD, 4),
  ];
  expect(run(plan).stdout.toString()).toBe("abcd");
});

contract("constant bytes have an address", ({ run }) => {
  const text = new TextEncoder().encode("constant");
  expect(run([set(AT, bytes(text)), call("say", "write", [1, AT, 8])]).stdout.toString()).toBe("constant");
});

contract("all arguments of a program have an address, as an array", ({ run }) => {
  const plan: Plan = [
    { kind: "given", into: AT, what: "arguments" },
    load(VALUE, AT, 8, 8),
    call("say", "write", [1, VALUE, 3]),
    load(VALUE, AT, 16, 8),
    show(VALUE),
  ];
  expect(run(plan, undefined, { args: ["one"] }).stdout.toString("latin1")).toBe(`one${"\0".repeat(8)}`);
});

contract("a failure that is not listed goes elsewhere without a word, if the call says so", ({ run }) => {
  const attempt = (path: string): Plan => [
    call("try", "openat", [-100, path, 0, 0], {
      into: VALUE,
      errors: { ENOENT: { to: "missing" } },
      otherwise: "other",
    }),
    exit(0, "opened"),
    label("missing"),
    exit(1, "missing"),
    label("other"),
    show(VALUE),
    exit(2, "other"),
  ];
  expect(run(attempt("/")).code).toBe(0);
  expect(run(attempt("/nowhere")).code).toBe(1);
  const other = run(attempt("/dev/null/x"));
  expect([other.code, other.stderr, shown(other)]).toEqual([2, "", [-20n]]);
});

/** A plan that enters its own program twice before it goes on. */
const again = (entry: number): Plan => [
  compute(OTHER, OTHER, "add", 1),
  branch(OTHER, "ge", 3, "third time"),
  say("again "),
  set(AT, entry),
  { kind: "enter", at: AT },
  label("third time"),
  { kind: "given", into: VALUE, what: 1 },
  call("say", "write", [1, VALUE, 4]),
];

contract("a program that is entered finds the stack as if it had been executed", ({ arch, run }) => {
  const report = { kind: "print", prefix: "hutch" } as const;
  const start = (entry: number): number =>
    new DataView(emit(again(entry), { arch, report }).buffer).getUint32(24, true);
  const entry = start(start(0x400100));
  expect(run(again(entry), report, { args: ["here"] }).stdout.toString()).toBe("again again here");
});

contract("what was to be called at the end is handed on", ({ arch, run }) => {
  // As a dynamic linker does, the first pass leaves it where the next finds it: kept, and handed on.
  const KEPT = slot("function to call at the end");
  const report = { kind: "print", prefix: "hutch" } as const;
  const plan = (entry: number): Plan => [
    compute(OTHER, OTHER, "add", 1),
    branch(OTHER, "ge", 2, "second time"),
    set(KEPT, 0x4711),
    set(AT, entry),
    { kind: "enter", at: AT },
    label("second time"),
    show(KEPT),
  ];
  const start = (entry: number): number =>
    new DataView(emit(plan(entry), { arch, report }).buffer).getUint32(24, true);
  expect(shown(run(plan(start(start(0x400100)))))).toEqual([0x4711n]);
});
