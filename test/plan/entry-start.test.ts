/** `start` by the compiled entry program, at a FIFO of our own, on both architectures. */
import { expect } from "bun:test";
import { closeSync, constants, openSync, readdirSync, readSync } from "node:fs";
import { join } from "node:path";
import { syscall } from "../../src/host/syscall.ts";
import { AT_FDCWD, LOCK_EX, O_PATH } from "../../src/linux/fcntl.ts";
import { call, exit, label, slot } from "../../src/plan/build.ts";
import { DIRECTORY } from "../../src/plan/entry-place.ts";
import { startContainer } from "../../src/plan/entry-start.ts";
import { BUN } from "../../src/plan/entry-words.ts";
import type { Plan } from "../../src/plan/step.ts";
import { START } from "../../src/plan/summary.ts";
import { contract } from "../emit/machine.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const LEFT_TO_BUN = 7;
const WHERE = slot("where");

const PLAN: Plan = [
  { kind: "given", into: WHERE, what: 1 },
  call("open the directory", "openat", [AT_FDCWD, WHERE, O_PATH, 0], { into: DIRECTORY }),
  ...startContainer(),
  label(BUN),
  exit(LEFT_TO_BUN, "not started"),
];

/** A directory with the FIFO. */
function place(): { directory: string; fifo: string } {
  const directory = temporaryDirectory("start");
  const fifo = join(directory, START);
  expect(Bun.spawnSync(["mkfifo", fifo]).exitCode).toBe(0);
  return { directory, fifo };
}

contract("who waits at the FIFO reads one byte, and the FIFO is gone", ({ run }) => {
  const { directory, fifo } = place();
  const waits = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    expect(run(PLAN, undefined, { args: [directory] })).toMatchObject({ code: 0, stderr: "" });
    const read = Buffer.alloc(8);
    expect(readSync(waits, read)).toBe(1);
    expect(read[0]).toBe(1);
    expect(readdirSync(directory)).toEqual([]);
    expect(run(PLAN, undefined, { args: [directory] }).code).toBe(LEFT_TO_BUN);
  } finally {
    closeSync(waits);
  }
});

contract("where nobody waits nothing happens", ({ run }) => {
  const { directory } = place();
  expect(run(PLAN, undefined, { args: [directory] }).code).toBe(LEFT_TO_BUN);
  expect(readdirSync(directory)).toEqual([START]);
});

contract("while somebody else is starting it nothing happens", ({ run }) => {
  const { directory, fifo } = place();
  const other = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
  try {
    expect(syscall("flock", other, LOCK_EX)).toBe(0);
    expect(run(PLAN, undefined, { args: [directory] }).code).toBe(LEFT_TO_BUN);
    expect(() => readSync(other, Buffer.alloc(8))).toThrow("EAGAIN");
    expect(readdirSync(directory)).toEqual([START]);
  } finally {
    closeSync(other);
  }
});
