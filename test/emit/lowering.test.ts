import { expect, test } from "bun:test";
import { createData } from "../../src/emit/data.ts";
import { createImage } from "../../src/emit/image.ts";
import { type Lowering, labelOf } from "../../src/emit/lowering.ts";
import { createReporter } from "../../src/emit/report.ts";
import { createX86 } from "../../src/emit/x86_64.ts";

test("one name is one label", () => {
  const image = createImage(1);
  const asm = createX86(image);
  const data = createData(image);
  const reporter = createReporter(asm, data, "x86_64", { kind: "pipe", fd: 3 });
  const state: Lowering = {
    arch: "x86_64",
    asm,
    data,
    reporter,
    syscalls: {},
    labels: new Map(),
    fallible: [],
    guard: -1,
  };
  const [a, b, again] = [labelOf(state, "a"), labelOf(state, "b"), labelOf(state, "a")];
  expect(again).toBe(a);
  expect(b).not.toBe(a);
});
