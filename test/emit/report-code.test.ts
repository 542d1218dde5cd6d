import { expect, test } from "bun:test";
import { routinesModule } from "../../scripts/generate-routines.ts";
import { assembleRoutines } from "../../src/emit/report-code.ts";
import { ARCHES } from "../../src/linux/arch.ts";
import { errnoText } from "../../src/linux/errno.ts";

test("the routines that are built in are those that the source makes", async () => {
  const file = Bun.file(`${import.meta.dir}/../../src/emit/routines.ts`);
  // Else: bun scripts/generate-routines.ts
  expect(await file.text()).toBe(routinesModule());
});

test("the texts of the errnos are found by counting NULs", () => {
  const { texts } = assembleRoutines("x86_64", "print");
  const errnos = texts.split("\0").slice(3);
  expect(errnos[0]).toBe(`EPERM (${errnoText("EPERM")})`);
  expect(errnos[39]).toBe(`ELOOP (${errnoText("ELOOP")})`);
  expect(errnos[40]).toBe("");
  expect(errnos[128]).toBe(`EKEYREJECTED (${errnoText("EKEYREJECTED")})`);
});

test("routines are a small part of a program", () => {
  for (const arch of ARCHES) {
    expect(Buffer.from(assembleRoutines(arch, "print").code, "base64").length).toBeLessThan(560);
    expect(Buffer.from(assembleRoutines(arch, "pipe").code, "base64").length).toBeLessThan(280);
    expect(assembleRoutines(arch, "print").texts.length).toBeLessThan(2700);
  }
});

test("routines on aarch64 are whole instructions", () => {
  for (const kind of ["print", "pipe"] as const) {
    expect(Buffer.from(assembleRoutines("aarch64", kind).code, "base64").length % 4).toBe(0);
  }
});
