/** Programs of descriptions, as they are compiled on this machine. */
import { expect, test } from "bun:test";
import { close, readFile } from "../../src/host/fd.ts";
import { look } from "../../src/host/look.ts";
import { describeContainer } from "../../src/library/description.ts";
import { compilePlan, explainPlan, makeProgram, releaseProgram } from "../../src/library/program.ts";
import { lacksCgroup, lacksRoot, testUnless } from "../support/skip.ts";

const whole = (options: object = {}) =>
  describeContainer({ root: "/", command: ["true"], ...options }, look).whole();

test("a program cannot be changed, and is let go of", async () => {
  const program = await makeProgram(await whole(), false, "box", look);
  expect(program.isLasting).toBe(true);
  const path = `/proc/self/fd/${program.file}`;
  expect(readFile(path).subarray(0, 4)).toEqual(new Uint8Array([0x7f, 0x45, 0x4c, 0x46]));
  expect(Bun.write(path, "x")).rejects.toThrow();
  releaseProgram(program);
  expect(() => readFile(path)).toThrow("ENOENT");
});

test("it ends with its parent unless it is detached, and tells of itself; a compiled one does not", async () => {
  const texts = await Promise.all(
    [false, true].map(async (detached) => {
      const program = await makeProgram(await whole(), detached, "box", look);
      close(program.file);
      return program.plan.map((step) => (step.kind === "call" ? step.why : "")).join("\n");
    }),
  );
  expect(texts[0]).toContain("hear of the parent's death");
  expect(texts[1]).not.toContain("hear of the parent's death");
  expect(texts[1]).toContain("tell hutch that the container runs");
  expect(await explainPlan(await whole(), look)).not.toContain("tell hutch");
  expect((await compilePlan(await whole())).length).toBeGreaterThan(1000);
});

testUnless(lacksRoot() ?? lacksCgroup(1) ?? undefined)("cgroups have the name of the container", async () => {
  const program = await makeProgram(await whole({ memory: "64m" }), false, "box", look);
  close(program.file);
  const [one = ""] = program.cgroups("blue");
  expect(one).toEndWith("/hutch-blue");
  expect(program.namespaces).toContain("network");
});
