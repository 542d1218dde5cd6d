import { expect, test } from "bun:test";
import { closeSync, fstatSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { holders, isHeld, launchers } from "../../src/container/holders.ts";
import { bind, datagramSocket } from "../../src/host/socket.ts";
import { temporaryDirectory } from "../support/temporary.ts";

/** A socket at a path as long as an id can make it, and its inode. */
function held() {
  const path = join(temporaryDirectory("socket"), "x".repeat(240), "start");
  mkdirSync(dirname(path));
  const directory = openSync(dirname(path), "r");
  const fd = datagramSocket();
  bind(fd, `/proc/self/fd/${directory}/start`);
  closeSync(directory);
  return { path, fd, inode: fstatSync(fd).ino };
}

test("a socket is held while somebody has it open, and its holders are found", () => {
  const { path, fd, inode } = held();
  expect(isHeld(path)).toBeTrue();
  expect(holders(inode).map(({ pid }) => pid)).toEqual([process.pid]);
  closeSync(fd);
  expect(isHeld(path)).toBeFalse();
  expect(holders(inode)).toEqual([]);
});

test("whoever has inherited it is a holder, and who tries to read its file is none", async () => {
  const { path, fd, inode } = held();
  const stdio = ["ignore", "ignore", "ignore", fd] as const;
  const child = Bun.spawn(["sleep", "1000"], { stdio: [...stdio] });
  closeSync(fd);
  expect(isHeld(path)).toBeTrue();
  expect(() => readFileSync(path)).toThrow("ENXIO");
  expect(holders(inode).map(({ pid }) => pid)).toEqual([child.pid]);
  child.kill("SIGKILL");
  await child.exited;
  expect(isHeld(path)).toBeFalse();
});

test("a socket that is not there is not held, nor is another file of its name", () => {
  expect(isHeld("/nowhere/start")).toBeFalse();
  expect(isHeld(`/nowhere/${"x".repeat(240)}/start`)).toBeFalse();
  const path = join(temporaryDirectory("socket"), "start");
  writeFileSync(path, "");
  expect(isHeld(path)).toBeFalse();
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
