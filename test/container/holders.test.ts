import { expect, test } from "bun:test";
import { closeSync, constants, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { holders, isHeld, launchers } from "../../src/container/holders.ts";
import { lacksProgram, testUnless } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const withFifo = testUnless(lacksProgram("mkfifo"));

function fifo(): string {
  const path = join(temporaryDirectory("fifo"), "start");
  expect(Bun.spawnSync(["mkfifo", path]).exitCode).toBe(0);
  return path;
}

withFifo("a FIFO is held while somebody can read from it, and its holders are found", () => {
  const path = fifo();
  expect(isHeld(path)).toBeFalse();
  expect(holders(path)).toEqual([]);
  const fd = openSync(path, constants.O_RDWR);
  expect(isHeld(path)).toBeTrue();
  expect(holders(path).map(({ pid }) => pid)).toEqual([process.pid]);
  closeSync(fd);
  expect(isHeld(path)).toBeFalse();
});

withFifo("a holder under another name of the directory is found all the same", async () => {
  const path = fifo();
  const child = Bun.spawn(["sh", "-c", 'exec 9<>"$0"; echo open; exec sleep 1000', path], { stdout: "pipe" });
  await child.stdout.getReader().read();
  expect(holders(`/proc/self/root${path}`).map(({ pid }) => pid)).toEqual([child.pid]);
  child.kill("SIGKILL");
  await child.exited;
  expect(isHeld(path)).toBeFalse();
});

test("a FIFO that is not there is not held", () => {
  expect(isHeld("/nowhere/start")).toBeFalse();
  expect(holders("/nowhere/start")).toEqual([]);
});

test("a launcher is known by its name and its container's directory, not by one of them alone", async () => {
  const cwd = temporaryDirectory("launcher");
  const directory = "/run/hutch/x";
  // A script of that name, because a shell shows its own arguments to /proc.
  for (const name of ["hutch-x", "hutch-y"]) writeFileSync(join(cwd, name), "echo ready; read line");
  const start = async (name: string, ...words: readonly string[]) => {
    const child = Bun.spawn(["/bin/sh", name, ...words], { argv0: "hutch", cwd, stdin: "pipe" });
    await child.stdout.getReader().read();
    return child;
  };
  const ours = await start("hutch-x", "/run/hutch/x/pid", directory);
  const others = [await start("hutch-x", "/run/other/x"), await start("hutch-y", directory)];
  expect(launchers(directory, "x").map(({ pid }) => pid)).toEqual([ours.pid]);
  for (const child of [ours, ...others]) child.kill("SIGKILL");
});
