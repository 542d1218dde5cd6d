/** What only compact programs have; the contracts of the other files in this directory hold for them too. */
import { describe, expect, test } from "bun:test";
import { planFile } from "../../src/container/compile.ts";
import { emitCompact } from "../../src/emit/compact.ts";
import { ARCHES } from "../../src/linux/arch.ts";
import { call, exit, guard, label, set, slot } from "../../src/plan/build.ts";
import { NAME } from "../../src/plan/standalone.ts";
import type { Plan } from "../../src/plan/step.ts";
import { defaultSpec } from "../../src/spec/default.ts";
import { contract } from "./machine.ts";

const open = (path: string) =>
  call(`open ${path}`, "openat", [-100, path, 0, 0], { hints: { ENOENT: "make it" } });

contract("messages begin with the name that the plan has found", ({ run, name }) => {
  const { code, stderr } = run([set(NAME, "server.box"), open("/nonexistent/x")]);
  expect(code).toBe(125);
  const prefix = name.endsWith("compact") ? "server.box" : "hutch";
  expect(stderr).toBe(
    `${prefix}: open /nonexistent/x: openat: ENOENT (no such file or directory); hint: make it\n`,
  );
});

contract("the guard of a step is that of its place, whatever was run before", ({ run }) => {
  const plan: Plan = [
    guard("first"),
    { kind: "jump", to: "inside second" },
    label("back"),
    open("/nonexistent/1"),
    exit(1, "not reached"),
    guard("second"),
    label("inside second"),
    { kind: "jump", to: "back" },
    label("first"),
    guard(),
    exit(2, "end"),
    label("second"),
    exit(3, "end"),
  ];
  expect(run(plan).code).toBe(2);
});

describe("the default bundle", () => {
  const plain = { ...defaultSpec(), root: { path: "/rootfs" } };
  const resources = {
    ...plain.linux?.resources,
    memory: { limit: 2 ** 26 },
    cpu: { shares: 512, quota: 50_000, period: 100_000 },
    pids: { limit: 32 },
  };
  const bundle = (terminal: boolean) => ({
    ...plain,
    process: { ...plain.process, cwd: "/", terminal },
    linux: { ...plain.linux, resources },
  });
  for (const arch of ARCHES) {
    // The interpreter takes 400 bytes more there.
    const wide = arch === "aarch64" ? 512 : 0;
    for (const [terminal, most] of [
      [true, 12_288 + wide],
      [false, 11_000 + wide],
    ] as const) {
      const kind = terminal ? "the terminal that it has" : "no terminal";
      test(`${arch}: with limits and ${kind} it is at most ${most} bytes, stripped, and the same every time`, async () => {
        const plan = await planFile({ root: { spec: bundle(terminal) }, user: undefined }, { arch });
        const file = emitCompact(plan, { arch, name: "hutch", hints: false });
        expect(file.length).toBeLessThanOrEqual(most);
        expect(emitCompact(plan, { arch, name: "hutch", hints: false })).toEqual(file);
      });
    }
  }
});

const limited = (value: number): Plan => [
  open("/nonexistent/1"),
  call(`write ${value} to a limit`, "openat", [-100, "/nonexistent/2", 0, 0]),
  exit(0, "end"),
];

test("a file has the same bytes whatever the process has compiled before", () => {
  const compile = (value: number) =>
    emitCompact(limited(value), { arch: "x86_64", name: "fresh", hints: true });
  const first = compile(65_536);
  expect(compile(1_048_576)).not.toEqual(first);
  expect(compile(65_536)).toEqual(first);
});

contract("a text with a value, which comes behind all others, is told like them", ({ run }) => {
  const [, ...rest] = limited(65_536);
  expect(run(rest).stderr).toContain("write 65536 to a limit: openat: ENOENT");
});

test("a plan that does not fit the form becomes machine code, and one that means nothing is refused", () => {
  const many = Array.from({ length: 300 }, (_, number) => set(slot(`slot ${number}`), number));
  const options = { arch: "x86_64", name: "hutch", hints: true } as const;
  expect(emitCompact(many, options).length).toBeGreaterThan(2000);
  expect(() => emitCompact([{ kind: "jump", to: "nowhere" }], options)).toThrow("label nowhere is missing");
});
