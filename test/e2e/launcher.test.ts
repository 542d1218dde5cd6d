/** What stays outside of a container while it runs: one small process, and the caller's own streams. */
import { beforeAll, describe, expect } from "bun:test";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { HUTCH, hutch, lacksHutch } from "../support/hutch.ts";
import { eventually } from "../support/patience.ts";
import { lacksBusybox, rootfs } from "../support/rootfs.ts";
import { anyReason, lacksProgram, lacksRoot, testUnless } from "../support/skip.ts";

const REASON = anyReason(lacksHutch(), lacksBusybox(), lacksRoot());
const withRoot = testUnless(REASON);
const withBash = testUnless(anyReason(REASON, lacksProgram("bash")));
/** KiB that the launcher may keep in memory while the container sleeps. */
const LARGEST = 64;

let root = "";
beforeAll(async () => {
  if (REASON === undefined) root = await rootfs();
});

/** A container that sleeps, its launcher, and its first process. */
async function sleeping(...options: string[]) {
  const child = Bun.spawn([HUTCH, "in", ...options, root, "sleep", "60"], {
    stdio: ["ignore", "ignore", "inherit"],
    timeout: 30_000,
    killSignal: "SIGKILL",
  });
  const { pid } = child;
  const first = () => Number(readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim());
  const runs = () => {
    try {
      return readFileSync(`/proc/${first()}/comm`, "utf8") === "sleep\n";
    } catch {
      return false;
    }
  };
  expect(await eventually(runs)).toBe(true);
  return {
    pid,
    first: first(),
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}

function kilobytes(pid: number, field: string): number {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  return Number(new RegExp(`^${field}: +(\\d+) kB$`, "m").exec(text)?.[1]);
}

describe("the launcher", () => {
  for (const options of [[], ["-t"], ["--timeout", "1h"]]) {
    withRoot(`keeps at most ${LARGEST} KiB in memory: in ${options.join(" ")}`, async () => {
      await using container = await sleeping(...options);
      expect(kilobytes(container.pid, "Pss")).toBeGreaterThan(0);
      expect(kilobytes(container.pid, "Pss")).toBeLessThanOrEqual(LARGEST);
      expect(kilobytes(container.pid, "Swap")).toBe(0);
    });
  }

  withRoot("is one process of one thread, and runs from memory", async () => {
    await using container = await sleeping();
    expect(readdirSync(`/proc/${container.pid}/task`)).toEqual([String(container.pid)]);
    expect(readlinkSync(`/proc/${container.pid}/exe`)).toBe("/memfd:hutch (deleted)");
    expect(readFileSync(`/proc/${container.pid}/cmdline`, "utf8")).toStartWith("hutch\0");
  });

  withRoot("holds the standard streams and the container's pidfd, nothing else", async () => {
    await using container = await sleeping();
    const links = readdirSync(`/proc/${container.pid}/fd`).map((fd) =>
      readlinkSync(`/proc/${container.pid}/fd/${fd}`),
    );
    expect(links.slice(0, 2)).toEqual(["/dev/null", "/dev/null"]);
    expect(links.slice(3)).toEqual(["anon_inode:[pidfd]"]);
  });

  withRoot("is closed to /proc, so that a shared pid namespace shows nothing of it", async () => {
    await using container = await sleeping();
    const { stdout, code } = await hutch([
      "in",
      "--share",
      "pid",
      "--user",
      "1000",
      root,
      "sh",
      "-c",
      `readlink /proc/${container.pid}/exe; cat /proc/${container.pid}/environ`,
    ]);
    expect({ stdout, failed: code !== 0 }).toEqual({ stdout: "", failed: true });
  });

  withRoot("leaves nothing of hutch in the container's first process", async () => {
    await using container = await sleeping();
    expect(readlinkSync(`/proc/${container.first}/exe`)).toMatch(/\/bin\/(sleep|busybox)$/);
    const maps = readFileSync(`/proc/${container.first}/maps`, "utf8");
    expect(maps).not.toContain("memfd");
    expect(readdirSync(`/proc/${container.first}/fd`)).toEqual(["0", "1", "2"]);
  });
});

describe("the standard streams", () => {
  withRoot("pass bytes of every value, both ways", async () => {
    const input = new Uint8Array(1_048_576).map((_, index) => (index * 7 + (index >> 8)) & 0xff);
    const child = Bun.spawn([HUTCH, "in", root, "cat"], { stdin: new Blob([input]), stdout: "pipe" });
    const output = await child.stdout.bytes();
    expect(Buffer.compare(output, input)).toBe(0);
    expect(await child.exited).toBe(0);
  });

  withRoot("stay apart", async () => {
    const { stdout, stderr } = await hutch(["in", root, "sh", "-c", "echo one; echo two >&2; cat"], {
      input: "three",
    });
    expect({ stdout, stderr }).toEqual({ stdout: "one\nthree", stderr: "two\n" });
  });

  withRoot("end when the container does, not when the launcher does", async () => {
    const child = Bun.spawn([HUTCH, "in", root, "sh", "-c", "exec >&- 2>&-; sleep 2"], {
      stdin: "ignore",
      stdout: "pipe",
    });
    const begin = performance.now();
    // The launcher has them open too: it must not be the last writer for longer than the container lives.
    expect(await child.stdout.text()).toBe("");
    await child.exited;
    expect(performance.now() - begin).toBeLessThan(10_000);
  });

  withBash("a broken pipe ends the command with SIGPIPE below --init, as on the host", async () => {
    const line = `${HUTCH} in --init ${root} sh -c 'while :; do echo x; done' | head -n 1; echo "$\{PIPESTATUS[0]}"`;
    const { stdout } = Bun.spawnSync(["bash", "-c", line], { stderr: "ignore" });
    expect(stdout.toString()).toBe("x\n141\n");
  });

  withBash("that are closed are /dev/null inside, and no descriptor of hutch's", async () => {
    for (const [redirection, fd] of [
      ["<&-", 0],
      [">&-", 1],
      ["2>&-", 2],
    ] as const) {
      const shown = fd === 2 ? 1 : 2;
      const line = `${HUTCH} in ${root} sh -c 'x=$(readlink /proc/$$/fd/${fd}; ls /proc/$$/fd); echo $x >&${shown}' ${redirection}`;
      const { stdout, stderr } = Bun.spawnSync(["bash", "-c", line], { stdin: "ignore" });
      const text = `${stdout}${stderr}`.trim().split(/\s+/);
      expect([redirection, ...text.slice(0, 4)]).toEqual([redirection, "/dev/null", "0", "1", "2"]);
    }
  });

  withRoot("signals have the actions of the caller, not Bun's", async () => {
    const { stdout } = await hutch(["in", root, "grep", "-E", "^Sig(Ign|Blk|Cgt)", "/proc/self/status"]);
    expect(stdout).toBe("SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\nSigCgt:\t0000000000000000\n");
  });
});
