/** Hooks of every kind, in the foreground and detached: when they run, and what comes of their failure. */
import { afterAll, expect } from "bun:test";
import { chmodSync, existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { signalNumber } from "../../src/linux/signal.ts";
import { HOOK_NAMES } from "../../src/spec/hooks.ts";
import type { Hooks } from "../../src/spec/spec.ts";
import { HUTCH } from "../support/hutch.ts";
import { eventually } from "../support/patience.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { inTerminal } from "../support/terminal.ts";
import { type Change, childrenOf, freshId, withProcess } from "./support-inside.ts";
import { asRoot, limited, type Place, place, reach, read, remains, stateOf } from "./support-lifecycle.ts";

const made: [Place, string][] = [];
afterAll(async () => {
  for (const [{ call }, id] of made) await call("delete", "--force", id);
});

interface Hooked {
  readonly where: Place;
  /** What the hooks have written, in its order. */
  readonly lines: () => string[];
  readonly directory: string;
}

type Texts = Partial<Record<(typeof HOOK_NAMES)[number], string>>;

/** A bundle whose hooks run these scripts; LOG in them is a file that all of them write to. */
async function hooked(script: string, texts: Texts, change: Change = (spec) => spec): Promise<Hooked> {
  const directory = temporaryDirectory("hooks");
  const log = join(directory, "log");
  const hooks: Hooks = {};
  for (const name of HOOK_NAMES) {
    const text = texts[name];
    if (text === undefined) continue;
    const path = join(directory, name);
    writeFileSync(path, `#!/bin/sh\n${text.replaceAll("LOG", log)}\n`);
    chmodSync(path, 0o755);
    // The container's root has a shell, and not the file.
    hooks[name] =
      name === "startContainer"
        ? [{ path: "/bin/sh", args: ["sh", "-c", text.replaceAll("LOG", "/dev/stderr")] }]
        : [{ path }];
  }
  const where = await place(script, (spec) => change(limited({ ...spec, hooks })));
  return { where, directory, lines: () => read(log).split("\n").filter(Boolean) };
}

const left = ({ root }: Place): string[] => (existsSync(root) ? readdirSync(root) : []);

const id = ({ where }: Hooked): string => {
  const fresh = freshId();
  made.push([where, fresh]);
  return fresh;
};

/** Writes the hook's name, and status, and whether the pid is that of a live process. */
const TELLS = (name: string): string =>
  `state=$(cat)
status=$(echo "$state" | sed 's/.*"status":"\\([a-z]*\\)".*/\\1/')
echo "${name} $status" >> LOG`;

const ALL: Texts = Object.fromEntries(HOOK_NAMES.map((name) => [name, TELLS(name)]));

const run = ({ where }: Hooked, name: string, ...options: string[]) =>
  where.call("run", ...options, "--bundle", where.bundle, name);

/** A hutch that stays beside its container, which is there. */
async function created({ where }: Hooked, name: string): Promise<Bun.Subprocess> {
  const child = Bun.spawn([HUTCH, "--root", where.root, "run", "--bundle", where.bundle, name]);
  const record = join(where.root, name, "record.json");
  expect(await eventually(() => read(record).includes('isCreated":true'))).toBe(true);
  return child;
}

asRoot(
  "run in the foreground runs all six hooks in their order, and exits as the container did",
  async () => {
    const box = await hooked("echo out; exit 7", ALL);
    const name = id(box);
    const { code, stdout, stderr } = await run(box, name);
    expect({ code, stdout, stderr }).toEqual({
      code: 7,
      stdout: "out\n",
      stderr: "startContainer created\n",
    });
    expect(box.lines()).toEqual([
      "prestart creating",
      "createRuntime creating",
      "createContainer creating",
      "poststart running",
      "poststop stopped",
    ]);
    expect(remains(box.where, name)).toEqual([]);
  },
);

asRoot("create, start and delete run the same hooks at the same places", async () => {
  const box = await hooked("sleep 1000", ALL);
  const name = id(box);
  await box.where.ok("create", "--bundle", box.where.bundle, name);
  expect(box.lines()).toEqual(["prestart creating", "createRuntime creating", "createContainer creating"]);
  await box.where.ok("start", name);
  expect(box.lines().at(-1)).toBe("poststart running");
  await box.where.ok("delete", "--force", name);
  expect(box.lines().at(-1)).toBe("poststop stopped");
  expect(remains(box.where, name)).toEqual([]);
});

asRoot("hooks see the namespaces that the specification says", async () => {
  const namespace = "readlink /proc/self/ns/net >> LOG; cat >/dev/null";
  const box = await hooked("readlink /proc/self/ns/net", {
    prestart: namespace,
    createRuntime: namespace,
    createContainer: namespace,
    poststart: namespace,
    poststop: namespace,
  });
  const { stdout } = await run(box, id(box));
  const [host, inside] = [readlinkSync("/proc/self/ns/net"), stdout.trim()];
  expect(inside).not.toBe(host);
  expect(box.lines()).toEqual([host, host, inside, host, host]);
});

for (const failing of ["prestart", "createRuntime", "createContainer", "startContainer"] as const) {
  asRoot(`a ${failing} hook that fails ends the container, which never begins; poststop runs`, async () => {
    const box = await hooked("echo began", {
      [failing]: "cat >/dev/null; exit 3",
      poststop: TELLS("poststop"),
    });
    const name = id(box);
    const { code, stdout, stderr } = await run(box, name);
    expect({ code, stdout }).toEqual({ code: 125, stdout: "" });
    expect(stderr).toContain(`${failing}`);
    expect(box.lines()).toEqual(["poststop stopped"]);
    expect(remains(box.where, name)).toEqual([]);
  });
}

/** Some engines write as much as that. */
const annotated =
  (length: number): Change =>
  (spec) => ({ ...spec, annotations: { long: "x".repeat(length) } });

asRoot(
  "the state of a container may be long for hooks, and of any length where it has none inside",
  async () => {
    const counts = "wc -c | sed 's/^ */size /' >> LOG";
    const texts = { prestart: counts, createContainer: counts, startContainer: "wc -c >&2" };
    const box = await hooked("exit 3", texts, annotated(50_000));
    const { code, stderr } = await run(box, id(box));
    expect(code).toBe(3);
    expect(Number(stderr)).toBeGreaterThan(50_000);
    const sizes = box.lines().map((line) => Number(line.replace("size ", "")));
    expect(sizes).toHaveLength(2);
    expect(Math.min(...sizes)).toBeGreaterThan(50_000);
    const plain = await hooked("exit 4", { prestart: "cat >/dev/null" }, annotated(500_000));
    expect((await run(plain, id(plain))).code).toBe(4);
    const tooLong = await run(await hooked("exit 3", texts, annotated(70_000)), id(box));
    expect(tooLong.stderr).toContain("is longer than 65536 bytes; hint: its annotations");
  },
);

asRoot("poststart and poststop hooks that fail are told, and change nothing", async () => {
  const fails = "cat >/dev/null; echo broken >&2; exit 3";
  const box = await hooked("exit 5", { poststart: fails, poststop: fails });
  const { code, stderr } = await run(box, id(box));
  expect(code).toBe(5);
  expect(stderr.match(/hook post\w+\[0\] .*: ended with exit code 3: broken/g)).toHaveLength(2);
  expect(left(box.where)).toEqual([]);
});

asRoot("a state, exec and kill reach a container that hutch stays beside", async () => {
  const box = await hooked("sleep 1000", { poststop: TELLS("poststop") });
  const name = id(box);
  const child = await created(box, name);
  await reach(box.where, name, "running");
  expect(await box.where.ok("exec", name, "echo", "inside")).toBe("inside\n");
  await box.where.ok("kill", name, "KILL");
  expect(await child.exited).toBe(137);
  expect(box.lines()).toEqual(["poststop stopped"]);
  expect(remains(box.where, name)).toEqual([]);
});

asRoot("delete --force of another runs poststop once, and run ends", async () => {
  const box = await hooked("sleep 1000", { poststop: TELLS("poststop") });
  const name = id(box);
  const child = await created(box, name);
  await box.where.ok("delete", "--force", name);
  expect(await child.exited).not.toBe(0);
  expect(box.lines()).toEqual(["poststop stopped"]);
  expect(remains(box.where, name)).toEqual([]);
});

asRoot("with --keep the state stays, and delete runs poststop", async () => {
  const box = await hooked("exit 4", { createRuntime: TELLS("createRuntime"), poststop: TELLS("poststop") });
  const name = id(box);
  const file = join(box.directory, "pid");
  expect((await run(box, name, "--keep", "--pid-file", file)).code).toBe(4);
  expect(readFileSync(file, "utf8")).toMatch(/^\d+$/);
  expect(await stateOf(box.where, name)).toEqual({ status: "stopped", pid: 0 });
  expect(box.lines()).toEqual(["createRuntime creating"]);
  await box.where.ok("delete", name);
  expect(box.lines()).toEqual(["createRuntime creating", "poststop stopped"]);
  expect(remains(box.where, name)).toEqual([]);
});

const PASSED = ["HUP", "INT", "QUIT", "USR1", "USR2", "ALRM", "TERM", "WINCH", "URG", "IO"];

asRoot("every signal to hutch reaches the container once", async () => {
  const traps = PASSED.map((name) => `trap 'echo ${name}' ${name}`).join("\n");
  const box = await hooked(`${traps}\necho ready\nwhile :; do sleep 0.02; done`, { poststop: "cat" });
  const name = id(box);
  const child = Bun.spawn([HUTCH, "--root", box.where.root, "run", "--bundle", box.where.bundle, name], {
    stdout: "pipe",
    // A signal that is lost would be waited for.
    timeout: 20_000,
    killSignal: "SIGKILL",
  });
  const reader = child.stdout.getReader();
  let text = "";
  const shows = async (what: string): Promise<void> => {
    while (!text.includes(what)) {
      const { value, done } = await reader.read();
      if (done) throw new Error(`ended before ${what}: ${text}`);
      text += new TextDecoder().decode(value);
    }
  };
  await shows("ready\n");
  for (const signal of PASSED) {
    process.kill(child.pid, signalNumber(signal));
    await shows(`${signal}\n`);
  }
  await box.where.ok("kill", name, "KILL");
  expect(await child.exited).toBe(137);
  expect(text).toBe(["ready", ...PASSED, ""].join("\n"));
});

asRoot("a terminal is relayed beside hooks, ^C included, and given back", async () => {
  const script =
    "echo size $(stty size); trap 'echo got INT; exit 9' INT; echo ready; while :; do sleep 0.02; done";
  const box = await hooked(script, ALL, withProcess({ terminal: true }));
  const name = id(box);
  await using pty = inTerminal([HUTCH, "--root", box.where.root, "run", "--bundle", box.where.bundle, name]);
  const before = pty.modes();
  await pty.shows("ready");
  expect(pty.text()).toContain("size 24 80");
  pty.type("\x03");
  await pty.shows("got INT");
  expect(await pty.exited).toBe(9);
  expect(pty.text().match(/got INT/g)).toHaveLength(1);
  expect(pty.modes()).toEqual(before);
  expect(box.lines().at(-1)).toBe("poststop stopped");
  expect(remains(box.where, name)).toEqual([]);
});

asRoot("a signal while a hook runs ends it and the container, and is the exit code", async () => {
  const box = await hooked("echo began", {
    createRuntime: "echo $$ >> LOG; exec sleep 1000",
    poststop: TELLS("poststop"),
  });
  const name = id(box);
  const child = Bun.spawn([HUTCH, "--root", box.where.root, "run", "--bundle", box.where.bundle, name], {
    stderr: "pipe",
  });
  expect(await eventually(() => box.lines().length > 0)).toBe(true);
  const [hook] = box.lines();
  process.kill(child.pid, "SIGTERM");
  expect(await child.exited).toBe(143);
  expect(await child.stderr.text()).toContain("ended by SIGTERM before the container had begun");
  expect(existsSync(`/proc/${hook}`)).toBe(false);
  expect(box.lines().at(-1)).toBe("poststop stopped");
  expect(remains(box.where, name)).toEqual([]);
});

asRoot("a signal while a hook runs in the container ends both, too", async () => {
  const box = await hooked("echo began", {
    createContainer: "echo $$ >> LOG; exec sleep 1000",
    poststop: TELLS("poststop"),
  });
  const name = id(box);
  const child = Bun.spawn([HUTCH, "--root", box.where.root, "run", "--bundle", box.where.bundle, name], {
    stderr: "pipe",
    timeout: 10_000,
    killSignal: "SIGKILL",
  });
  expect(await eventually(() => box.lines().length > 0)).toBe(true);
  process.kill(child.pid, "SIGINT");
  expect(await child.exited).toBe(130);
  expect(await child.stderr.text()).toContain("ended by SIGINT before the container had begun");
  expect(box.lines().at(-1)).toBe("poststop stopped");
  expect(remains(box.where, name)).toEqual([]);
});

asRoot("a hutch that is killed beside its container takes it along; delete removes the rest", async () => {
  const box = await hooked("sleep 1000", { poststop: TELLS("poststop") });
  const name = id(box);
  const child = await created(box, name);
  await reach(box.where, name, "running");
  const { pid } = await stateOf(box.where, name);
  const [creator] = childrenOf(child.pid);
  child.kill("SIGKILL");
  await child.exited;
  expect(await eventually(() => !existsSync(`/proc/${pid}`) && !existsSync(`/proc/${creator}`))).toBe(true);
  await box.where.ok("delete", name);
  expect(box.lines()).toEqual(["poststop stopped"]);
  expect(remains(box.where, name)).toEqual([]);
});

asRoot(
  "explain says what hutch does beside the container, and that it is no program of its own",
  async () => {
    const { where, directory } = await hooked("true", ALL);
    const text = await where.ok("explain", "--bundle", where.bundle);
    expect(text).toStartWith("hutch stays beside this container, because it has hooks; it runs by itself\n");
    for (const name of ["prestart", "createRuntime", "poststart", "poststop"]) {
      expect(text).toContain(`    ${name} ${directory}/${name}   # when`);
    }
    expect(text).toContain(`run the createContainer hook ${directory}/createContainer`);
    const refused = await where.call("explain", "--bundle", where.bundle, "--output", join(directory, "x"));
    expect(refused.code).toBe(125);
    expect(refused.stderr).toContain("no program of its own");
  },
);

asRoot("of many who delete at once one runs poststop", async () => {
  const box = await hooked("sleep 1000", { poststop: TELLS("poststop") });
  for (let round = 1; round <= 5; round += 1) {
    const name = id(box);
    await box.where.ok("create", "--bundle", box.where.bundle, name);
    await box.where.ok("start", name);
    const deletes = [1, 2, 3, 4].map(() => box.where.call("delete", "--force", name));
    for (const { code, stderr } of await Promise.all(deletes))
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(box.lines()).toHaveLength(round);
    expect(remains(box.where, name)).toEqual([]);
  }
});

asRoot("hooks start in the bundle, but those of createContainer in the root, as with runc", async () => {
  const tells = "pwd >> LOG; cat >/dev/null";
  const looks = `${tells}; test -e proc/self/stat && test -e $(pwd)/dev/null && echo mounted >> LOG`;
  const box = await hooked("true", { createRuntime: tells, createContainer: looks, poststop: tells });
  expect((await run(box, id(box))).code).toBe(0);
  const { root } = JSON.parse(readFileSync(join(box.where.bundle, "config.json"), "utf8"));
  expect(box.lines()).toEqual([box.where.bundle, root.path, "mounted", box.where.bundle]);
});

asRoot("hooks run also for a container that joins a mount namespace", async () => {
  const other = Bun.spawn(["unshare", "-m", "sh", "-c", "echo ready; exec sleep 67"], { stdout: "pipe" });
  await other.stdout.getReader().read();
  try {
    const box = await hooked("echo out", { ...ALL, startContainer: "cat >/dev/null" }, (spec) => ({
      ...spec,
      mounts: [],
      linux: {
        ...spec.linux,
        maskedPaths: [],
        readonlyPaths: [],
        namespaces: (spec.linux?.namespaces ?? []).map((each) =>
          each.type === "mount" ? { ...each, path: `/proc/${other.pid}/ns/mnt` } : each,
        ),
      },
    }));
    const { code, stdout } = await run(box, id(box));
    expect({ code, stdout }).toEqual({ code: 0, stdout: "out\n" });
    expect(box.lines()).toEqual([
      "prestart creating",
      "createRuntime creating",
      "createContainer creating",
      "poststart running",
      "poststop stopped",
    ]);
  } finally {
    other.kill("SIGKILL");
    await other.exited;
  }
});
