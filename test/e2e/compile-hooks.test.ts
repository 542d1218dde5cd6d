/** Hooks in the files of hutch compile: the same as hutch run has, without any hutch. */
import { expect } from "bun:test";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { rootlessSpec } from "../../src/spec/default.ts";
import { HOOK_NAMES } from "../../src/spec/hooks.ts";
import type { Hook, Hooks, Spec } from "../../src/spec/spec.ts";
import { HUTCH, type HutchResult, hutch, run } from "../support/hutch.ts";
import { eventually } from "../support/patience.ts";
import { lacksCgroup, testUnless } from "../support/skip.ts";
import { mountsBelow, temporaryDirectory } from "../support/temporary.ts";
import { inTerminal, lacksTerminal } from "../support/terminal.ts";
import { ordinaryUser } from "../support/user.ts";
import { type Change, freshId } from "./support-inside.ts";
import { asRoot, cgroupsNamed, limited, place, read, unavailable } from "./support-lifecycle.ts";

type HookName = (typeof HOOK_NAMES)[number];
type Texts = Partial<Record<HookName, string>>;

interface Box {
  readonly bundle: string;
  readonly file: string;
  readonly state: string;
  /** What the hooks have written, in its order. */
  readonly lines: () => string[];
}

/** A bundle whose hooks run these scripts, compiled; LOG in them is a file that all of them write to. */
async function boxed(
  script: string,
  texts: Texts,
  change: Change = (spec) => spec,
  rest: Partial<Hook> = {},
): Promise<Box> {
  // The container's root may be another user's, who writes there too.
  const log = join(temporaryDirectory("hooks"), "log");
  writeFileSync(log, "");
  chmodSync(log, 0o666);
  const where = await place(script, (spec) => {
    const hooks: Hooks = {};
    for (const name of HOOK_NAMES) {
      const text = texts[name];
      if (text !== undefined)
        hooks[name] = [{ path: "/bin/sh", args: ["sh", "-c", textOf(text, name, log)], ...rest }];
    }
    return change(limited({ ...spec, hooks }));
  });
  return {
    ...(await compiled(where.bundle)),
    state: where.root,
    lines: () => read(log).split("\n").filter(Boolean),
  };
}

/** The container's root does not have the file; a socket cannot be opened as /dev/stderr. */
const textOf = (text: string, name: HookName, log: string): string =>
  name === "startContainer" ? text.replaceAll(">> LOG", ">&2") : text.replaceAll("LOG", log);

async function compiled(bundle: string): Promise<Pick<Box, "bundle" | "file">> {
  const file = join(bundle, "box");
  const made = await hutch(["compile", "--bundle", bundle, "-o", file]);
  expect({ code: made.code, stderr: made.stderr }).toEqual({ code: 0, stderr: "" });
  return { bundle, file };
}

const OWN = /^hutch-\d+-\d{10}$/;

/** The program calls its cgroups by its pid, which is that of the file. */
const left = ({ bundle }: Pick<Box, "bundle">, pid: number): string[] => [
  ...cgroupsNamed((name) => OWN.test(name) && name.startsWith(`hutch-${pid}-`)),
  ...mountsBelow(bundle),
];

/** Runs the file, of which nothing is to be left. */
async function ran(box: Pick<Box, "bundle" | "file">): Promise<HutchResult> {
  const child = Bun.spawn([box.file], {
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 30_000,
    killSignal: "SIGKILL",
  });
  const [code, stdout, stderr] = await Promise.all([child.exited, child.stdout.text(), child.stderr.text()]);
  expect(left(box, child.pid)).toEqual([]);
  return { code, signal: null, stdout, stderr };
}

const everywhere = (text: (name: HookName) => string): Texts =>
  Object.fromEntries(HOOK_NAMES.map((name) => [name, text(name)]));

/** What a hook can tell of its surroundings, in one line, but for what differs between both programs. */
const TELLS = (name: HookName): string => `state=$(cat)
pid=$(echo "$state" | sed 's/.*"pid":\\([0-9]*\\).*/\\1/')
field() { echo "$state" | sed "s|.*\\"$1\\":\\"\\([^\\"]*\\)\\".*|\\1|"; }
same() { [ "$(readlink /proc/self/ns/$1)" = "$(readlink /proc/$pid/ns/$1)" ] && echo same || echo other; }
inits=$([ -d /proc/$pid/ns ] && [ $pid -gt 0 ] && echo "$(same net) $(same mnt) $(same pid)")
id=$(field id)
annotations=$(echo "$state" | grep -o '"annotations":{[^}]*}')
env=$(env | grep -v '^\\(PWD\\|SHLVL\\|_\\|OLDPWD\\)=' | sort | tr '\\n' ' ')
echo "${name} $(field status) [$inits] $(field ociVersion) $(field bundle) $annotations \
pwd=$(pwd) env=$env fds=$(ls /proc/self/fd | wc -l) \
uid=$(id -u) zero=$([ "$pid" = 0 ] && echo zero) id=$([ -n "$id" ] && echo some) \
cgroups=$(find /sys/fs/cgroup/ -maxdepth 4 -type d -name "*$id" 2>/dev/null | grep -q . && echo some) \
group=$([ "$(cut -d' ' -f5 /proc/$$/stat)" = $$ ] && echo own) nofile=$(ulimit -n)" >> LOG`;

asRoot("run at the places, in the namespaces and with the states that hutch run has for them", async () => {
  const annotations = { quoted: 'a"b\\\\c', plain: "ü" };
  const box = await boxed(
    "sleep 1; echo out; exit 7",
    everywhere(TELLS),
    (spec) => ({ ...spec, annotations }),
    {
      env: ["A=1", "PATH=/bin:/usr/bin"],
    },
  );
  const file = await ran(box);
  const own = box.lines();
  const direct = await hutch(["--root", box.state, "run", "--bundle", box.bundle, freshId()]);
  expect(own.map((line) => line.split(" ").slice(0, 2).join(" "))).toEqual([
    "prestart creating",
    "createRuntime creating",
    "createContainer creating",
    "poststart running",
    "poststop stopped",
  ]);
  expect(own).toEqual(box.lines().slice(own.length));
  expect(file).toEqual(direct);
  expect({ code: file.code, stdout: file.stdout }).toEqual({ code: 7, stdout: "out\n" });
  expect(file.stderr).toStartWith("startContainer created");
});

asRoot("have the pid and the name of the container, whose cgroup is gone at poststop", async () => {
  const tell = (name: string): string =>
    `state=$(cat); id=$(echo "$state" | sed 's/.*"id":"\\([^"]*\\)".*/\\1/')
     pid=$(echo "$state" | sed 's/.*"pid":\\([0-9]*\\).*/\\1/')
     echo "${name} $id $pid $(ls -d /sys/fs/cgroup/pids/$id 2>/dev/null)" >> LOG`;
  const box = await boxed("sleep 0.3", {
    prestart: tell("prestart"),
    poststart: tell("poststart"),
    poststop: tell("poststop"),
  });
  expect(await ran(box)).toMatchObject({ code: 0, stderr: "" });
  const [prestart = [], poststart = [], poststop = []] = box.lines().map((line) => line.trim().split(" "));
  expect(prestart[1]).toMatch(OWN);
  expect(Number(prestart[2])).toBeGreaterThan(1);
  expect(poststart.slice(1)).toEqual(prestart.slice(1));
  expect(poststop).toEqual(["poststop", prestart[1] ?? "", "0"]);
  if (lacksCgroup(1) === undefined) expect(prestart[3]).toEndWith(prestart[1] ?? "-");
});

for (const failing of ["prestart", "createRuntime", "createContainer", "startContainer"] as const) {
  asRoot(`a ${failing} hook that fails ends the container, which never begins; poststop runs`, async () => {
    const texts = {
      [failing]: "echo broken >&2; exit 3",
      poststart: "echo poststart >> LOG",
      poststop: "echo poststop >> LOG",
    };
    const box = await boxed("echo began", texts);
    const { code, stdout, stderr } = await ran(box);
    expect({ code, stdout }).toEqual({ code: 125, stdout: "" });
    expect(stderr).toBe(`broken\nbox: run the ${failing} hook /bin/sh: it failed or took too long\n`);
    expect(box.lines()).toEqual(["poststop"]);
  });
}

asRoot("poststart and poststop hooks that fail are told, and change nothing", async () => {
  const box = await boxed("sleep 0.2; exit 5", { poststart: "exit 3", poststop: "exit 4" });
  const { code, stderr } = await ran(box);
  expect(code).toBe(5);
  expect(stderr.split("\n")).toEqual([
    "box: run the poststart hook /bin/sh: it failed or took too long",
    "box: run the poststop hook /bin/sh: it failed or took too long",
    "",
  ]);
});

asRoot(
  "the others of a kind run all the same after a poststop hook that fails, and none after a prestart",
  async () => {
    const twice =
      (name: "prestart" | "poststop"): Change =>
      (spec) => ({
        ...spec,
        hooks: { ...spec.hooks, [name]: [{ path: "/nowhere" }, ...(spec.hooks?.[name] ?? [])] },
      });
    const texts = { prestart: "echo prestart >> LOG", poststop: "echo poststop >> LOG" };
    const box = await boxed("exit 5", texts, twice("poststop"));
    const { code, stderr } = await ran(box);
    expect({ code, lines: box.lines() }).toEqual({ code: 5, lines: ["prestart", "poststop"] });
    expect(stderr).toContain(
      "box: run the poststop hook /nowhere: execve: ENOENT (no such file or directory)\n",
    );
    const other = await boxed("exit 5", texts, twice("prestart"));
    expect({ code: (await ran(other)).code, lines: other.lines() }).toEqual({
      code: 125,
      lines: ["poststop"],
    });
  },
);

asRoot("poststart does not run for a program that cannot begin; its exit code stays", async () => {
  const texts = { poststart: "echo poststart >> LOG", poststop: "echo poststop >> LOG" };
  const missing = await boxed("", texts, (spec) => withArgs(spec, ["/nothing"]));
  expect((await ran(missing)).code).toBe(127);
  expect(missing.lines()).toEqual([]);
  // The kernel alone finds out.
  const wrong = await boxed("", texts, (spec) => withArgs(spec, ["/etc/wrong"]));
  const path = join(rootOf(wrong), "etc/wrong");
  writeFileSync(path, "\x7fELF nothing");
  chmodSync(path, 0o755);
  expect((await ran(wrong)).code).toBe(126);
  expect(wrong.lines()).toEqual(["poststop"]);
});

const rootOf = ({ bundle }: Pick<Box, "bundle">): string => {
  const { root }: Spec = JSON.parse(readFileSync(join(bundle, "config.json"), "utf8"));
  return root?.path ?? "";
};

const withArgs = (spec: Spec, args: string[]): Spec => ({
  ...spec,
  process: { cwd: "/", ...spec.process, args },
});

/** The processes that have this word among their arguments. */
const runningWith = (word: string): string[] =>
  readdirSync("/proc").filter(
    (pid) => /^\d+$/.test(pid) && read(`/proc/${pid}/cmdline`).split("\0").includes(word),
  );

for (const late of ["prestart", "createContainer", "startContainer", "poststart", "poststop"] as const) {
  asRoot(`a ${late} hook that takes too long is ended with all that it has started`, async () => {
    const began = performance.now();
    const long = `61.${freshId().replace(/\D/g, "")}`;
    const box = await boxed("sleep 0.1", { [late]: `sleep ${long} & sleep ${long}` }, undefined, {
      timeout: 1,
    });
    const { code, stderr } = await ran(box);
    expect(performance.now() - began).toBeLessThan(30_000);
    expect(code).toBe(late.startsWith("post") ? 0 : 125);
    expect(stderr).toContain(`run the ${late} hook /bin/sh: it failed or took too long`);
    expect(runningWith(long)).toEqual([]);
  });
}

/** A file whose hook of this kind has said that it runs, and does not end. */
async function hanging(
  kind: HookName,
  script: string,
  more: Texts = {},
): Promise<Box & { child: Bun.Subprocess<"ignore", "pipe", "pipe"> }> {
  const mark = join(temporaryDirectory("mark"), "hangs");
  const text = kind === "startContainer" ? "echo hangs; exec sleep 62" : `echo $$ > ${mark}; exec sleep 62`;
  const box = await boxed(script, { ...more, [kind]: text });
  const child = Bun.spawn([box.file], {
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 20_000,
    killSignal: "SIGKILL",
  });
  if (kind === "startContainer") await child.stdout.getReader().read();
  else expect(await eventually(() => read(mark).endsWith("\n"))).toBe(true);
  return { ...box, child };
}

for (const kind of ["prestart", "createRuntime", "createContainer", "startContainer"] as const) {
  asRoot(`a ${kind} hook that hangs is ended by SIGTERM, and the container with it`, async () => {
    const box = await hanging(kind, "echo began", { poststop: "echo poststop >> LOG" });
    const began = performance.now();
    box.child.kill("SIGTERM");
    expect(await box.child.exited).toBe(143);
    expect(performance.now() - began).toBeLessThan(15_000);
    expect(await box.child.stderr.text()).toBe(
      `box: run the ${kind} hook /bin/sh: ended by a signal before the container had begun\n`,
    );
    expect(box.lines()).toEqual(["poststop"]);
    expect(left(box, box.child.pid)).toEqual([]);
  });
}

asRoot(
  "while a poststart hook hangs, signals reach the container; when it has ended, one ends the hook",
  async () => {
    const script = "trap 'echo usr1' USR1; trap 'exit 9' TERM; echo ready; while :; do sleep 0.02; done";
    const box = await hanging("poststart", script, { poststop: "echo poststop >> LOG" });
    const reader = box.child.stdout.getReader();
    const shows = async (): Promise<string> => new TextDecoder().decode((await reader.read()).value);
    expect(await shows()).toBe("ready\n");
    box.child.kill("SIGUSR1");
    expect(await shows()).toBe("usr1\n");
    box.child.kill("SIGTERM");
    // The container's end closes the pipe, but for the hook.
    await Bun.sleep(300);
    const began = performance.now();
    box.child.kill("SIGINT");
    expect(await box.child.exited).toBe(9);
    expect(performance.now() - began).toBeLessThan(15_000);
    expect(await box.child.stderr.text()).toBe("box: run the poststart hook /bin/sh: ended by a signal\n");
    expect(box.lines()).toEqual(["poststop"]);
    expect(left(box, box.child.pid)).toEqual([]);
  },
);

asRoot("a poststop hook that hangs is ended by SIGTERM; the exit code is the container's", async () => {
  const box = await hanging("poststop", "exit 6");
  const began = performance.now();
  box.child.kill("SIGTERM");
  expect(await box.child.exited).toBe(6);
  expect(performance.now() - began).toBeLessThan(15_000);
  expect(left(box, box.child.pid)).toEqual([]);
});

testUnless(unavailable ?? lacksTerminal())("a terminal is relayed while poststart runs", async () => {
  const terminal: Change = (spec) => ({ ...spec, process: { cwd: "/", ...spec.process, terminal: true } });
  const box = await boxed(
    "read line; echo got $line; exit 4",
    { poststart: "sleep 63", startContainer: "echo from the hook" },
    terminal,
  );
  await using user = inTerminal([box.file]);
  await user.shows("from the hook");
  user.type("a word\n");
  await user.shows("got a word");
  await Bun.sleep(200);
  user.type("\x03");
  expect(await user.exited).toBe(4);
});

asRoot("an ordinary user's hooks run as that user", async () => {
  const user = ordinaryUser();
  const texts = everywhere((name) => `echo ${name} $(id -u) >> LOG; cat >/dev/null`);
  const box = await boxed("id -u", texts, (spec) => {
    const { linux, mounts = [] } = rootlessSpec(user.uid, user.uid);
    return { ...spec, linux: linux ?? {}, mounts };
  });
  chmodSync(box.bundle, 0o755);
  // The root is that of other tests as well.
  chownSync(rootOf(box), user.uid, user.uid);
  const { code, stdout, stderr } = await run([box.file], user).finally(() => chownSync(rootOf(box), 0, 0));
  expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: "0\n", stderr: "startContainer 0\n" });
  const outside = ["prestart", "createRuntime", "poststart", "poststop"].map((name) => `${name} ${user.uid}`);
  expect(box.lines().toSorted()).toEqual([...outside, "createContainer 0"].toSorted());
});

asRoot("with --relative, what lies beside the file is found where it is by then", async () => {
  const box = await boxed("true", {});
  const log = join(temporaryDirectory("hooks"), "log");
  const script = join(box.bundle, "hooks/tell");
  mkdirSync(join(box.bundle, "hooks"));
  writeFileSync(script, `#!/bin/sh\necho "$0 $(pwd) $(sed 's/.*"bundle":"\\([^"]*\\)".*/\\1/')" >> ${log}\n`);
  chmodSync(script, 0o755);
  const spec: Spec = JSON.parse(readFileSync(join(box.bundle, "config.json"), "utf8"));
  expect((await run(["cp", "-a", rootOf(box), join(box.bundle, "rootfs")])).stderr).toBe("");
  const hooks = {
    prestart: [{ path: script }],
    createContainer: [{ path: script }],
    poststop: [{ path: script }],
  };
  writeFileSync(
    join(box.bundle, "config.json"),
    JSON.stringify({ ...spec, hooks, root: { path: "rootfs" } }),
  );
  const made = await hutch(["compile", "--relative", "--bundle", box.bundle, "-o", box.file]);
  expect(made.stderr).toBe("");
  const moved = join(temporaryDirectory("moved"), "some where");
  renameSync(box.bundle, moved);
  expect(await run([join(moved, "box")])).toMatchObject({ code: 0, stderr: "" });
  const told = `${moved}/hooks/tell ${moved} ${moved}`;
  expect(read(log).trim().split("\n")).toEqual([told, `${moved}/hooks/tell ${moved}/rootfs ${moved}`, told]);
  chmodSync(join(moved, "hooks/tell"), 0o644);
  expect((await run([join(moved, "box")])).stderr).toContain(
    "box: run the prestart hook hooks/tell beside this file: execve: EACCES",
  );
  const quoted = join(temporaryDirectory("moved"), 'a"b');
  renameSync(moved, quoted);
  const refused = await run([join(quoted, "box")]);
  expect(refused).toMatchObject({ code: 125 });
  expect(refused.stderr).toContain("its path has a quote, a backslash or a control character");
});

asRoot("hooks of the host are in its namespaces also where the container joins others", async () => {
  const other = Bun.spawn(["unshare", "-n", "-u", "sh", "-c", "echo ready; exec sleep 64"], {
    stdout: "pipe",
  });
  await other.stdout.getReader().read();
  try {
    const network = "readlink /proc/self/ns/net >> LOG; cat >/dev/null";
    const texts = { prestart: network, createContainer: network, poststart: network, poststop: network };
    const box = await boxed("readlink /proc/self/ns/net", texts, (spec) => ({
      ...spec,
      linux: {
        ...spec.linux,
        sysctl: {},
        namespaces: (spec.linux?.namespaces ?? []).map((each) =>
          each.type === "network" ? { ...each, path: `/proc/${other.pid}/ns/net` } : each,
        ),
      },
    }));
    const { code, stdout, stderr } = await ran(box);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const [host, inside] = [(await run(["readlink", "/proc/self/ns/net"])).stdout.trim(), stdout.trim()];
    expect(inside).not.toBe(host);
    expect(box.lines()).toEqual([host, inside, host, host]);
  } finally {
    other.kill("SIGKILL");
    await other.exited;
  }
});

asRoot("what no pipe holds, and what cannot be left again, is refused before a file is written", async () => {
  const box = await boxed("true", { poststop: "cat >/dev/null" });
  const path = join(box.bundle, "config.json");
  const spec: Spec = JSON.parse(readFileSync(path, "utf8"));
  const refused = async (change: Change): Promise<string> => {
    writeFileSync(path, JSON.stringify(change(spec)));
    const file = join(box.bundle, "no");
    const { code, stderr } = await hutch(["compile", "--bundle", box.bundle, "-o", file]);
    expect({ code, isThere: existsSync(file) }).toEqual({ code: 125, isThere: false });
    return stderr;
  };
  const long: Change = (each) => ({ ...each, annotations: { long: "x".repeat(65_000) } });
  expect(await refused(long)).toContain("hooks: the state that they read is longer than 65536 bytes");
  const joined: Change = (each) => ({
    ...each,
    linux: {
      ...each.linux,
      namespaces: [...(each.linux?.namespaces ?? []), { type: "user", path: "/proc/1/ns/user" }],
    },
  });
  expect(await refused(joined)).toContain("join the user namespace /proc/1/ns/user: ");
});

asRoot("what they write on the host has the mode that the caller's umask leaves", async () => {
  const tell = "umask >> LOG";
  const box = await boxed("true", { createRuntime: tell, createContainer: tell, poststop: tell });
  const careful = ["sh", "-c", 'umask 027; exec "$0" "$@"'];
  expect(await run([...careful, box.file])).toMatchObject({ code: 0 });
  const direct = ["--root", box.state, "run", "--bundle", box.bundle, freshId()];
  expect(await run([...careful, HUTCH, ...direct])).toMatchObject({ code: 0 });
  expect(box.lines()).toEqual(Array.from({ length: 6 }, () => "0027"));
});

asRoot("--init and --report go with them", async () => {
  const box = await boxed("echo $PPID; exit 3", { startContainer: "echo hook", poststart: "cat >> LOG" });
  const report = join(box.bundle, "report");
  const words = ["compile", "--bundle", box.bundle, "--init", "--report", report, "-o", box.file];
  expect((await hutch(words)).stderr).toBe("");
  expect(await ran(box)).toMatchObject({ code: 3, stdout: "hook\n1\n", stderr: "" });
  expect(JSON.parse(read(report))).toMatchObject({ code: 3 });
  expect(box.lines()).toHaveLength(1);
});

asRoot("a long state arrives whole, at all hooks", async () => {
  const counts = "wc -c >> LOG";
  const box = await boxed("true", { ...everywhere(() => counts) }, (spec) => ({
    ...spec,
    annotations: { long: "x".repeat(60_000) },
  }));
  const { code, stderr } = await ran(box);
  expect({ code, stderr }).toMatchObject({ code: 0 });
  for (const size of [...box.lines(), stderr]) expect(Number(size)).toBeGreaterThan(60_000);
  expect(box.lines()).toHaveLength(5);
});

asRoot("their steps are shown by explain", async () => {
  const box = await boxed(
    "true",
    everywhere(() => "cat"),
  );
  const { stdout } = await hutch(["explain", box.file]);
  for (const name of HOOK_NAMES) expect(stdout).toContain(`run the ${name} hook /bin/sh`);
});
