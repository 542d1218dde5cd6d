import { expect } from "bun:test";
import { createAarch64 } from "../../src/emit/aarch64.ts";
import { createImage, resolve } from "../../src/emit/image.ts";
import { emitAppend, emitDecimal } from "../../src/emit/routine.ts";
import { createX86, patchX86 } from "../../src/emit/x86_64.ts";
import { testUnless } from "../support/skip.ts";
import { disassemble, lacksDisassembler } from "./disassemble.ts";

testUnless(lacksDisassembler("x86_64"))("append copies a byte and goes on until that was NUL", () => {
  const image = createImage(1);
  emitAppend(createX86(image), image);
  const code = new Uint8Array(image.code);
  resolve(image, image.fixups, new DataView(code.buffer), { offsets: [0], addresses: [0] }, patchX86);
  expect(disassemble("x86_64", code)).toEqual([
    "movzx eax,BYTE PTR [rsi]",
    "mov BYTE PTR [rdi],al",
    "inc rsi",
    "inc rdi",
    "test rax,rax",
    "jne 0x0",
    "dec rdi",
    "ret",
  ]);
});

testUnless(lacksDisassembler("aarch64"))("decimal returns once, at its end, and calls nothing", () => {
  const image = createImage(4);
  emitDecimal(createAarch64(image, false), image);
  const lines = disassemble("aarch64", new Uint8Array(new Int32Array(image.code).buffer));
  expect(lines.filter((line) => /^(ret|bl|svc)\b/.test(line))).toEqual(["ret"]);
  expect(lines.at(-1)).toBe("ret");
});
