/** The report, written by the compiled program, on both architectures. */
import { expect } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { call, set, slot, store } from "../../src/plan/build.ts";
import { openReport, type Reported, writeReport } from "../../src/plan/exit-report.ts";
import { noteArguments } from "../../src/plan/note-arguments.ts";
import type { Plan, Step } from "../../src/plan/step.ts";
import { timespec } from "../../src/plan/struct.ts";
import { ALARMS, EXIT_CODE, USAGE, WAIT_STATUS } from "../../src/plan/supervise.ts";
import { contract, nativeContract } from "../emit/machine.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const COUNTED: Reported = {
  oomKills: slot("oom kills"),
  cpuTime: slot("cpu time"),
  memoryLimit: slot("memory limit"),
  memoryPeak: slot("memory peak"),
  pidsPeak: slot("pids peak"),
  bytesRead: slot("bytes read"),
  bytesWritten: slot("bytes written"),
};

const report = (...between: readonly Step[]): Plan => [
  ...openReport(3, true),
  ...between,
  ...writeReport(COUNTED),
];
const all = (value: number): Step[] => Object.values(COUNTED).map((each) => set(each, value));
const SIGKILL = 9;

contract("what is known is written, as one line of JSON", (machine) => {
  const file = join(temporaryDirectory("report"), "report.json");
  writeFileSync(file, "what an earlier run has left, and is longer than the report will be".repeat(20));
  const steps = report(
    ...all(3),
    set(COUNTED.memoryPeak, 2 ** 40),
    set(EXIT_CODE, 137),
    set(WAIT_STATUS, SIGKILL),
    call("take some time", "nanosleep", [timespec(0, 20_000_000), 0]),
  );
  expect(machine.run(steps, undefined, { args: ["name", ...noteArguments({ report: file })] }).code).toBe(0);
  const text = readFileSync(file, "utf8");
  expect(text.split("\n")).toHaveLength(2);
  const { wallNs, ...rest } = JSON.parse(text);
  expect(rest).toEqual({
    code: 137,
    signal: 9,
    oom: true,
    timeout: false,
    cpuNs: 3,
    memoryLimit: 3,
    memoryPeak: 2 ** 40,
    pidsPeak: 3,
    bytesRead: 3,
    bytesWritten: 3,
  });
  expect(wallNs).toBeGreaterThan(20_000_000);
  expect(wallNs).toBeLessThan(5_000_000_000);
});

contract("what is not known is null; the time of the processor is then that of the child", (machine) => {
  const file = join(temporaryDirectory("report"), "report.json");
  const steps = report(
    ...all(-1),
    set(ALARMS, 1),
    ...[1, 20, 2, 500_000].map((value, index) => store(USAGE, index * 8, 8, value)),
  );
  machine.run(steps, undefined, { args: ["name", file] });
  expect(JSON.parse(readFileSync(file, "utf8"))).toEqual({
    code: 0,
    signal: null,
    oom: null,
    timeout: true,
    wallNs: expect.any(Number),
    cpuNs: 3_500_020_000,
    memoryLimit: null,
    memoryPeak: null,
    pidsPeak: null,
    bytesRead: null,
    bytesWritten: null,
  });
});

contract(
  "a file that cannot be written is told before anything is done, and without one nothing is",
  (machine) => {
    const { code, stderr } = machine.run(report(), undefined, { args: ["name", "/nowhere/report.json"] });
    expect({ code, stderr }).toEqual({
      code: 125,
      stderr:
        "hutch: open the report /nowhere/report.json: openat: ENOENT (no such file or directory); hint: the report's directory does not exist\n",
    });
    expect(machine.run(report(), undefined, { args: ["name"] })).toMatchObject({ code: 0, stderr: "" });
  },
);

contract("a file that the plan names needs no argument", (machine) => {
  const file = join(temporaryDirectory("report"), "report.json");
  const steps = [...openReport(3, file), ...all(1), ...writeReport(COUNTED)];
  expect(machine.run(steps, undefined, { args: ["name", "/nowhere"] })).toMatchObject({
    code: 0,
    stderr: "",
  });
  expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({ oom: true, pidsPeak: 1 });
});

nativeContract("the file is all that stays open of what was inherited", (machine) => {
  const file = join(temporaryDirectory("report"), "report.json");
  const path = machine.save(report(call("wait", "nanosleep", [timespec(60, 0), 0])));
  const expected = "0 1 11 2 ";
  const script = `exec 3</dev/null 7</dev/null; "$0" name ${file} & i=0; open=
    until [ "$open" = "${expected}" ] || [ $i = 200 ]; do
      i=$((i + 1)); sleep 0.05; open=$(ls /proc/$!/fd | tr '\\n' ' '); done
    kill -9 $!; echo "$open"`;
  const { stdout } = Bun.spawnSync(["sh", "-c", script, path]);
  expect(stdout.toString()).toBe(`${expected}\n`);
});
