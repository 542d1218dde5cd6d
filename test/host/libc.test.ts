import { expect, test } from "bun:test";
import { join } from "node:path";
import { close, open } from "../../src/host/fd.ts";
import { hostArch, systemCall } from "../../src/host/libc.ts";
import { syscallNumber } from "../../src/host/syscall.ts";
import { ERRNO } from "../../src/linux/errno.ts";
import { O_RDONLY } from "../../src/linux/fcntl.ts";
import { PR_GET_NO_NEW_PRIVS } from "../../src/linux/prctl.ts";
import { run } from "../support/hutch.ts";
import { lacksKernel, testUnless } from "../support/skip.ts";

const { EINVAL } = ERRNO;

test("the architecture is one that has a table of calls", () => {
  expect(syscallNumber("getpid")).toBe({ x86_64: 39, aarch64: 172 }[hostArch()]);
});

test("all six arguments arrive whole", () => {
  // process_vm_readv of nothing: the unused flags, argument 6, must be 0 in all of their 64 bits.
  const readv = syscallNumber("process_vm_readv");
  expect(systemCall(readv, process.pid, 0, 0, 0, 0, 0)).toBe(0);
  expect(systemCall(readv, process.pid, 0, 0, 0, 0, 1n << 40n)).toBe(-EINVAL);
  // PR_GET_NO_NEW_PRIVS takes no arguments and checks that 2 to 5 are 0.
  const prctl = syscallNumber("prctl");
  expect(systemCall(prctl, PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0, 0)).toBeGreaterThanOrEqual(0);
  for (const position of [0, 1, 2, 3]) {
    const [b = 0, c = 0, d = 0, e = 0] = [0, 1, 2, 3].map((index) => (index === position ? 1n << 40n : 0));
    expect(systemCall(prctl, PR_GET_NO_NEW_PRIVS, b, c, d, e, 0)).toBe(-EINVAL);
  }
});

test("a result of 64 bits comes back whole", () => {
  const memory = open("/proc/self/mem", O_RDONLY);
  const seek = syscallNumber("lseek");
  for (const offset of [2 ** 31, 2 ** 40 + 1, (1n << 62n) + 1n]) {
    expect(BigInt(systemCall(seek, memory, offset, 0, 0, 0, 0))).toBe(BigInt(offset));
  }
  close(memory);
});

testUnless(lacksKernel("6.3"))("where memory may not become executable, the error says so", async () => {
  const { stdout } = await run([process.execPath, join(import.meta.dir, "fixture/without-jit.ts")]);
  expect(stdout).toContain("load libc.so.6: bun:ffi requires the JIT");
  expect(stdout).toContain("hint: calls into libc need executable memory");
});
