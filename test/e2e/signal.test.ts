/** Signals, exit codes, and who ends with whom. */
import { beforeAll, describe, expect } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { SIGNALS } from "../../src/linux/signal.ts";
import { HUTCH, hutch, lacksHutch } from "../support/hutch.ts";
import { eventually } from "../support/patience.ts";
import { lacksBusybox, rootfs } from "../support/rootfs.ts";
import { anyReason, lacksRoot, testUnless } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { processBelow } from "./support-inside.ts";

const REASON = anyReason(lacksHutch(), lacksBusybox(), lacksRoot());
const withRoot = testUnless(REASON);

let root = "";
beforeAll(async () => {
  if (REASON === undefined) root = await rootfs();
});

/** Starts a container whose command says "ready" when it is. */
async function start(script: string, ...options: string[]) {
  const child = Bun.spawn([HUTCH, "in", ...options, root, "sh", "-c", script], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
    timeout: 30_000,
    killSignal: "SIGKILL",
  });
  const reader = child.stdout.getReader();
  const decoder = new TextDecoder();
  let text = "";
  const shows = async (what: string): Promise<string> => {
    while (!text.includes(what)) {
      const { done, value } = await reader.read();
      if (done) throw new Error(`the output ended without ${what}: ${text}`);
      text += decoder.decode(value);
    }
    return text;
  };
  await shows("ready");
  return {
    child,
    pid: child.pid,
    exited: child.exited,
    shows,
    kill: (n: number) => process.kill(child.pid, n),
  };
}

const childOf = (pid: number): number =>
  Number(readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim());

const isGone = (pid: number): boolean => {
  const path = `/proc/${pid}/stat`;
  try {
    return !existsSync(path) || / Z /.test(readFileSync(path, "utf8"));
  } catch {
    return true;
  }
};

/** Kept by the kernel or by the C library, or what shells stop jobs with. */
const NOT_FORWARDED = ["SIGKILL", "SIGSTOP", "SIGCHLD", "SIGTSTP", "SIGTTIN", "SIGTTOU"];
const FORWARDED = Object.entries(SIGNALS)
  .filter(([name]) => !NOT_FORWARDED.includes(name))
  .map(([, number]): number => number)
  .filter((number) => number < 32)
  .concat([34, 37, 50, 64]);
const WAIT = "echo ready; while :; do sleep 0.01; done";

describe("signals that hutch is sent", () => {
  for (const init of [[], ["--init"]]) {
    withRoot(`reach the command, each of them ${init.join("")}`, async () => {
      const numbers = [...new Set(FORWARDED)];
      const traps = numbers.map((number) => `trap 'echo got-${number}.' ${number}`).join("; ");
      const { kill, shows, child } = await start(`${traps}; ${WAIT}`, ...init);
      for (const number of numbers) {
        kill(number);
        await shows(`got-${number}.`);
      }
      expect(numbers).toContain(SIGNALS.SIGUSR1);
      expect(numbers.length).toBeGreaterThan(25);
      child.kill("SIGKILL");
      await child.exited;
    });
  }

  withRoot("do nothing to a pid 1 that does not ask for them, as the kernel has it", async () => {
    const { kill, shows, child } = await start("echo ready; read go; echo alive; exit 4");
    kill(SIGNALS.SIGTERM);
    kill(SIGNALS.SIGUSR1);
    child.stdin.write("go\n");
    await child.stdin.flush();
    await shows("alive");
    expect(await child.exited).toBe(4);
  });

  withRoot("SIGTERM ends a command below --init that does nothing about it: 143", async () => {
    const { kill, exited } = await start("echo ready; exec sleep 60", "--init");
    kill(SIGNALS.SIGTERM);
    expect(await exited).toBe(128 + SIGNALS.SIGTERM);
  });

  withRoot("SIGSTOP stops the launcher alone, and SIGCONT lets it finish", async () => {
    const { child, pid, kill, shows, exited } = await start("echo ready; read go; echo went on; exit 6");
    kill(SIGNALS.SIGSTOP);
    expect(await eventually(() => / T /.test(readFileSync(`/proc/${pid}/stat`, "utf8")))).toBe(true);
    child.stdin.write("go\n");
    await child.stdin.flush();
    await shows("went on");
    expect(/ T /.test(readFileSync(`/proc/${pid}/stat`, "utf8"))).toBe(true);
    kill(SIGNALS.SIGCONT);
    expect(await exited).toBe(6);
  });
});

describe("the exit code", () => {
  for (const [name, number] of [
    ["SIGKILL", 9],
    ["SIGSEGV", 11],
    ["SIGTERM", 15],
    ["SIGUSR1", 10],
  ] as const) {
    withRoot(`is 128+${number} when ${name} ends the command`, async () => {
      const script = `kill -${number} $$; sleep 5`;
      expect((await hutch(["in", "--share", "pid", root, "sh", "-c", script])).code).toBe(128 + number);
      expect((await hutch(["in", "--init", root, "sh", "-c", script])).code).toBe(128 + number);
    });
  }

  withRoot("is the command's own, all eight bits of it", async () => {
    for (const code of [0, 1, 42, 127, 128, 255]) {
      expect((await hutch(["in", root, "sh", "-c", `exit ${code}`])).code).toBe(code);
      expect((await hutch(["in", "--init", root, "sh", "-c", `exit ${code}`])).code).toBe(code);
    }
  });

  withRoot("is 137 when the container's first process is killed from outside", async () => {
    const { pid, exited } = await start("echo ready; sleep 60");
    process.kill(childOf(pid), "SIGKILL");
    expect(await exited).toBe(137);
  });
});

describe("--timeout", () => {
  const timed = async (script: string, ...options: string[]) => {
    const begin = performance.now();
    const { code, stdout } = await hutch(["in", "--timeout", "1s", ...options, root, "sh", "-c", script]);
    return { code, stdout, milliseconds: performance.now() - begin };
  };
  const ASKED = "trap 'echo asked; exit 3' TERM; while :; do sleep 0.01; done";

  withRoot("asks with SIGTERM first, and says 124 whatever the command says then", async () => {
    const { code, stdout, milliseconds } = await timed(ASKED);
    expect({ code, stdout }).toEqual({ code: 124, stdout: "asked\n" });
    expect(milliseconds).toBeGreaterThan(1000);
  });

  withRoot("kills after two seconds what does not end by itself", async () => {
    const { code, milliseconds } = await timed("trap '' TERM; while :; do sleep 0.1; done");
    expect(code).toBe(124);
    expect(milliseconds).toBeGreaterThan(3000);
  });

  withRoot("reaches the command below --init", async () => {
    expect(await timed(ASKED, "--init")).toMatchObject({ code: 124, stdout: "asked\n" });
  });

  withRoot("does not touch a container that ends in time", async () => {
    expect((await timed("exit 5")).code).toBe(5);
    expect((await hutch(["in", "--timeout", "1h", root, "sh", "-c", "exit 7"])).code).toBe(7);
  });

  withRoot("takes a SIGALRM that somebody else sends for its own, and nothing else", async () => {
    const { kill, shows, exited } = await start(
      "trap 'echo usr1' USR1; echo ready; while :; do sleep 0.01; done",
      "--timeout",
      "2s",
    );
    kill(SIGNALS.SIGUSR1);
    await shows("usr1");
    kill(SIGNALS.SIGKILL);
    await exited;
  });
});

describe("who ends with whom", () => {
  const started = async (option: string[]) => {
    const pidFile = join(temporaryDirectory("pid"), "pid");
    const script = `"$@" & echo $! > ${pidFile}; wait`;
    const words = [HUTCH, "in", ...option, root, "sleep", "60"];
    const parent = Bun.spawn(["sh", "-c", script, "sh", ...words], { stdio: ["ignore", "ignore", "ignore"] });
    await eventually(() => existsSync(pidFile) && readFileSync(pidFile, "utf8").endsWith("\n"));
    const launcher = Number(readFileSync(pidFile, "utf8"));
    const first = (): number => processBelow(launcher, "sleep");
    await eventually(() => first() !== 0);
    return { parent, launcher, first: first() };
  };

  withRoot(
    "--die-with-parent: the container ends when the process that started hutch is killed",
    async () => {
      const { parent, launcher, first } = await started(["--die-with-parent"]);
      parent.kill("SIGKILL");
      expect(await eventually(() => isGone(launcher) && isGone(first))).toBe(true);
    },
  );

  withRoot("without --die-with-parent it lives on, until the launcher is killed", async () => {
    const { parent, launcher, first } = await started([]);
    parent.kill("SIGKILL");
    await parent.exited;
    await Bun.sleep(100);
    expect([isGone(launcher), isGone(first)]).toEqual([false, false]);
    process.kill(launcher, "SIGKILL");
    expect(await eventually(() => isGone(launcher) && isGone(first))).toBe(true);
  });

  withRoot("a launcher that is killed takes the command below --init along", async () => {
    const { parent, launcher, first } = await started(["--init"]);
    expect(first).toBeGreaterThan(0);
    process.kill(launcher, "SIGKILL");
    expect(await eventually(() => isGone(launcher) && isGone(first))).toBe(true);
    parent.kill("SIGKILL");
  });
});

describe("--init", () => {
  /** A process outlives its parent, and ends while pid 1, or its child, goes on: what becomes of it. */
  const ORPHAN = `echo ready; ( orphan=$(sh -c 'sleep 0.05 >/dev/null & echo $!')
    is_zombie() { grep -q ' Z ' /proc/$orphan/stat 2>/dev/null; }
    until is_zombie && sleep 0.2 && is_zombie && echo zombie; do
      [ -e /proc/$orphan ] || { echo reaped; break; }
    done ) & exec sleep 60`;

  for (const [claim, word, options] of [
    ["reaps what others have left behind", "reaped", ["--init"]],
    ["without it a pid 1 that does not wait leaves a zombie", "zombie", []],
  ] as const) {
    withRoot(claim, async () => {
      const { kill, shows, exited } = await start(ORPHAN, ...options);
      await shows(word);
      kill(SIGNALS.SIGKILL);
      await exited;
    });
  }

  withRoot("is pid 1, holds nothing open, and the command is its child in a group of its own", async () => {
    const script = "echo $$ $PPID; ls /proc/1/fd | wc -l; cut -d ' ' -f 1,5 /proc/self/stat";
    const { stdout } = await hutch(["in", "--init", root, "sh", "-c", script]);
    const [pids, descriptors, group] = stdout.split("\n");
    expect([pids, descriptors]).toEqual(["2 1", "0"]);
    expect(group?.split(" ")[1]).toBe("2");
  });

  withRoot("ends when the command does, whoever still runs", async () => {
    const begin = performance.now();
    expect((await hutch(["in", "--init", root, "sh", "-c", "sleep 60 >/dev/null 2>&1 & exit 3"])).code).toBe(
      3,
    );
    expect(performance.now() - begin).toBeLessThan(5000);
  });
});
