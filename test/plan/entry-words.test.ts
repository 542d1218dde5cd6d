/** Which command lines the entry program takes, on both architectures. */
import { expect } from "bun:test";
import { branch, call, exit, label } from "../../src/plan/build.ts";
import { readExecWords } from "../../src/plan/entry-exec-words.ts";
import { BUN, COMMAND, checkId, FORCE, ID, ROOT_OPTION, readWords } from "../../src/plan/entry-words.ts";
import type { Plan } from "../../src/plan/step.ts";
import { contract, type Machine, show, shown } from "../emit/machine.ts";

const LEFT_TO_BUN = 7;

/** Shows what was understood: the command, --force, whether there is a root, the id, and the root. */
const PLAN: Plan = [
  ...readWords(),
  ...readExecWords(),
  ...checkId(),
  show(COMMAND, FORCE, ROOT_OPTION),
  call("show the id", "write", [1, ID, 4]),
  branch(ROOT_OPTION, "eq", 0, "end"),
  call("show the root", "write", [1, ROOT_OPTION, 4]),
  label("end"),
  exit(0, "understood"),
  label(BUN),
  exit(LEFT_TO_BUN, "not understood"),
];

function understood({ run }: Machine, line: readonly string[]): string {
  const outcome = run(PLAN, undefined, { args: line, env: {} });
  if (outcome.code === LEFT_TO_BUN) return "Bun";
  const [command, force, root] = shown({ ...outcome, stdout: outcome.stdout.subarray(0, 24) });
  const texts = outcome.stdout.subarray(24).toString("latin1");
  const options = `${force === 1n ? " --force" : ""}${root === 0n ? "" : ` in ${texts.slice(4, 8)}`}`;
  const names = ["", "start", "delete", "exec"];
  return `${names[Number(command)]}${options} ${texts.slice(0, 4)}`;
}

contract("the lines of conmon, podman, containerd and people are understood", (machine) => {
  const lines = [
    "start box1",
    "delete box1",
    "delete --force box1",
    "delete -f box1",
    "--root /run --log /l.json --log-format json start box1",
    "--root=/run --log=/l.json --log-format=json delete --force box1",
    "--debug --log-format text --root /one --root /two start box1",
    "--root /run exec box1 sh -c true",
    "exec box1 --help",
    "--systemd-cgroup exec -t box1 sh",
    "exec --process /p --detach --pid-file /f box1",
  ];
  expect(lines.map((line) => understood(machine, line.split(" ")))).toEqual([
    "start box1",
    "delete box1",
    "delete --force box1",
    "delete --force box1",
    "start in /run box1",
    "delete --force in /run box1",
    "start in /two box1",
    "exec in /run box1",
    "exec box1",
    "exec box1",
    "exec box1",
  ]);
});

contract("everything else is left to Bun", (machine) => {
  const lines = [
    [],
    ["start"],
    ["delete"],
    ["delete", "--force"],
    ["starts", "box1"],
    ["start", "--help"],
    ["start", "-h"],
    ["start", "box1", "more"],
    ["start", "--force", "box1"],
    ["start", ".."],
    ["start", "a/../b"],
    ["start", ""],
    ["delete", "--force", "--force", "box1"],
    ["delete", "box1", "--force"],
    ["delete", "--force=true", "box1"],
    ["--systemd-cgroup", "start", "box1"],
    ["--debug=true", "start", "box1"],
    ["--root"],
    ["--root", "start"],
    ["--root", "", "start", "box1"],
    ["--root=", "start", "box1"],
    ["--root", "/run/ü", "start", "box1"],
    ["--log", "", "start", "box1"],
    ["--log=/ü", "start", "box1"],
    ["--log-format", "xml", "start", "box1"],
    ["--log-format=", "start", "box1"],
    ["-root", "/run", "start", "box1"],
    ["exec"],
    ["exec", "box1"],
    ["exec", "-t", "box1"],
    ["exec", "-t"],
    ["exec", "--help"],
    ["exec", "--detach", "..", "sh"],
    ["exec", "--", "box1", "sh"],
    ["--debug", "exec", "box1", "sh"],
    ["state", "box1"],
    ["create", "--bundle", ".", "box1"],
    ["--version"],
  ];
  const taken = lines.filter((line) => understood(machine, line) !== "Bun");
  expect(taken).toEqual([]);
});
