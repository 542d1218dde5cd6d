/** The processes of this machine, as /proc tells of them (proc_pid_stat(5)). */
import { readTextIfExists } from "../host/fd.ts";
import { listDirectory } from "../host/path.ts";
import { HutchError } from "../linux/error.ts";

export interface ProcessStat {
  readonly pid: number;
  /** What the program calls itself, at most 15 bytes: anything may stand in it. */
  readonly name: string;
  /** One letter; Z and X have ended. */
  readonly state: string;
  readonly parent: number;
  /** The controlling terminal's device number as the kernel packs it; 0 for none. */
  readonly terminal: number;
  /** Clock ticks of the processor, in user and kernel mode together. */
  readonly ticks: number;
  /** Clock ticks after boot. */
  readonly startTime: string;
}

/** A process that ends, or a cgroup that is removed, between the open and the read. */
const GONE = ["ENOENT", "ESRCH", "ENODEV"];
/** And what is there, but not for the caller; a threaded cgroup does not tell its processes. */
const CLOSED = ["EACCES", "EPERM", "EOPNOTSUPP"];

/** What `look` gives, or undefined when what it looks at is gone or closed to the caller. */
export function unlessGone<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    const errno = error instanceof HutchError ? error.errno : undefined;
    if (errno !== undefined && (GONE.includes(errno) || CLOSED.includes(errno))) return undefined;
    throw error;
  }
}

/** The text of a file that may vanish at any time. */
export const readVolatile = (path: string): string | undefined => unlessGone(() => readTextIfExists(path));

/** Where the fields stand that follow the name, which is the second of proc_pid_stat(5). */
const FIELD = { state: 0, ppid: 1, tty_nr: 4, utime: 11, stime: 12, starttime: 19 } as const;

/** Reads a line of /proc/PID/stat; the name is in parentheses, and may hold spaces and parentheses itself. */
export function parseStat(text: string): ProcessStat | undefined {
  const [open, close] = [text.indexOf("("), text.lastIndexOf(")")];
  const fields = text.slice(close + 2).split(" ");
  const startTime = fields[FIELD.starttime];
  if (open < 0 || close < 0 || startTime === undefined) return undefined;
  return {
    pid: Number(text.slice(0, open)),
    name: text.slice(open + 1, close),
    state: fields[FIELD.state] ?? "",
    parent: Number(fields[FIELD.ppid]),
    terminal: Number(fields[FIELD.tty_nr]),
    ticks: Number(fields[FIELD.utime]) + Number(fields[FIELD.stime]),
    startTime,
  };
}

/** What the kernel says of a process; undefined when there is none. */
export function statOf(pid: number): ProcessStat | undefined {
  const text = readVolatile(`/proc/${pid}/stat`);
  return text === undefined ? undefined : parseStat(text);
}

/** The number of every process that the caller can see. */
export const allPids = (): number[] =>
  listDirectory("/proc")
    .map(({ name }) => Number(name))
    .filter((pid) => Number.isInteger(pid) && pid > 0);
