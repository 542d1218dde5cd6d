/**
 * What the container can see of hutch exec: nothing of the host (CVE-2016-9962, CVE-2019-5736,
 * CVE-2024-21626).
 */
import { describe, expect } from "bun:test";
import { readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { join } from "node:path";
import { AT_FDCWD, O_CLOEXEC, O_PATH } from "../../src/linux/fcntl.ts";
import { branch, buffer, call, compute, jump, label, set, slot } from "../../src/plan/build.ts";
import type { Plan, Step } from "../../src/plan/step.ts";
import { writeProgram } from "../support/attack.ts";
import { HUTCH } from "../support/hutch.ts";
import { eventually } from "../support/patience.ts";
import { asRoot, type Box, box, namespacesOf, quietly, textOf } from "./support-exec.ts";
import { childrenOf, sharedRoot, withProcess } from "./support-inside.ts";

const LINKS = ["exe", "cwd", "root", ...Array.from({ length: 12 }, (_, fd) => `fd/${fd}`)];
const LARGEST = 64;

/**
 * The first process of a container, which looks at the next process that is made, again and again until it is
 * gone, and writes down where its links lead; then at the one after that.
 */
function watcher(): Plan {
  const [proc, pid, directory, out, length] = ["proc", "pid", "directory", "out", "length"].map(slot);
  if (!proc || !pid || !directory || !out || !length) throw new Error("no slots");
  const digits = buffer("digits", 32);
  const text = buffer("text", 256);
  const look = (link: string, index: number): Step[] => [
    call("look", "readlinkat", [directory, link, text, 255], {
      into: length,
      // Of a process that has ended, nothing can be read any more; a descriptor may just not be there.
      errors: {
        ENOENT: { to: index < 3 ? "gone" : `after ${link}` },
        ESRCH: { to: "gone" },
        EACCES: { to: `after ${link}` },
      },
    }),
    call("write down", "write", [out, text, length]),
    call("write down", "write", [out, "\n", 1]),
    label(`after ${link}`),
  ];
  return [
    call("open", "openat", [AT_FDCWD, "/tmp/seen", 0o2101, 0o644], { into: out }),
    call("open", "openat", [AT_FDCWD, "/proc", O_PATH | O_CLOEXEC, 0], { into: proc }),
    set(pid, 2),
    label("next"),
    { kind: "decimal", to: digits, value: pid },
    label("again"),
    call("open", "openat", [proc, digits, O_PATH | O_CLOEXEC, 0], {
      into: directory,
      errors: { ENOENT: { to: "again" } },
    }),
    label("look"),
    ...LINKS.flatMap(look),
    jump("look"),
    label("gone"),
    call("close", "close", [directory]),
    compute(pid, pid, "add", 1),
    branch(pid, "gt", 0, "next"),
  ];
}

/** Executes commands in a container whose first process is the watcher; what it has seen. */
async function seen(ptrace: boolean, times: number): Promise<string[]> {
  const root = await sharedRoot();
  writeProgram(join(root, "watcher"), watcher());
  rmSync(join(root, "tmp/seen"), { force: true });
  const capabilities = ptrace
    ? ["CAP_SYS_PTRACE", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH"]
    : ["CAP_DAC_OVERRIDE"];
  const sets = { bounding: capabilities, permitted: capabilities, effective: capabilities };
  await using watched: Box = await box(
    (spec) => withProcess({ capabilities: sets, args: ["/watcher"] })(spec),
    "",
  );
  for (let each = 0; each < times; each += 1) {
    const options = each % 2 === 0 ? [] : ["--detach"];
    const words = ["--root", watched.root, "exec", ...options, watched.id, "sleep", "0.05"];
    expect(await quietly(words)).toBe(0);
    await Bun.sleep(60);
  }
  const lines = readFileSync(join(root, "tmp/seen"), "utf8").trim().split("\n");
  return [...new Set(lines)].sort();
}

/** The program in memory, the command, the streams of this test, and the pipe on which a failure is told. */
const HARMLESS = /^(\/memfd:hutch \(deleted\)|\/bin\/(sleep|busybox)|\/|\/dev\/null|pipe:\[\d+\])$/;

describe("in /proc of the container", () => {
  asRoot("a root that may trace sees nothing of the host in a process that joins", async () => {
    const lines = await seen(true, 20);
    expect(lines.filter((line) => !HARMLESS.test(line))).toEqual([]);
    // It did look before the command was executed.
    expect(lines).toContain("/memfd:hutch (deleted)");
  });

  asRoot("a root that may not trace sees nothing at all before the command runs", async () => {
    const lines = await seen(false, 20);
    expect(lines).not.toContain("/memfd:hutch (deleted)");
    expect(lines.filter((line) => !HARMLESS.test(line))).toEqual([]);
  });
});

describe("the supervisor", () => {
  asRoot("holds the standard streams and one pidfd, is outside, and small", async () => {
    await using one = await box();
    const child = Bun.spawn([HUTCH, "--root", one.root, "exec", one.id, "sleep", "20"], {
      stdio: ["ignore", "ignore", "inherit"],
    });
    const isThere = () => textOf(`/proc/${childrenOf(child.pid)[0]}/comm`) === "sleep\n";
    expect(await eventually(isThere)).toBe(true);
    const links = readdirSync(`/proc/${child.pid}/fd`).map((fd) =>
      readlinkSync(`/proc/${child.pid}/fd/${fd}`),
    );
    expect(links.slice(3)).toEqual(["anon_inode:[pidfd]"]);
    expect(namespacesOf(child.pid)).toEqual(namespacesOf("self"));
    const pss = Number(/^Pss: +(\d+) kB$/m.exec(textOf(`/proc/${child.pid}/smaps_rollup`))?.[1]);
    expect(pss).toBeGreaterThan(0);
    expect(pss).toBeLessThanOrEqual(LARGEST);
    child.kill("SIGKILL");
    await child.exited;
  });

  asRoot("a command called /proc/self/exe does not run hutch's program again", async () => {
    await using one = await box();
    const { code, stderr } = await one.exec(["ID", "/proc/self/exe"]);
    expect(code).toBe(126);
    expect(stderr).toContain("permission denied");
  });
});
