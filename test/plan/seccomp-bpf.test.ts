import { expect, test } from "bun:test";
import { BPF_JEQ } from "../../src/linux/seccomp.ts";
import { assembler, type Target } from "../../src/plan/seccomp-bpf.ts";
import { decode, disassemble, run } from "../support/bpf.ts";

test("a program written backwards runs forwards", () => {
  const code = assembler();
  const masked = code.and(0xff, code.branch(BPF_JEQ, 7, { result: 1 }, { result: 2 }));
  const program = code.finish(code.load(16, masked));
  expect(disassemble(program)).toEqual([
    "0: ld [16]",
    "1: and 0xff",
    "2: jeq 0x7 4 3",
    "3: ret 0x2",
    "4: ret 0x1",
  ]);
});

test("a return in reach is used again", () => {
  const code = assembler();
  const inner = code.branch(BPF_JEQ, 1, { result: 5 }, { result: 6 });
  code.branch(BPF_JEQ, 2, { result: 5 }, inner);
  expect(code.size()).toBe(4);
});

/** The last test of a chain in which each that fails goes on with the next: `length` of them, then 99. */
function chain(code: ReturnType<typeof assembler>, length: number): Target {
  let next: Target = { result: 99 };
  for (let value = length; value > 0; value--) next = code.branch(BPF_JEQ, value, { result: 1 }, next);
  return next;
}

test.each([250, 253, 254, 255, 256, 257, 258, 600])(
  "a target %d instructions away is reached",
  (distance) => {
    const code = assembler();
    const far = code.load(20, code.branch(BPF_JEQ, 1, { result: 11 }, { result: 12 }));
    const near = chain(code, distance);
    const program = code.finish(code.load(16, code.branch(BPF_JEQ, 1000, far, near)));
    const instructions = decode(program);
    const data = (low: number, high: number) => ({
      nr: 0,
      arch: 0,
      args: [(BigInt(high) << 32n) | BigInt(low)],
    });
    expect(run(instructions, data(1000, 1))).toBe(11);
    expect(run(instructions, data(1000, 2))).toBe(12);
    expect(run(instructions, data(distance, 0))).toBe(1);
    expect(run(instructions, data(distance + 1, 0))).toBe(99);
  },
);
