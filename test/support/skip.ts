/** Why a test cannot run on this machine: a reason in words, or undefined when it can. */
import { test } from "bun:test";
import { accessSync, constants, existsSync, readFileSync } from "node:fs";
import { release } from "node:os";
import { SLOWNESS } from "./patience.ts";

export type SkipReason = string | undefined;

/** A program in PATH, or in the directories of the administrator, which an ordinary PATH leaves out. */
export function lacksProgram(name: string): SkipReason {
  const PATH = `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin:/usr/bin:/bin`;
  return Bun.which(name, { PATH }) === null ? `needs ${name}` : undefined;
}

export function lacksRoot(): SkipReason {
  return process.getuid?.() === 0 ? undefined : "needs root";
}

/** A device or another file that has to exist: "/dev/net/tun". */
export function lacksFile(path: string): SkipReason {
  return existsSync(path) ? undefined : `needs ${path}`;
}

/** At least this kernel: "6.3". */
export function lacksKernel(version: string): SkipReason {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [ownMajor = 0, ownMinor = 0] = release().split(/[.-]/).map(Number);
  return ownMajor > major || (ownMajor === major && ownMinor >= minor) ? undefined : `needs Linux ${version}`;
}

function mountTypes(): Set<string> {
  const lines = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
  return new Set(lines.map((line) => line.split(" - ")[1]?.split(" ")[0] ?? ""));
}

/** A mounted cgroup hierarchy of this version that can be written to. */
export function lacksCgroup(version: 1 | 2): SkipReason {
  const reason = `needs a writable cgroup v${version} hierarchy`;
  if (!mountTypes().has(version === 1 ? "cgroup" : "cgroup2")) return reason;
  return writable("/sys/fs/cgroup") ? undefined : reason;
}

/** Whether an ordinary user may make a user namespace. */
export function lacksUserNamespaces(): SkipReason {
  const probe = Bun.spawnSync(["unshare", "--user", "true"], {
    stdio: ["ignore", "ignore", "ignore"],
    ...(process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {}),
  });
  return probe.success ? undefined : "needs user namespaces for ordinary users";
}

function writable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** The first reason of several. */
export function anyReason(...reasons: readonly SkipReason[]): SkipReason {
  return reasons.find((reason) => reason !== undefined);
}

/** `test`, or a test that is skipped and says why in its name: `testUnless(lacksRoot())("claim", …)`. */
export function testUnless(
  reason: SkipReason,
): (name: string, body: () => unknown, timeout?: number) => void {
  return (name, body, timeout) =>
    test.skipIf(reason !== undefined)(
      reason === undefined ? name : `${name} (${reason})`,
      async () => void (await body()),
      timeout === undefined ? undefined : timeout * SLOWNESS,
    );
}
