/** `exec` by the compiled entry program: when it executes what was kept, and when it does not. */
import { afterAll, beforeAll, expect } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { identify } from "../../src/container/identity.ts";
import { ownNofile } from "../../src/host/exec.ts";
import { effectiveGroup, effectiveUser } from "../../src/host/facts.ts";
import { fileStatus } from "../../src/host/path.ts";
import { AT_FDCWD, F_GETFD } from "../../src/linux/fcntl.ts";
import { branch, buffer, call, compute, exit, label, slot, struct } from "../../src/plan/build.ts";
import { execKept } from "../../src/plan/entry-exec.ts";
import { readExecWords as readByProgram } from "../../src/plan/entry-exec-words.ts";
import { KIND, VARIABLE } from "../../src/plan/entry-failed.ts";
import { forgetDescriptors, openContainer, openRoot } from "../../src/plan/entry-place.ts";
import { BUN, checkId, readWords } from "../../src/plan/entry-words.ts";
import { type ExecKey, execKey, readExecWords } from "../../src/plan/exec-key.ts";
import { FAILED } from "../../src/plan/failed-exec.ts";
import { HIGH, JOINER_CONTROL, joinerDescriptor } from "../../src/plan/joiner-control.ts";
import { joinerFile, joinerName, type KeptJoiner } from "../../src/plan/kept-joiner.ts";
import type { Plan, Step } from "../../src/plan/step.ts";
import { ifText } from "../../src/plan/text.ts";
import { type Machine, nativeContract } from "../emit/machine.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const LEFT_TO_BUN = 7;
const EXECUTED = 9;
/** With the kind of failure. */
const TOLD = 20;

const plan = ({ arch }: Machine): Plan => [
  ...forgetDescriptors(),
  ...readWords(),
  ...readByProgram(),
  ...checkId(),
  ...openRoot(arch),
  openContainer(arch),
  ...execKept(),
  label(BUN),
  branch(VARIABLE, "ne", 0, "told"),
  exit(LEFT_TO_BUN, "not executed"),
  label("told"),
  compute(KIND, KIND, "add", TOLD),
  exit(KIND, "failed"),
];

const title = slot("title");

/** Stands for the joiner: it is called by its name, and has the descriptors that it needs. */
const JOINER: Plan = [
  { kind: "given", into: title, what: 1 },
  ...ifText(title, "hutch-box", true, "named"),
  exit(1, "another name"),
  label("named"),
  ...Object.values(HIGH).map((fd) => call("see that it is open", "fcntl", [fd, F_GETFD])),
  exit(EXECUTED, "executed"),
];

const WORDS = ["box", "sh", "-c", "echo ü", ""];

/** What stands at FILE is a file of this content. */
const PROCESS_WORDS = ["--process", "FILE", "--pid-file=/p", "box"];
const PROCESS = `{"args":["${"x".repeat(3000)}"]}`;

function keyOf(words: readonly string[], text?: string): ExecKey {
  const read = readExecWords(words);
  const key = read === undefined ? undefined : execKey(read, text);
  if (key === undefined) throw new Error(`no key for ${words.join(" ")}`);
  return key;
}

let init: Bun.Subprocess;
beforeAll(() => {
  init = Bun.spawn(["sleep", "1000"]);
});
afterAll(async () => {
  init.kill("SIGKILL");
  await init.exited;
});

/** A root directory with one kept joiner, the entry program, and a file and a link that are asked for. */
function place(
  machine: Machine,
  change: (kept: KeptJoiner) => KeptJoiner = (kept) => kept,
  key = keyOf(WORDS),
) {
  const directory = temporaryDirectory("kept");
  const [answer, link, root] = [join(directory, "answer"), join(directory, "link"), join(directory, "root")];
  writeFileSync(answer, "yes\n");
  symlinkSync("there", link);
  const program = machine.save(plan(machine));
  const [self, limit] = [fileStatus(program), ownNofile()];
  if (self === undefined || limit === undefined) throw new Error("no status, or no limit");
  const box = join(root, "box");
  mkdirSync(box, { recursive: true, mode: 0o700 });
  const file = join(box, joinerName(key));
  const kept: KeptJoiner = {
    numbers: {
      inode: self.inode,
      size: BigInt(self.size),
      seconds: self.modified / 1_000_000_000n,
      nanoseconds: self.modified % 1_000_000_000n,
      pid: BigInt(init.pid),
      user: BigInt(effectiveUser()),
      group: BigInt(effectiveGroup()),
      ...limit,
    },
    statPath: `/proc/${init.pid}/stat`,
    startTime: identify(init.pid)?.startTime ?? "",
    key,
    questions: [
      [`F${answer}`, "yes\n"],
      [`L${link}`, "there"],
    ],
    program: readFileSync(machine.save(JOINER)),
  };
  writeFileSync(file, joinerFile(change(kept)) ?? "", { mode: 0o600 });
  const line = (words: readonly string[]) => [program, "--root", root, "exec", ...words];
  const call = (words: readonly string[] = WORDS, env: Readonly<Record<string, string>> = {}) =>
    Bun.spawnSync(line(words), { env }).exitCode;
  return { answer, link, box, file, call, line };
}

nativeContract("what was kept is executed, as often as it is asked for", (machine) => {
  const { call } = place(machine);
  expect([call(), call(), call(WORDS, { A: "b" })]).toEqual([EXECUTED, EXECUTED, EXECUTED]);
  expect(call(WORDS, { A: "b", HUTCH_CACHE: "off" })).toBe(LEFT_TO_BUN);
});

nativeContract("other words are left to Bun, also when they choose the same file", (machine) => {
  const { call } = place(machine);
  const others = Array.from({ length: 20 }, (_, index) => [...WORDS.slice(0, -1), `${index}`]);
  for (const words of [...others, WORDS.slice(0, -1), [...WORDS, ""], ["box", "sh"], ["box"]]) {
    expect([words, call(words)]).toEqual([words, LEFT_TO_BUN]);
  }
});

nativeContract("a process file is known by its content, wherever it is", (machine) => {
  const { box, call } = place(machine, undefined, keyOf(PROCESS_WORDS, PROCESS));
  const path = join(box, "process.json");
  const withContent = (content: string | Uint8Array, words = PROCESS_WORDS): number => {
    writeFileSync(path, content);
    return call(words.map((word) => (word === "FILE" ? path : word)));
  };
  expect(withContent(PROCESS)).toBe(EXECUTED);
  expect(withContent(PROCESS, ["--process", "FILE", "--pid-file=/q", "box"])).toBe(LEFT_TO_BUN);
  expect(withContent(PROCESS, ["-p", "FILE", "--pid-file=/p", "box"])).toBe(LEFT_TO_BUN);
  const others = ["", "{}", `${PROCESS} `, PROCESS.slice(0, -1), PROCESS.replace(`x"`, `y"`), `${PROCESS}\0`];
  for (const other of [...others, PROCESS.replace("x", "y"), "x".repeat(100_000)]) {
    expect([other.slice(0, 20), withContent(other)]).toEqual([other.slice(0, 20), LEFT_TO_BUN]);
  }
  expect(withContent(PROCESS)).toBe(EXECUTED);
  for (const other of [join(box, "nowhere"), box, "/dev/null", "/dev/stdin"]) {
    expect(call(PROCESS_WORDS.map((word) => (word === "FILE" ? other : word)))).toBe(LEFT_TO_BUN);
  }
});

const DETACHED_WORDS = ["-d", "--pid-file", "FILE", "box", "true"];
const GO = buffer("go", 8);
const record = (...values: readonly number[]) =>
  struct(
    "record",
    values.map((value, index) => [`value${index}`, 8, value] as const),
  );
const at = (which: (typeof JOINER_CONTROL)[number]): number => joinerDescriptor(0, which);

/** Stands for a joiner that is started beside, with its descriptors in order. */
const beside = (...steps: readonly Step[]): Plan => [
  ...JOINER_CONTROL.map((which) => call("see that it is open", "fcntl", [at(which), F_GETFD])),
  ...steps,
  exit(0, "end"),
];
const tellPid = call("tell the pid", "write", [at("pid"), record(4711), 8]);
const report = call("report", "write", [at("report"), record(12, 2), 16]);
const close = call("close the reports", "close", [at("report")]);
const waitForGo = call("wait", "read", [at("go"), GO, 1]);

/** Calls what is kept of these steps, with a pid file. */
function detached(machine: Machine, ...steps: readonly Step[]) {
  const program = readFileSync(machine.save(beside(...steps)));
  const { box, call, line } = place(machine, (kept) => ({ ...kept, program }), keyOf(DETACHED_WORDS));
  const words = (file: string) => DETACHED_WORDS.map((word) => (word === "FILE" ? file : word));
  const command = (file: string) => line(words(file));
  return { box, pidFile: join(box, "pid"), run: (file: string) => call(words(file)), command };
}

nativeContract("a detached command is let go when it runs, and its pid is written", (machine) => {
  const { box, pidFile, run } = detached(machine, tellPid, close, waitForGo);
  expect(run(pidFile)).toBe(0);
  expect(readFileSync(pidFile, "utf8")).toBe("4711");
  expect(run(box)).toBe(TOLD + FAILED.pidFile);
  expect(run(join(box, "no/pid"))).toBe(TOLD + FAILED.pidFile);
  expect(run("x".repeat(5000))).toBe(LEFT_TO_BUN);
});

nativeContract("what a detached command fails at is told, and no pid is written", (machine) => {
  const cases: readonly (readonly [kind: number, ...steps: Step[]])[] = [
    [FAILED.step, tellPid, report, close, waitForGo],
    [FAILED.step, report],
    [FAILED.ended, close],
    [FAILED.ended],
  ];
  for (const [kind, ...steps] of cases) {
    const { pidFile, run } = detached(machine, ...steps);
    expect(run(pidFile)).toBe(TOLD + kind);
    expect(existsSync(pidFile)).toBeFalse();
  }
});

/** Runs a command in the background, and kills it as soon as there is a directory. */
const KILLED = `"$@" & until [ -d "$0" ]; do sleep 0.01; done; kill -KILL $!; wait`;

nativeContract("a supervisor hears of it when hutch is killed before the command runs", (machine) => {
  const sign = join(temporaryDirectory("sign"), "begun");
  const begun = call("say that it has begun", "mkdirat", [AT_FDCWD, sign, 0o700]);
  const heard = call("say that it was let go by nobody", "write", [1, "heard", 5]);
  // The reports stay open, as they do until the command runs.
  const { pidFile, command } = detached(machine, tellPid, begun, waitForGo, heard);
  const script = ["sh", "-c", KILLED, sign, ...command(pidFile)];
  const { stdout } = Bun.spawnSync(script, { timeout: 20_000, env: { PATH: process.env["PATH"] } });
  expect(stdout.toString()).toBe("heard");
  expect(existsSync(pidFile)).toBeFalse();
});

nativeContract("a supervisor that has ended too early ends nobody by SIGPIPE", (machine) => {
  const { pidFile, run } = detached(machine, tellPid, close);
  // Whether it has ended by then is the kernel's to say.
  for (let tries = 0; tries < 20; tries += 1) expect([0, TOLD + FAILED.ended]).toContain(run(pidFile) ?? -1);
});

nativeContract("another hutch, caller or init is left to Bun", (machine) => {
  const numbers = ["inode", "size", "seconds", "nanoseconds", "user", "group", "soft", "hard"] as const;
  for (const name of numbers) {
    const other = (kept: KeptJoiner) => ({
      ...kept,
      numbers: { ...kept.numbers, [name]: kept.numbers[name] + 1n },
    });
    expect([name, place(machine, other).call()]).toEqual([name, LEFT_TO_BUN]);
  }
  for (const startTime of ["", "1", `${identify(init.pid)?.startTime}1`]) {
    expect(place(machine, (kept) => ({ ...kept, startTime })).call()).toBe(LEFT_TO_BUN);
  }
  const ended = Bun.spawnSync(["true"]).pid;
  const gone = (kept: KeptJoiner) => ({ ...kept, numbers: { ...kept.numbers, pid: BigInt(ended) } });
  expect(place(machine, gone).call()).toBe(LEFT_TO_BUN);
});

nativeContract("another answer is left to Bun", (machine) => {
  const { answer, link, call } = place(machine);
  for (const text of ["yes", "yes\n\n", "no\n", "", "x".repeat(9000)]) {
    writeFileSync(answer, text);
    expect(call()).toBe(LEFT_TO_BUN);
  }
  writeFileSync(answer, "yes\n");
  expect(call()).toBe(EXECUTED);
  unlinkSync(link);
  expect(call()).toBe(LEFT_TO_BUN);
  symlinkSync("elsewhere", link);
  expect(call()).toBe(LEFT_TO_BUN);
});

nativeContract("what others could have written, or is damaged, is left to Bun", (machine) => {
  const { box, file, call } = place(machine);
  for (const path of [box, file]) {
    const { mode } = fileStatus(path) ?? { mode: 0 };
    chmodSync(path, mode | 0o020);
    expect(call()).toBe(LEFT_TO_BUN);
    chmodSync(path, mode);
    expect(call()).toBe(EXECUTED);
  }
  const content = readFileSync(file);
  for (const damaged of [content.subarray(0, -1), content.subarray(1), content.subarray(0, 20), ""]) {
    writeFileSync(file, damaged);
    expect(call()).toBe(LEFT_TO_BUN);
  }
});
