/** `delete` by the compiled entry program, with plain directories for cgroups, on both architectures. */
import { expect } from "bun:test";
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { exit, label } from "../../src/plan/build.ts";
import { deleteContainer } from "../../src/plan/entry-delete.ts";
import { openContainer, openRoot, readSummary } from "../../src/plan/entry-place.ts";
import { BUN, ID, ROOT_OPTION } from "../../src/plan/entry-words.ts";
import type { Plan } from "../../src/plan/step.ts";
import { START, SUMMARY, summaryOf } from "../../src/plan/summary.ts";
import { contract, type Machine } from "../emit/machine.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const LEFT_TO_BUN = 7;

const plan = ({ arch }: Machine): Plan => [
  { kind: "given", into: ID, what: 1 },
  { kind: "given", into: ROOT_OPTION, what: 2 },
  ...openRoot(arch),
  openContainer(arch),
  ...readSummary(),
  ...deleteContainer(arch),
  label(BUN),
  exit(LEFT_TO_BUN, "not deleted"),
];

interface Made {
  readonly root: string;
  readonly directory: string;
  readonly cgroups: readonly string[];
}

/** A container with two cgroups, one of which is gone already. */
function place(pid: number): Made {
  const above = temporaryDirectory("delete");
  const [root, cgroup] = [join(above, "root"), join(above, "cgroup")];
  const directory = join(root, "box");
  mkdirSync(directory, { recursive: true });
  mkdirSync(cgroup);
  const cgroups = [join(above, "gone"), cgroup];
  writeFileSync(join(directory, SUMMARY), summaryOf(pid, cgroups) ?? "");
  writeFileSync(join(directory, "record.json"), "{}");
  return { root, directory, cgroups };
}

const remove = (machine: Machine, { root }: Made): number | null =>
  machine.run(plan(machine), undefined, { args: ["box", root] }).code;

/** The pid of a process that has ended. */
const ended = (): number => Bun.spawnSync(["true"]).pid;

contract("what has ended is removed with its cgroups, however many files there are", (machine) => {
  const made = place(ended());
  for (let index = 0; index < 300; index += 1) writeFileSync(join(made.directory, `file-${index}`), "");
  expect(remove(machine, made)).toBe(0);
  expect(readdirSync(made.root)).toEqual([]);
  expect(made.cgroups.filter((path) => existsSync(path))).toEqual([]);
});

contract("while its init lives, or another has its number, nothing is removed", (machine) => {
  const made = place(process.pid);
  expect(remove(machine, made)).toBe(LEFT_TO_BUN);
  expect(readdirSync(made.directory).sort()).toEqual(["record.json", SUMMARY]);
  expect(existsSync(made.cgroups[1] ?? "")).toBeTrue();
});

contract("what was not started may still be in the making: nothing is removed", (machine) => {
  const made = place(ended());
  const socket = join(made.directory, START);
  writeFileSync(socket, "");
  expect(remove(machine, made)).toBe(LEFT_TO_BUN);
  expect(existsSync(made.cgroups[1] ?? "")).toBeTrue();
  rmSync(socket);
  expect(remove(machine, made)).toBe(0);
  expect(existsSync(made.directory)).toBeFalse();
});

contract("a cgroup that is not empty stays, with the container's record", (machine) => {
  const made = place(ended());
  mkdirSync(join(made.cgroups[1] ?? "", "below"));
  expect(remove(machine, made)).toBe(LEFT_TO_BUN);
  expect(readdirSync(made.directory).sort()).toEqual(["record.json", SUMMARY]);
});
