/** What Bun is told of an `exec` that has failed, by the compiled program on both architectures. */
import { expect } from "bun:test";
import { exit, label, set, slot } from "../../src/plan/build.ts";
import { ERRNO, KIND, STEP, tellByBun, VARIABLE } from "../../src/plan/entry-failed.ts";
import { BUN } from "../../src/plan/entry-words.ts";
import { FAILED, FAILED_NAME, readFailed } from "../../src/plan/failed-exec.ts";
import { contract, show, showMemory } from "../emit/machine.ts";

contract("Bun reads from the variable what has failed", ({ run }) => {
  const { code, stdout } = run([
    set(KIND, FAILED.step),
    set(STEP, 123),
    set(ERRNO, 13),
    ...tellByBun(),
    exit(1, "not told"),
    label(BUN),
    show(slot("own pid")),
    showMemory(VARIABLE, 100),
    exit(0, "told"),
  ]);
  expect(code).toBe(0);
  const pid = Number(stdout.readBigUInt64LE(0));
  const [text = ""] = stdout.subarray(8).toString("latin1").split("\0");
  expect(text.startsWith(`${FAILED_NAME}=`)).toBeTrue();
  const failed = readFailed(text.slice(FAILED_NAME.length + 1), pid);
  expect(failed).toEqual({ kind: FAILED.step, step: 123, errno: 13 });
});
