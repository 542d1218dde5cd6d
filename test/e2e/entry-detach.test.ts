/**
 * `exec` as engines call it, with a process file and detached, by the entry program alone
 * (src/plan/entry-exec.ts): what was done before is done again without Bun, with the same effect.
 */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import {
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { close, read as readDescriptor } from "../../src/host/fd.ts";
import { receiver } from "../support/descriptor.ts";
import { HUTCH } from "../support/hutch.ts";
import { eventually } from "../support/patience.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { DONE, type Ended, littleMemory, SELF, withoutBun } from "./support-entry.ts";
import { asRoot, type Box, box, EXEC_REASON, namespacesOf, textOf } from "./support-exec.ts";
import { isLive } from "./support-lifecycle.ts";

let one: Box;
let directory: string;
let env: Record<string, string | undefined>;
beforeAll(async () => {
  if (EXEC_REASON !== undefined) return;
  one = await box();
  directory = temporaryDirectory("engine");
  env = { ...process.env, HUTCH_CACHE: join(directory, "programs") };
});
afterAll(async () => {
  if (EXEC_REASON === undefined) await one[Symbol.asyncDispose]();
});

const PROCESS = { cwd: "/", env: ["PATH=/bin:/home", "A=b"], user: { uid: 0, gid: 0 }, args: ["true"] };

let serial = 0;
/** A process file with a name of its own, as engines make them. */
function processFile(rest: object): string {
  const path = join(directory, `process-${++serial}.json`);
  writeFileSync(path, JSON.stringify({ ...PROCESS, ...rest }));
  return path;
}

const pidFileOf = (): string => join(directory, `pid-${++serial}`);

/** The words of containerd's shim, and of conmon. */
const shim = (process: string, pidFile: string): string[] => [
  ...["--root", one.root, "--log", join(directory, "log.json"), "--log-format", "json", "exec"],
  ...["--process", process, "--detach", "--pid-file", pidFile, one.id],
];
const conmon = (process: string, pidFile: string): string[] => [
  ...[`--root=${one.root}`, "--systemd-cgroup", "exec", "--pid-file", pidFile, "--process", process],
  ...["--detach", one.id],
];

/** By whatever does it, and then without Bun. */
function withBun(words: readonly string[]): Ended {
  const done = Bun.spawnSync([HUTCH, ...words], { stdin: "ignore", env, timeout: 30_000 });
  return { code: done.exitCode, said: `${done.stdout}${done.stderr}` };
}
const alone = (words: readonly string[]): Ended => withoutBun(words, { env });

/** What the host sees of a process, but for what tells it from another of the same exec. */
function seen(pid: number): object {
  const status = textOf(`/proc/${pid}/status`)
    .split("\n")
    .filter((line) => /^(Uid|Gid|Groups|Umask|Seccomp|NoNewPrivs|Cap|Sig[PBIC]|Shd|PPid|NStgid)/.test(line))
    .map((line) => (line.startsWith("NStgid") ? line.split("\t").length : line));
  const limits = textOf(`/proc/${pid}/limits`)
    .split("\n")
    .filter((line) => !/address|core/.test(line));
  const descriptors = readdirSync(`/proc/${pid}/fd`);
  const rest = ["cgroup", "environ", "oom_score_adj", "comm", "sessionid", "personality"];
  const files = rest.map((name) => textOf(`/proc/${pid}/${name}`));
  return { status, limits, descriptors, files, namespaces: namespacesOf(pid) };
}

const SLEEP = `${SELF.replace("exit 3", "cat /proc/self/status | grep Groups")}; exec sleep 1000 >&- 2>&-`;
const SPECIAL = {
  user: { uid: 1000, gid: 100, additionalGids: [5, 6], umask: 0o27 },
  cwd: "/tmp",
  noNewPrivileges: true,
  oomScoreAdj: 321,
  capabilities: { bounding: ["CAP_KILL"], effective: [], permitted: ["CAP_KILL"], inheritable: [] },
  rlimits: [{ type: "RLIMIT_NOFILE", soft: 77, hard: 99 }],
};

describe("a detached exec that was done before is done without Bun", () => {
  for (const [name, words] of [
    ["of containerd's shim", shim],
    ["of conmon", conmon],
  ] as const) {
    for (const [kind, rest] of [
      ["plain", {}],
      ["with a process of its own", SPECIAL],
    ] as const) {
      asRoot(`${name}, ${kind}: the process is the same, and so is its pid file`, async () => {
        const process_ = { ...rest, args: ["sh", "-c", SLEEP] };
        expect(alone(words(processFile(process_), pidFileOf())).code).not.toBe(0);
        const looks: object[] = [];
        for (const by of [withBun, alone, alone]) {
          const pidFile = pidFileOf();
          const { code, said } = by(words(processFile(process_), pidFile));
          const pid = Number(readFileSync(pidFile, "utf8"));
          expect(readFileSync(pidFile, "utf8")).toBe(`${pid}`);
          expect(existsSync(`${pidFile}.hutch`)).toBeFalse();
          expect(await eventually(() => textOf(`/proc/${pid}/comm`) === "sleep\n")).toBeTrue();
          looks.push({ code, said, mode: statSync(pidFile).mode, ...seen(pid) });
          process.kill(pid, "SIGKILL");
        }
        const [first, ...others] = looks;
        expect(first).toMatchObject({ code: 0, said: expect.stringContaining("CapEff") });
        for (const other of others) expect<unknown>(other).toEqual(first);
      });
    }
  }

  asRoot("in the foreground, too, and with options instead of a process file", () => {
    const pidFile = pidFileOf();
    const exec = (...words: string[]) => ["--root", one.root, "exec", ...words];
    for (const words of [
      () => exec("--process", processFile({ args: ["sh", "-c", SELF] }), one.id),
      () => exec("--process", processFile({ args: ["sh", "-c", SELF] }), "--pid-file", pidFile, one.id),
      () => exec("--env", "B=c", "--cwd", "/tmp", "-u", "1000:100", one.id, "sh", "-c", SELF),
      () => exec("--tty", one.id, "sh", "-c", "tty | tr 0-9 n; exit 3"),
    ]) {
      expect(alone(words()).code).not.toBe(3);
      const first = withBun(words());
      expect(first.code).toBe(3);
      expect(alone(words())).toEqual(first);
    }
    expect(Number(textOf(pidFile))).toBeGreaterThan(0);
  });

  asRoot("another content of the process file is another process", () => {
    const process_ = (word: string) => shim(processFile({ args: ["echo", word] }), pidFileOf());
    expect(withBun(process_("one"))).toEqual({ code: 0, said: "one\n" });
    expect(alone(process_("one"))).toEqual({ code: 0, said: "one\n" });
    expect(alone(process_("two")).code).not.toBe(0);
    expect(withBun(process_("two"))).toEqual({ code: 0, said: "two\n" });
    expect(alone(process_("two"))).toEqual({ code: 0, said: "two\n" });
  });

  asRoot("another container of the same name starts anew", async () => {
    await using other = await box();
    const words = (word: string) => [
      ...["--root", other.root, "exec", "--process", processFile({ args: ["echo", word] })],
      ...["-d", "--pid-file", pidFileOf(), other.id],
    ];
    withBun(words("once"));
    expect(alone(words("once"))).toEqual({ code: 0, said: "once\n" });
    await other.call("kill", other.id, "KILL");
    await eventually(() => !isLive(other.pid));
    expect(alone(words("once")).code).not.toBe(0);
    expect(withBun(words("once")).said).toContain("container not running");
  });

  asRoot("what the entry program cannot do is left to Bun", () => {
    const file = processFile({ args: ["true"] });
    for (const words of [
      ["--preserve-fds", "0", "--process", file, "-d"],
      [`-p${file}`, "-d"],
    ]) {
      const line = ["--root", one.root, "exec", ...words, one.id];
      withBun(line);
      expect(alone(line).code).not.toBe(0);
    }
    const long = () => shim(processFile({ env: [`A=${"x".repeat(40_000)}`] }), pidFileOf());
    expect([withBun(long()).code, alone(long()).code === 0]).toEqual([0, false]);
  });

  asRoot("whoever has closed the standard streams gets none of hutch's own", async () => {
    const links: string[][] = [];
    for (const by of ["Bun", "alone", "alone"]) {
      const pidFile = pidFileOf();
      const words = shim(processFile({ args: ["sh", "-c", "exec sleep 1000"] }), pidFile);
      const script = by === "alone" ? littleMemory() : `exec "$0" "$@"`;
      const closed = ["sh", "-c", `${script} <&- >&- 2>&-`, HUTCH, ...words];
      expect(await Bun.spawn(closed, { stdio: ["ignore", "ignore", "ignore"], env }).exited).toBe(0);
      const pid = Number(textOf(pidFile));
      expect(await eventually(() => textOf(`/proc/${pid}/comm`) === "sleep\n")).toBeTrue();
      const names = readdirSync(`/proc/${pid}/fd`).sort();
      links.push(names.map((name) => `${name}: ${readlinkSync(`/proc/${pid}/fd/${name}`)}`));
      process.kill(pid, "SIGKILL");
    }
    expect(links[1]).toEqual(links[0] ?? []);
    expect(links[2]).toEqual(links[0] ?? []);
    expect(links[0]?.length).toBe(3);
  });

  asRoot("fifty at once are fifty processes with their pid files", async () => {
    const process_ = { args: ["sh", "-c", "exec sleep 1000 >&- 2>&-"] };
    const first = pidFileOf();
    expect(withBun(shim(processFile(process_), first))).toEqual(DONE);
    const files = Array.from({ length: 50 }, pidFileOf);
    const ends = files.map(
      (file) =>
        Bun.spawn(["sh", "-c", littleMemory(), HUTCH, ...shim(processFile(process_), file)], {
          stdio: ["ignore", "ignore", "ignore"],
          env,
        }).exited,
    );
    expect(new Set(await Promise.all(ends))).toEqual(new Set([0]));
    const pids = [first, ...files].map((file) => Number(textOf(file)));
    expect(new Set(pids).size).toBe(51);
    for (const pid of pids) {
      expect(await eventually(() => textOf(`/proc/${pid}/comm`) === "sleep\n")).toBeTrue();
      expect(namespacesOf(pid)).toEqual(namespacesOf(one.pid));
      process.kill(pid, "SIGKILL");
    }
  });
});

/** What is said, the exit code, and the line in the log. */
function told(words: readonly string[], cache?: string): object {
  const log = join(directory, "log.json");
  rmSync(log, { force: true });
  const { exitCode, stdout, stderr } = Bun.spawnSync([HUTCH, ...words], {
    stdin: "ignore",
    env: cache === undefined ? env : { ...env, HUTCH_CACHE: cache },
    timeout: 30_000,
  });
  const line = textOf(log).replace(/"time":"[^"]*"/, "");
  return { exitCode, said: `${stdout}${stderr}`, line };
}

const processesOf = (word: string): string[] =>
  readdirSync("/proc").filter((pid) => textOf(`/proc/${pid}/cmdline`).includes(word));

describe("what fails is told as Bun tells it, and leaves nothing", () => {
  for (const detach of [["--detach"], []]) {
    asRoot(`a command that is gone, or may not be executed: ${detach[0] ?? "in the foreground"}`, () => {
      const command = join(one.files, "home/command");
      const pidFile = pidFileOf();
      const words = () => [
        ...["--root", one.root, "--log", join(directory, "log.json"), "--log-format", "json", "exec"],
        ...["--process", processFile({ args: ["command"] }), ...detach, "--pid-file", pidFile, one.id],
      ];
      const write = (mode: number) => {
        rmSync(command, { force: true });
        writeFileSync(command, "#!/bin/true\n", { mode });
      };
      write(0o755);
      expect(withBun(words())).toEqual(DONE);
      expect(alone(words())).toEqual(DONE);
      rmSync(pidFile);
      const spoils = [() => rmSync(command), () => write(0o644)];
      const codes = [127, 126];
      for (const [index, spoil] of spoils.entries()) {
        spoil();
        const before = processesOf(one.id);
        const first = told(words());
        expect(first).toMatchObject({ exitCode: codes[index], said: expect.stringContaining("execute ") });
        if (detach.length > 0) expect(existsSync(pidFile)).toBeFalse();
        rmSync(pidFile, { force: true });
        expect(told(words(), "off")).toEqual(first);
        expect(processesOf(one.id)).toEqual(before);
      }
    });
  }

  asRoot("a pid file that cannot be written ends the command, which was executed once", async () => {
    const process_ = () => processFile({ args: ["sh", "-c", "echo once; exec sleep 987 >&- 2>&-"] });
    const good = pidFileOf();
    expect(withBun(shim(process_(), good)).code).toBe(0);
    process.kill(Number(textOf(good)), "SIGKILL");
    for (const path of [join(directory, "nowhere/pid"), directory]) {
      const first = told(shim(process_(), path));
      const lines = (text: unknown) => `${text}`.split("\n").filter((line) => line === "once").length;
      expect(first).toMatchObject({ exitCode: 125, said: expect.stringContaining(path) });
      expect(lines(Object.values(first)[1])).toBeLessThan(2);
      const other = told(shim(process_(), path), "off");
      expect(Object.values(first)[2]).toBe(Object.values(other)[2]);
      expect(await eventually(() => processesOf("987").length === 0)).toBeTrue();
    }
    expect(existsSync(`${directory}.hutch`)).toBeFalse();
  });

  asRoot("a variable that says so is heard by the process that it names only", () => {
    const words = ["--root", one.root, "exec", "--process", processFile({ args: ["true"] }), one.id];
    const forged = { ...env, HUTCH_CACHE: "off", HUTCH_EXEC_FAILED: "1 0 3 2" };
    const { exitCode } = Bun.spawnSync([HUTCH, ...words], { stdin: "ignore", env: forged });
    expect(exitCode).toBe(0);
  });
});

/** Everything that a terminal shows until its last user has gone, which reading tells with EIO. */
function shownBy(master: number): string {
  const chunk = new Uint8Array(new ArrayBuffer(4096));
  let text = "";
  try {
    for (;;) {
      const count = readDescriptor(master, chunk, "the terminal");
      if (count === 0) return text;
      text += new TextDecoder().decode(chunk.subarray(0, count));
    }
  } catch {
    return text;
  } finally {
    close(master);
  }
}

describe("a console socket", () => {
  asRoot("gets the terminal without Bun", () => {
    const terminal = { terminal: true, consoleSize: { width: 91, height: 37 } };
    const args = ["sh", "-c", "stty size; tty | tr 0-9 n; test -t 0 && test -t 2 && ls /proc/self/fd"];
    const socket = () => join(temporaryDirectory("s"), "s");
    const words = (path: string) => [
      ...["--root", one.root, "exec", "--process", processFile({ ...terminal, args })],
      ...["--console-socket", path, "--detach", "--pid-file", pidFileOf(), one.id],
    ];
    const shows = (by: (words: readonly string[]) => Ended): string => {
      const path = socket();
      using console = receiver(path);
      expect(by(words(path))).toEqual(DONE);
      return shownBy(console.receive());
    };
    const first = shows(withBun);
    expect(first).toMatch(/^37 91\r\n\/dev\/pts\/n+\r\n/);
    expect(shows(alone)).toBe(first);
    // Nobody listens there, or it is too long.
    const nowhere = join(temporaryDirectory("s"), "s");
    expect(alone(words(nowhere)).code).not.toBe(0);
    expect(withBun(words(nowhere)).said).toBe(
      `hutch: connect to ${nowhere}: ENOENT (no such file or directory)\n`,
    );
    const long = `/tmp/${"x".repeat(110)}`;
    expect(alone(words(long)).code).not.toBe(0);
    expect(withBun(words(long)).said).toContain("ENAMETOOLONG");
  });

  asRoot("is connected to once, also when the command cannot run", () => {
    const command = join(one.files, "home/shell");
    const words = (path: string) => [
      ...["--root", one.root, "exec", "--process", processFile({ terminal: true, args: ["shell"] })],
      ...["--console-socket", path, "-d", one.id],
    ];
    const call = (by: (words: readonly string[]) => Ended): Ended => {
      const path = join(temporaryDirectory("s"), "s");
      using console = receiver(path);
      const done = by(words(path));
      shownBy(console.receive());
      expect(console.isQuiet()).toBeTrue();
      return done;
    };
    copyFileSync(join(one.files, "bin/busybox"), command);
    call(withBun);
    expect(call(alone)).toEqual(DONE);
    rmSync(command);
    const done = call(withBun);
    expect(done.code).toBe(127);
    expect(done.said).toContain("executable file not found");
  });
});
