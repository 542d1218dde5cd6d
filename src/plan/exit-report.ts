/**
 * --report FILE: what became of the container, as one line of JSON. The file is opened before anything is
 * made, and written when all is over, by one call. It is empty until then, also when the launcher was killed.
 */
import {
  AT_FDCWD,
  F_DUPFD_CLOEXEC,
  LAST_DESCRIPTOR,
  O_CLOEXEC,
  O_CREAT,
  O_TRUNC,
  O_WRONLY,
} from "../linux/fcntl.ts";
import { CLOCK_MONOTONIC } from "../linux/time.ts";
import { branch, buffer, call, compute, jump, label, load, set, slot, strings } from "./build.ts";
import { timesPowerOfTen } from "./count.ts";
import { type Part, part, putNumber, putWord, writeLine } from "./line.ts";
import { FIRST_ARGUMENT, PATHS } from "./note-arguments.ts";
import type { Slot, Step } from "./step.ts";
import { ALARMS, EXIT_CODE, USAGE, WAIT_STATUS } from "./supervise.ts";

const PATH = slot("path of report");
const REPORT = slot("report");
const START = slot("started");

const HINTS = {
  ENOENT: "the report's directory does not exist",
  EACCES: "this user may not write there",
  EISDIR: "the report is a file",
} as const;

/** The time since boot in nanoseconds. */
function now(into: Slot, name: string): Step[] {
  const time = buffer("time", 16);
  const rest = slot("nanoseconds of a second");
  return [
    call("read the clock", "clock_gettime", [CLOCK_MONOTONIC, time]),
    load(into, time, 0, 8),
    ...timesPowerOfTen(into, 9, name),
    load(rest, time, 8, 8),
    compute(into, into, "add", rest),
  ];
}

/**
 * Opens the file, and closes every descriptor from `kept` on but its own, which lies above all that have fixed
 * numbers.
 */
export function openReport(kept: number, file: true | string): Step[] {
  const opened = slot("report opened");
  const beside = slot("beside the report");
  const why = "open the report";
  const close = "close what was inherited";
  return [
    file === true
      ? { kind: "given", into: PATH, what: FIRST_ARGUMENT + PATHS.indexOf("report") }
      : { kind: "next", into: PATH, from: strings([file]), done: "no report" },
    branch(PATH, "eq", 0, "no report"),
    call(why, "openat", [AT_FDCWD, PATH, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644], {
      into: opened,
      subject: PATH,
      hints: HINTS,
    }),
    call(why, "fcntl", [opened, F_DUPFD_CLOEXEC, kept + 8], { into: REPORT, subject: PATH }),
    compute(beside, REPORT, "sub", 1),
    call(close, "close_range", [kept, beside, 0]),
    compute(beside, REPORT, "add", 1),
    call(close, "close_range", [beside, LAST_DESCRIPTOR, 0]),
    ...now(START, "start of the report"),
    jump("report is open"),
    label("no report"),
    call(close, "close_range", [kept, LAST_DESCRIPTOR, 0]),
    label("report is open"),
  ];
}

/** Seconds and microseconds of the processor, in user and in kernel mode, as nanoseconds (getrusage(2)). */
function usedTime(into: Slot): Step[] {
  const micros = slot("microseconds");
  const add = (offset: number): Step[] => [
    load(micros, USAGE, offset, 8),
    compute(into, into, "add", micros),
  ];
  return [
    set(into, 0),
    ...add(0),
    ...add(16),
    ...timesPowerOfTen(into, 6, "seconds of the processor"),
    ...add(8),
    ...add(24),
    ...timesPowerOfTen(into, 3, "time of the processor"),
  ];
}

export interface Reported {
  readonly oomKills: Slot;
  readonly cpuTime: Slot;
  readonly memoryLimit: Slot;
  readonly memoryPeak: Slot;
  readonly pidsPeak: Slot;
  readonly bytesRead: Slot;
  readonly bytesWritten: Slot;
}

const unless = (slotIs: Step, then: readonly Step[], name: string): Step[] => [slotIs, ...then, label(name)];

/** null for what is not known. */
function number(name: string, value: Slot): { readonly part: Part; readonly steps: Step[] } {
  const place = part(`${name} of the report`);
  const end = `${name} of the report`;
  return {
    part: place,
    steps: [
      ...putWord(place, "null"),
      ...unless(branch(value, "lt", 0, end), [putNumber(place, value)], end),
    ],
  };
}

/** true when there was one, false when there was none, null when that is not known. */
function truth(name: string, value: Slot): { readonly part: Part; readonly steps: Step[] } {
  const place = part(`${name} of the report`);
  const end = `${name} of the report`;
  return {
    part: place,
    steps: [
      ...putWord(place, "null"),
      branch(value, "lt", 0, end),
      ...putWord(place, "false"),
      branch(value, "eq", 0, end),
      ...putWord(place, "true"),
      label(end),
    ],
  };
}

/** Writes it; the counts are those of the cgroup, less than 0 where there are none. */
export function writeReport(counted: Reported): Step[] {
  const [wall, cpu, signal] = [slot("wall time"), slot("processor time"), slot("signal of the end")];
  const members = {
    code: number("code", EXIT_CODE),
    signal: number("signal", signal),
    oom: truth("oom", counted.oomKills),
    timeout: truth("timeout", ALARMS),
    wallNs: number("wall time", wall),
    cpuNs: number("processor time", cpu),
    memoryLimit: number("memory limit", counted.memoryLimit),
    memoryPeak: number("memory peak", counted.memoryPeak),
    pidsPeak: number("pids peak", counted.pidsPeak),
    bytesRead: number("bytes read", counted.bytesRead),
    bytesWritten: number("bytes written", counted.bytesWritten),
  };
  const all = Object.entries(members);
  return [
    branch(REPORT, "eq", 0, "reported"),
    ...now(wall, "end of the report"),
    compute(wall, wall, "sub", START),
    set(cpu, counted.cpuTime),
    // Without a cgroup: what init has used, and those that it has waited for.
    ...unless(branch(cpu, "ge", 0, "time is counted"), usedTime(cpu), "time is counted"),
    compute(signal, WAIT_STATUS, "and", 0x7f),
    ...unless(branch(signal, "ne", 0, "ended by a signal"), [set(signal, -1)], "ended by a signal"),
    ...all.flatMap(([, { steps }]) => steps),
    writeLine(
      "write the report",
      REPORT,
      [...all.flatMap(([name, each], index) => [`${index === 0 ? "{" : ","}"${name}":`, each.part]), "}\n"],
      { errors: { EINTR: "retry" } },
    ),
    label("reported"),
  ];
}
