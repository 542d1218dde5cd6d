import { expect, test } from "bun:test";
import { readlinkSync, statSync } from "node:fs";
import { join } from "node:path";
import { close, readFile } from "../../src/host/fd.ts";
import { executable } from "../../src/host/memfd.ts";
import { errnoOf, syscall } from "../../src/host/syscall.ts";
import { F_ADD_SEALS, F_GETFD, F_SEAL_FUTURE_WRITE, FD_CLOEXEC, O_RDWR } from "../../src/linux/fcntl.ts";
import { run } from "../support/hutch.ts";
import { anyReason, lacksFile, lacksProgram, lacksRoot, testUnless } from "../support/skip.ts";
import { ROOT } from "../support/source.ts";

const BYTES = new TextEncoder().encode("#!/bin/sh\n");
const FIXTURE = join(import.meta.dir, "fixture/executable.ts");

function withExecutable(use: (fd: number) => void): void {
  const fd = executable(BYTES, "hutch test");
  try {
    use(fd);
  } finally {
    close(fd);
  }
}

test("an executable holds its bytes, is close-on-exec, and has the mode 0500", () => {
  withExecutable((fd) => {
    const path = `/proc/self/fd/${fd}`;
    expect(readFile(path)).toEqual(BYTES);
    expect(readlinkSync(path)).toBe("/memfd:hutch test (deleted)");
    expect(statSync(path).mode & 0o7777).toBe(0o500);
    expect(syscall("fcntl", fd, F_GETFD)).toBe(FD_CLOEXEC);
  });
});

test("nobody can write to an executable, cut it, or seal it further, whatever way it is opened", () => {
  withExecutable((fd) => {
    const again = syscall("openat", -100, `/proc/self/fd/${fd}`, O_RDWR);
    for (const writer of again < 0 ? [fd] : [fd, again]) {
      expect(errnoOf(syscall("pwrite64", writer, BYTES, 1, 0))).toBe("EPERM");
      expect(errnoOf(syscall("ftruncate", writer, 0))).toBe("EPERM");
      expect(errnoOf(syscall("ftruncate", writer, 4096))).toBe("EPERM");
      expect(errnoOf(syscall("fcntl", writer, F_ADD_SEALS, F_SEAL_FUTURE_WRITE))).toBe("EPERM");
    }
    if (again >= 0) close(again);
  });
});

test("the execute bits of an executable can be taken away", () => {
  withExecutable((fd) => {
    expect(syscall("fchmod", fd, 0)).toBe(0);
    expect(statSync(`/proc/self/fd/${fd}`).mode & 0o7777).toBe(0);
  });
});

/** Where the project is found when something is mounted over its place. */
const ASIDE = "/mnt";
const aside = (path: string): string =>
  path.startsWith(`${ROOT}/`) ? ASIDE + path.slice(ROOT.length) : path;

/** Runs the fixture in a pid namespace where vm.memfd_noexec is 2, after `prepare`. */
function withoutMemfd(prepare: string): ReturnType<typeof run> {
  const script = `mount --rbind "$2" ${ASIDE} && echo 2 > /proc/sys/vm/memfd_noexec && ${prepare} exec "$0" "$1"`;
  const namespaces = ["--mount", "--pid", "--fork", "--mount-proc"];
  return run(["unshare", ...namespaces, "sh", "-c", script, aside(process.execPath), aside(FIXTURE), ROOT], {
    env: { XDG_RUNTIME_DIR: undefined },
  });
}

const needs = anyReason(
  lacksRoot(),
  lacksProgram("unshare"),
  lacksFile("/proc/sys/vm/memfd_noexec"),
  lacksFile(ASIDE),
);

testUnless(needs)("where memfds cannot be executed, an unnamed file is made instead", async () => {
  const { stdout, stderr } = await withoutMemfd("mount -t tmpfs tmpfs /run &&");
  expect(stderr).toBe("");
  expect(stdout).toMatch(/^\/run\/#\d+ \(deleted\)\nexecuted\n$/);
});

testUnless(needs)("a file system mounted noexec is passed over", async () => {
  const prepare = "mount -t tmpfs -o noexec tmpfs /run && mount -t tmpfs tmpfs /dev/shm &&";
  const { stdout, stderr } = await withoutMemfd(prepare);
  expect(stderr).toBe("");
  expect(stdout).toMatch(/^\/dev\/shm\/#\d+ \(deleted\)\nexecuted\n$/);
});

testUnless(needs)("where nothing can be executed, every place that was tried is named", async () => {
  const noexec = (path: string): string => `mount -t tmpfs -o noexec tmpfs ${path} &&`;
  const { stdout } = await withoutMemfd(`${noexec("/run")} ${noexec("/dev/shm")} mount -t proc proc /tmp &&`);
  expect(stdout).toContain("/run (noexec), /dev/shm (noexec), /tmp (");
  expect(stdout).toContain("hint: set vm.memfd_noexec to 0 or 1");
});
