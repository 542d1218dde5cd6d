/** What the dynamic linker is told of the program that it is to begin. */
import { expect } from "bun:test";
import { existsSync } from "node:fs";
import { load, slot } from "../../src/plan/build.ts";
import { BASE } from "../../src/plan/linker.ts";
import type { Plan, Step } from "../../src/plan/step.ts";
import { begin } from "../../src/plan/successor.ts";
import { contract, show, showMemory, shown } from "../emit/machine.ts";

const linker = ["/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"].find((each) => existsSync(each));
const ENTRY = 0x1234_5678;
const HEADERS = new Uint8Array(3 * 56).fill(0x5a);
/** The first address of every emitted program: what is there is not zero. */
const LINKED = 0x400000;
/** Zero, as DT_DEBUG before a linker has run: the upper half of the ELF header's e_shoff. */
const UNLINKED = LINKED + 40;

/** The steps of begin() but for the last, and what they leave. */
const prepared = (debugAt: number, ...then: readonly Step[]): Plan => [
  ...begin({ entry: ENTRY, linker: linker ?? "", headers: HEADERS, debugAt }, "NAME=value").filter(
    ({ kind }) => kind !== "enter",
  ),
  ...then,
];

const of = (name: string) => slot(`place of ${name}`);
const read = (name: string): Step[] => [load(slot(name), of(name), 0, 8)];

contract("the auxiliary vector tells of the program and of its linker", ({ run }) => {
  const names = ["AT_PHNUM", "AT_BASE", "AT_ENTRY", "AT_PHDR"];
  const plan = prepared(
    UNLINKED,
    ...names.flatMap(read),
    show(...names.map((name) => slot(name)), BASE),
    load(slot("headers"), slot("AT_PHDR"), 3 * 56 - 8, 8),
    show(slot("headers")),
  );
  const [count, base, entry, , mapped, last] = shown(run(plan));
  expect([count, entry, last]).toEqual([3n, BigInt(ENTRY), 0x5a5a5a5a5a5a5a5an]);
  expect(base).toBe(mapped ?? 0n);
  expect(base).toBeGreaterThan(0n);
});

contract("after a linker has run the program is begun as it is", ({ run }) => {
  const plan = prepared(LINKED, show(slot("entry"), BASE));
  expect(shown(run(plan))).toEqual([BigInt(ENTRY), 0n]);
});

contract("a variable is added at the end of the environment, and all else is where it belongs", ({ run }) => {
  const words = 24;
  const given = ["arguments", "environment"].map((name) => slot(`given ${name}`));
  const moves = prepared(
    UNLINKED,
    show(slot("stack"), ...given),
    showMemory(slot("stack"), words * 8),
    load(slot("text"), slot("stack"), 5 * 8, 8),
    showMemory(slot("text"), 11),
  );
  const plan: Plan = [
    { kind: "given", into: slot("given arguments"), what: "arguments" },
    { kind: "given", into: slot("given environment"), what: "environment" },
    ...moves,
  ];
  const { stdout, stderr } = run(plan, undefined, { args: ["one"], env: { A: "b" } });
  expect(stderr).toBe("");
  const [stack = 0n, args = 0n, environment = 0n, ...moved] = shown({
    code: 0,
    signal: undefined,
    stdout: stdout.subarray(0, (3 + words) * 8),
    stderr,
  });
  expect([stack % 16n, stack]).toEqual([0n, args - 24n]);
  // argc, two arguments and NULL, one variable and the other, NULL, and the vector.
  expect([moved[0], moved[3], moved[6]]).toEqual([2n, 0n, 0n]);
  expect(environment - args).toBe(24n);
  expect(stdout.subarray(-11).toString()).toBe("NAME=value\0");
  const types = moved.slice(7).filter((_, index) => index % 2 === 0);
  expect(types.filter((type) => type > 64n)).toEqual([]);
  expect(types).toContain(6n);
});
