/** `start` by the compiled entry program, at a socket of our own, on both architectures. */
import { expect } from "bun:test";
import { closeSync, readdirSync, readSync } from "node:fs";
import { join } from "node:path";
import { setNonblock } from "../../src/host/fd.ts";
import { bind, datagramSocket, sendTo } from "../../src/host/socket.ts";
import { AT_FDCWD, O_PATH } from "../../src/linux/fcntl.ts";
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

/** A directory with a socket, and whoever reads it. */
function place() {
  const directory = temporaryDirectory("start");
  const init = datagramSocket();
  bind(init, join(directory, START));
  setNonblock(init, true);
  return { directory, init };
}

contract("who waits at the socket reads one byte, and the socket is gone", ({ run }) => {
  const { directory, init } = place();
  try {
    expect(run(PLAN, undefined, { args: [directory] })).toMatchObject({ code: 0, stderr: "" });
    const read = Buffer.alloc(8);
    expect(readSync(init, read)).toBe(1);
    expect(read[0]).toBe(1);
    expect(readdirSync(directory)).toEqual([]);
    expect(run(PLAN, undefined, { args: [directory] }).code).toBe(LEFT_TO_BUN);
  } finally {
    closeSync(init);
  }
});

contract("where nobody waits nothing happens", ({ run }) => {
  const { directory, init } = place();
  closeSync(init);
  expect(run(PLAN, undefined, { args: [directory] }).code).toBe(LEFT_TO_BUN);
  expect(readdirSync(directory)).toEqual([START]);
});

contract("while others have told it to start before, and were not heard, nothing happens", ({ run }) => {
  const { directory, init } = place();
  try {
    while (sendTo(join(directory, START), Buffer.from("x")) === "reached");
    expect(run(PLAN, undefined, { args: [directory] }).code).toBe(LEFT_TO_BUN);
    expect(readdirSync(directory)).toEqual([START]);
  } finally {
    closeSync(init);
  }
});
