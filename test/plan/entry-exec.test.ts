/** `exec` by the compiled entry program: when it executes what was kept, and when it does not. */
import { afterAll, beforeAll, expect } from "bun:test";
import { chmodSync, mkdirSync, readFileSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { identify } from "../../src/container/identity.ts";
import { ownNofile } from "../../src/host/exec.ts";
import { effectiveGroup, effectiveUser } from "../../src/host/facts.ts";
import { fileStatus } from "../../src/host/path.ts";
import { F_GETFD } from "../../src/linux/fcntl.ts";
import { call, exit, label, slot } from "../../src/plan/build.ts";
import { execKept } from "../../src/plan/entry-exec.ts";
import { forgetDescriptors, openContainer, openRoot } from "../../src/plan/entry-place.ts";
import { BUN, readWords } from "../../src/plan/entry-words.ts";
import { HIGH } from "../../src/plan/joiner-control.ts";
import { joinerFile, joinerName, type KeptJoiner } from "../../src/plan/kept-joiner.ts";
import type { Plan } from "../../src/plan/step.ts";
import { ifText } from "../../src/plan/text.ts";
import { type Machine, nativeContract } from "../emit/machine.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const LEFT_TO_BUN = 7;
const EXECUTED = 9;

const plan = ({ arch }: Machine): Plan => [
  ...forgetDescriptors(),
  ...readWords(),
  ...openRoot(arch),
  openContainer(arch),
  ...execKept(),
  label(BUN),
  exit(LEFT_TO_BUN, "not executed"),
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

let init: Bun.Subprocess;
beforeAll(() => {
  init = Bun.spawn(["sleep", "1000"]);
});
afterAll(async () => {
  init.kill("SIGKILL");
  await init.exited;
});

/** A root directory with one kept joiner, the entry program, and a file and a link that are asked for. */
function place(machine: Machine, change: (kept: KeptJoiner) => KeptJoiner = (kept) => kept) {
  const directory = temporaryDirectory("kept");
  const [answer, link, root] = [join(directory, "answer"), join(directory, "link"), join(directory, "root")];
  writeFileSync(answer, "yes\n");
  symlinkSync("there", link);
  const program = machine.save(plan(machine));
  const [self, limit] = [fileStatus(program), ownNofile()];
  if (self === undefined || limit === undefined) throw new Error("no status, or no limit");
  const box = join(root, "box");
  mkdirSync(box, { recursive: true, mode: 0o700 });
  const file = join(box, joinerName(WORDS));
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
    words: WORDS,
    questions: [
      [`F${answer}`, "yes\n"],
      [`L${link}`, "there"],
    ],
    program: readFileSync(machine.save(JOINER)),
  };
  writeFileSync(file, joinerFile(change(kept)) ?? "", { mode: 0o600 });
  const call = (words: readonly string[] = WORDS, env: Readonly<Record<string, string>> = {}) =>
    Bun.spawnSync([program, "--root", root, "exec", ...words], { env }).exitCode;
  return { answer, link, box, file, call };
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
