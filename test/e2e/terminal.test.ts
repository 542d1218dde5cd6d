/** hutch in -t: a terminal of the container's own, relayed to the caller's streams. */
import { beforeAll, describe, expect } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { HUTCH, hutch, lacksHutch } from "../support/hutch.ts";
import { eventually } from "../support/patience.ts";
import { lacksBusybox, rootfs } from "../support/rootfs.ts";
import { anyReason, lacksProgram, lacksRoot, lacksUserNamespaces, testUnless } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { inTerminal, lacksTerminal } from "../support/terminal.ts";
import { ordinaryUser } from "../support/user.ts";
import { processBelow } from "./support-inside.ts";
import { read } from "./support-lifecycle.ts";

const REASON = anyReason(lacksHutch(), lacksBusybox());
const withRoot = testUnless(anyReason(REASON, lacksRoot()));
const withPty = testUnless(anyReason(REASON, lacksRoot(), lacksTerminal()));
const withoutRoot = testUnless(anyReason(REASON, lacksUserNamespaces()));

let root = "";
beforeAll(async () => {
  if (REASON === undefined) root = await rootfs();
});

const sh = (script: string, ...options: string[]): string[] => [
  "in",
  "-t",
  ...options,
  root,
  "sh",
  "-c",
  script,
];
const pty = (script: string, ...options: string[]) => inTerminal([HUTCH, ...sh(script, ...options)]);

function randomBytes(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  return bytes;
}

const digest = (bytes: Uint8Array): string => new Bun.CryptoHasher("sha256").update(bytes).digest("hex");

/** The pid of a process's only child. */
const childOf = (pid: number): number =>
  Number(readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim());

describe("what the container sees", () => {
  withRoot(
    "the standard streams are /dev/pts/0, which is the controlling terminal and /dev/console",
    async () => {
      const script = `tty; for fd in 0 1 2; do test -t $fd && echo "fd $fd"; done; echo by tty >/dev/tty
      cut -d ' ' -f 7 /proc/self/stat; stat -c %t:%T /dev/console; stat -c %u /dev/pts/0; ls /dev/pts`;
      const { code, stdout, stderr } = await hutch(sh(script));
      expect(stderr).toBe("");
      const lines = stdout.split("\r\n");
      expect(lines.slice(0, 5)).toEqual(["/dev/pts/0", "fd 0", "fd 1", "fd 2", "by tty"]);
      // 136:0, the first of devpts: as tty_nr of stat and as the node on /dev/console.
      expect(lines.slice(5, 7)).toEqual([String(136 * 256), "88:0"]);
      expect(lines.slice(7, 8)).toEqual(["0"]);
      expect(lines[8]?.split(/\s+/).sort()).toEqual(["0", "ptmx"]);
      expect(code).toBe(0);
    },
  );

  withRoot("nothing of the relay is left open in it", async () => {
    const { stdout } = await hutch(sh("ls /proc/self/fd; ls -l /proc/self/fd/0"));
    // 3 is the directory that ls reads.
    expect(stdout).toMatch(/^0 +1 +2 +3\r\n.* -> \/dev\/pts\/0\r\n$/);
  });

  withRoot("the terminal belongs to the user of the command", async () => {
    const { stdout } = await hutch(sh("stat -c %u /dev/pts/0; tty; echo open >/dev/pts/0", "--user", "1000"));
    expect(stdout).toBe("1000\r\n/dev/pts/0\r\nopen\r\n");
  });

  withoutRoot("an ordinary user has a terminal too", async () => {
    const { stdout, stderr, code } = await hutch(sh("tty; test -t 0; echo $?; echo by tty >/dev/tty"), {
      ...ordinaryUser(),
    });
    expect({ stdout, stderr, code }).toEqual({
      stdout: "/dev/pts/0\r\n0\r\nby tty\r\n",
      stderr: "",
      code: 0,
    });
  });

  withRoot("without -t there is no terminal", async () => {
    const { stdout } = await hutch(["in", root, "sh", "-c", "tty; test -t 0; echo $?; echo >/dev/tty"]);
    expect(stdout).toBe("not a tty\n1\n");
  });
});

describe("the window", () => {
  withPty("has the caller's size at the start, and follows it", async () => {
    await using terminal = inTerminal(
      [HUTCH, ...sh("trap 'stty size' WINCH; stty size; while :; do sleep 0.02; done")],
      { columns: 91, rows: 33 },
    );
    await terminal.shows("33 91\r\n");
    terminal.resize(100, 40);
    await terminal.shows("40 100\r\n");
    terminal.resize(7, 3);
    await terminal.shows("\n3 7\r\n");
  });

  withRoot("has the size of consoleSize when the caller has none", async () => {
    const bundle = temporaryDirectory("bundle");
    expect((await hutch(["spec", "--bundle", bundle])).code).toBe(0);
    const file = join(bundle, "config.json");
    const spec = JSON.parse(readFileSync(file, "utf8"));
    const process = {
      ...spec.process,
      terminal: true,
      consoleSize: { height: 31, width: 71 },
      args: ["/bin/stty", "size"],
    };
    writeFileSync(file, JSON.stringify({ ...spec, root: { path: root }, process }));
    const { stdout, stderr } = await hutch(["run", "--bundle", bundle, "console-size"]);
    expect({ stdout, stderr }).toEqual({ stdout: "31 71\r\n", stderr: "" });
  });
});

describe("the caller's terminal", () => {
  withPty("is raw while the container runs, and as it was afterwards", async () => {
    await using terminal = pty("echo ready; read line; exit 7");
    const before = terminal.modes();
    await terminal.shows("ready");
    const [, , , local = 0] = terminal.modes();
    // ISIG, ICANON and ECHO are the container's business now.
    expect(local & (0o1 | 0o2 | 0o10)).toBe(0);
    terminal.type("\r");
    expect(await terminal.exited).toBe(7);
    expect(terminal.modes()).toEqual(before);
  });

  withPty("is given back when the container is killed", async () => {
    await using terminal = pty("echo ready; sleep 60");
    const before = terminal.modes();
    await terminal.shows("ready");
    process.kill(childOf(terminal.pid), "SIGKILL");
    expect(await terminal.exited).toBe(137);
    expect(terminal.modes()).toEqual(before);
  });

  withPty("is given back when SIGTERM ends the container", async () => {
    await using terminal = pty("trap 'exit 9' TERM; echo ready; while :; do sleep 0.02; done");
    const before = terminal.modes();
    await terminal.shows("ready");
    process.kill(terminal.pid, "SIGTERM");
    expect(await terminal.exited).toBe(9);
    expect(terminal.modes()).toEqual(before);
  });

  withPty("is given back when the time is up", async () => {
    await using terminal = pty("trap 'exit 9' TERM; while :; do sleep 0.02; done", "--timeout", "200ms");
    const before = terminal.modes();
    expect(await terminal.exited).toBe(124);
    expect(terminal.modes()).toEqual(before);
  });

  withPty("is given back when the command does not exist", async () => {
    await using terminal = inTerminal([HUTCH, "in", "-t", root, "missing"]);
    const before = terminal.modes();
    expect(await terminal.exited).toBe(127);
    await terminal.shows("missing");
    expect(terminal.modes()).toEqual(before);
  });

  withPty("goes raw again when hutch was stopped and goes on", async () => {
    await using terminal = pty('echo ready; read line; echo "<$line>"; exit 3');
    await terminal.shows("ready");
    const raw = terminal.modes();
    process.kill(terminal.pid, "SIGSTOP");
    await eventually(() => / T /.test(readFileSync(`/proc/${terminal.pid}/stat`, "utf8")));
    Bun.spawnSync(["stty", "sane", "-F", ptyOf(terminal.pid)], { stdin: "ignore" });
    expect(terminal.modes()).not.toEqual(raw);
    process.kill(terminal.pid, "SIGCONT");
    expect(await eventually(() => terminal.modes().join() === raw.join())).toBe(true);
    terminal.type("on\r");
    await terminal.shows("<on>");
    expect(await terminal.exited).toBe(3);
  });
});

/** Whether a process runs, and its group is the one that the keys of its terminal reach. */
function isInFront(pid: number): boolean {
  if (pid === 0) return false;
  // proc_pid_stat(5): state, ppid, pgrp, session, tty_nr, tpgid.
  const [state, , group, , , front] = read(`/proc/${pid}/stat`).split(") ")[1]?.split(" ") ?? [];
  return state !== "T" && group !== undefined && group === front;
}

/** The name of the terminal on a process's standard input. */
const ptyOf = (pid: number): string =>
  Bun.spawnSync(["readlink", `/proc/${pid}/fd/0`])
    .stdout.toString()
    .trim();

describe("keys", () => {
  for (const options of [[], ["--init"]]) {
    withPty(`^C reaches the command once ${options.join("")}`, async () => {
      await using terminal = pty("trap 'echo INT' INT; echo ready; while :; do sleep 0.02; done", ...options);
      await terminal.shows("ready");
      terminal.type("\x03");
      await terminal.shows("INT");
      await Bun.sleep(100);
      expect(terminal.text().match(/INT/g)).toEqual(["INT"]);
      terminal.type("\x03");
      await terminal.shows(/INT[\s\S]*INT/);
    });
  }

  withPty("a shell has job control", async () => {
    await using terminal = inTerminal([HUTCH, "in", "-t", "--env", "PS1=# ", root, "sh", "-i"]);
    await terminal.shows("# ");
    terminal.type("sleep 60\r");
    expect(await eventually(() => isInFront(processBelow(terminal.pid, "sleep")))).toBe(true);
    terminal.type("\x1a");
    await terminal.shows(/Stopped +sleep 60/);
    terminal.type("fg\r");
    expect(await eventually(() => isInFront(processBelow(terminal.pid, "sleep")))).toBe(true);
    terminal.type("\x03");
    terminal.type("echo still $((40 + 2))\r");
    await terminal.shows("still 42");
    expect(terminal.text()).not.toContain("job control turned off");
    terminal.type("\x04");
    expect(await terminal.exited).toBe(0);
  });

  withPty("^D is the end of input", async () => {
    await using terminal = pty("cat; echo ended; exit 5");
    terminal.type("line\r");
    await terminal.shows(/line\r\nline/);
    terminal.type("\x04");
    await terminal.shows("ended");
    expect(await terminal.exited).toBe(5);
  });

  withPty(
    "a megabyte that is pasted arrives whole",
    async () => {
      const paste = randomBytes(1_048_576);
      await using terminal = pty("stty raw -echo; echo ready; head -c 1048576 | sha256sum; exit 4");
      await terminal.shows("ready");
      terminal.type(paste);
      await terminal.shows(digest(paste));
      expect(await terminal.exited).toBe(4);
    },
    60_000,
  );
});

describe("streams that are no terminal", () => {
  withRoot("the end of input is handed on as ^D", async () => {
    const { stdout, code } = await hutch(sh("stty -echo; cat; echo ended; exit 6"), { input: "a\nb\n" });
    expect(stdout.replace(/^(a\r\nb\r\n)+/, "")).toBe("ended\r\n");
    expect(code).toBe(6);
  });

  withRoot("a shell with an editor, which reads single keys, ends at the end of input", async () => {
    const { stdout, code } = await hutch(["in", "-t", root, "busybox", "sh"], {
      input: "echo $((6*7))\n",
      timeout: 10_000,
    });
    expect({ answer: /^42\r$/m.test(stdout), code }).toEqual({ answer: true, code: 0 });
  });

  withRoot("the end of input in the middle of a line ends the input, too", async () => {
    const { stdout, code } = await hutch(sh("cat >/tmp/x; wc -c </tmp/x", "--tmpfs", "/tmp"), {
      input: "abc",
    });
    expect({ end: stdout.endsWith("3\r\n"), code }).toEqual({ end: true, code: 0 });
  });

  withRoot(
    "a megabyte of lines from a pipe arrives whole",
    async () => {
      const lines = Array.from({ length: 16_384 }, (_, index) =>
        `${index} ${"x".repeat(57)}`.padEnd(63),
      ).join("\n");
      const input = `${lines}\n`;
      const { stdout, code } = await hutch(sh("stty -echo; sha256sum"), { input });
      expect(input.length).toBe(1_048_576);
      expect({ found: stdout.includes(digest(new TextEncoder().encode(input))), code }).toEqual({
        found: true,
        code: 0,
      });
    },
    60_000,
  );

  for (const [what, redirection] of [
    ["/dev/null", "</dev/null"],
    ["closed", "<&-"],
    ["a directory", "</"],
    ["a pipe that stays open", "< <(exec sleep 2 >&- 2>&-)"],
  ] as const) {
    testUnless(anyReason(REASON, lacksRoot(), lacksProgram("bash")))(`stdin may be ${what}`, async () => {
      const line = `${HUTCH} in -t ${root} sh -c 'tty; exit 3' ${redirection}; echo $?`;
      const child = Bun.spawn(["bash", "-c", line], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
      expect({ stdout: await child.stdout.text(), stderr: await child.stderr.text() }).toEqual({
        stdout: "/dev/pts/0\r\n3\n",
        stderr: "",
      });
    });
  }

  withRoot("a caller who closes the output hangs the terminal up", async () => {
    const child = Bun.spawn([HUTCH, "in", "-t", root, "yes"], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "ignore",
    });
    const reader = child.stdout.getReader();
    await reader.read();
    await reader.cancel();
    expect(await child.exited).toBe(1);
  });

  withRoot("signals are heard while nobody reads the output", async () => {
    const child = Bun.spawn([HUTCH, ...sh("trap 'exit 8' TERM; (yes) & while :; do sleep 0.02; done")], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "ignore",
    });
    // The trap is set then; the pipe is full soon after.
    expect(await eventually(() => processBelow(child.pid, "yes") !== 0)).toBe(true);
    await Bun.sleep(300);
    child.kill("SIGTERM");
    expect(await child.exited).toBe(8);
  });

  withRoot("input that nobody takes costs no time", async () => {
    const child = Bun.spawn([HUTCH, "in", "-t", root, "sleep", "60"], {
      stdin: new Blob(["x\n".repeat(1_000_000)]),
      stdout: "ignore",
      stderr: "ignore",
    });
    const ticks = (): number => {
      const fields = readFileSync(`/proc/${child.pid}/stat`, "utf8").split(" ");
      return Number(fields[13]) + Number(fields[14]);
    };
    /** A tick is 10 ms: a loop that does not sleep takes 50. At first the start and the pipe take some. */
    const isIdle = async (): Promise<boolean> => {
      const before = ticks();
      await Bun.sleep(500);
      return ticks() - before < 5;
    };
    expect(await eventually(() => processBelow(child.pid, "sleep") !== 0)).toBe(true);
    expect(await eventually(isIdle, 3000)).toBe(true);
    child.kill("SIGKILL");
    await child.exited;
  });
});

describe("output", () => {
  withPty(
    "ten megabytes pass through whole, and the exit code is kept",
    async () => {
      const data = randomBytes(10_485_760);
      writeFileSync(join(root, "home/data"), data);
      await using terminal = pty("stty -opost; cat /home/data; exit 3");
      expect(await terminal.exited).toBe(3);
      await eventually(() => terminal.bytes().length >= data.length);
      expect(digest(terminal.bytes())).toBe(digest(data));
    },
    60_000,
  );

  withRoot(
    "ten megabytes pass into a pipe that is read slowly",
    async () => {
      const data = randomBytes(10_485_760);
      writeFileSync(join(root, "home/data"), data);
      const child = Bun.spawn([HUTCH, ...sh("stty -opost; cat /home/data; exit 3")], {
        stdin: "ignore",
        stdout: "pipe",
      });
      const hasher = new Bun.CryptoHasher("sha256");
      let chunks = 0;
      for await (const chunk of child.stdout) {
        hasher.update(chunk);
        chunks += 1;
        if (chunks % 16 === 0) await Bun.sleep(2);
      }
      expect(hasher.digest("hex")).toBe(digest(data));
      expect(await child.exited).toBe(3);
    },
    60_000,
  );

  withRoot(
    "a hundred runs in a row lose no byte of what was written last",
    async () => {
      const expected = `${"0123456789abcdef".repeat(1024)}end`;
      writeFileSync(join(root, "home/text"), expected);
      for (let run = 0; run < 100; run += 1) {
        const { stdout, code } = await hutch(["in", "-t", root, "cat", "/home/text"]);
        expect({ run, whole: stdout === expected, code }).toEqual({ run, whole: true, code: 0 });
      }
    },
    120_000,
  );

  withRoot("the terminal can be closed and opened again", async () => {
    const script = "exec </dev/null >/dev/null 2>&1; sleep 0.2; echo once more >/dev/pts/0";
    expect((await hutch(sh(script))).stdout).toBe("once more\r\n");
  });
});

withRoot("a terminal is refused by name where the mounts have no devpts", async () => {
  const bundle = temporaryDirectory("bundle");
  await hutch(["spec", "--bundle", bundle]);
  const file = join(bundle, "config.json");
  const spec = JSON.parse(readFileSync(file, "utf8"));
  const mounts = spec.mounts.filter(({ type }: { type: string }) => type !== "devpts");
  writeFileSync(
    file,
    JSON.stringify({ ...spec, mounts, root: { path: root }, process: { ...spec.process, terminal: true } }),
  );
  const { code, stderr } = await hutch(["run", "--bundle", bundle, "no-devpts"]);
  expect(code).toBe(125);
  expect(stderr).toContain("hint: a terminal needs a devpts mounted on /dev/pts");
});
