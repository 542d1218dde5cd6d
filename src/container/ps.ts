/**
 * The table of a container's processes: what `ps -ef` shows, from /proc alone; or chosen from the output of
 * ps.
 */
import { readTextIfExists } from "../host/fd.ts";
import { HutchError } from "../linux/error.ts";
import { type ProcessStat, readVolatile } from "./process.ts";

/** Clock ticks a second in what the kernel tells (USER_HZ), the same on every machine that hutch runs on. */
const TICKS = 100;
const DAY_MS = 86_400_000;

/** One line of the table, as text. */
type Row = readonly string[];

const TITLES: Row = ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"];
const WIDTHS = [-8, 7, 7, 2, 5, -8, 8, 0] as const;

/** A column of a negative width starts at the left. */
function cell(text: string, width: number): string {
  if (width === 0) return text;
  return width < 0 ? text.padEnd(-width) : text.padStart(width);
}

const line = (row: Row): string =>
  `${row.map((text, column) => cell(text, WIDTHS[column] ?? 0)).join(" ")}\n`;

/** The names of users in a passwd(5) file, by number. */
export function userNames(passwd: string): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const entry of passwd.split("\n")) {
    const [name, , uid] = entry.split(":");
    if (name !== undefined && uid !== undefined && !names.has(uid)) names.set(uid, name);
  }
  return names;
}

/** A name that does not fit its column would be taken for another: then the number. */
const userColumn = (uid: string, names: ReadonlyMap<string, string>): string => {
  const name = names.get(uid);
  return name === undefined || name.length > -WIDTHS[0] ? uid : name;
};

const two = (value: number): string => `${Math.floor(value)}`.padStart(2, "0");

/** Processor time as HH:MM:SS. */
export function timeColumn(ticks: number): string {
  const seconds = ticks / TICKS;
  return `${two(seconds / 3600)}:${two((seconds / 60) % 60)}:${two(seconds % 60)}`;
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"] as const;

/** When it was started: the time of a recent day, else the day. */
export function startColumn(started: Date, now: Date): string {
  return now.getTime() - started.getTime() < DAY_MS
    ? `${two(started.getHours())}:${two(started.getMinutes())}`
    : `${MONTHS[started.getMonth()]}${two(started.getDate())}`;
}

/** Names of terminals by the device's major number (Documentation/admin-guide/devices.txt). */
export function terminalColumn(device: number): string {
  const major = (device >> 8) & 0xfff;
  const minor = (device & 0xff) | ((device >> 12) & 0xfff00);
  if (major >= 136 && major <= 143) return `pts/${(major - 136) * 256 + minor}`;
  if (major === 4) return minor < 64 ? `tty${minor}` : `ttyS${minor - 64}`;
  return device === 0 ? "?" : `${major}:${minor}`;
}

/**
 * The words of the command; whatever would move the caller's terminal, or end the line, is a question
 * mark.
 */
export function commandColumn(cmdline: string, name: string): string {
  const text = cmdline === "" ? `[${name}]` : cmdline.replace(/\0+$/, "").replaceAll("\0", " ");
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, "?");
}

/** What the table needs of the machine. */
interface Machine {
  readonly now: Date;
  /** Milliseconds since 1970. */
  readonly boot: number;
  readonly names: ReadonlyMap<string, string>;
}

function gather(): Machine {
  const boot = /^btime (\d+)$/m.exec(readTextIfExists("/proc/stat") ?? "")?.[1];
  return {
    now: new Date(),
    boot: Number(boot ?? 0) * 1000,
    names: userNames(readTextIfExists("/etc/passwd") ?? ""),
  };
}

function row(process: ProcessStat, { now, boot, names }: Machine): Row | undefined {
  const { pid, parent, ticks, terminal, name } = process;
  const status = readVolatile(`/proc/${pid}/status`);
  const cmdline = readVolatile(`/proc/${pid}/cmdline`);
  // It has ended.
  if (status === undefined || cmdline === undefined) return undefined;
  const uid = /^Uid:\s+\d+\s+(\d+)/m.exec(status)?.[1] ?? "?";
  const started = new Date(boot + (Number(process.startTime) / TICKS) * 1000);
  const lived = Math.max(1, (now.getTime() - started.getTime()) / 1000);
  const share = Math.min(99, Math.floor(((ticks / TICKS) * 100) / lived));
  return [
    userColumn(uid, names),
    `${pid}`,
    `${parent}`,
    `${share}`,
    startColumn(started, now),
    terminalColumn(terminal),
    timeColumn(ticks),
    commandColumn(cmdline, name),
  ];
}

/** The table of these processes. */
export function table(processes: readonly ProcessStat[]): string {
  const machine = gather();
  const rows = processes.flatMap((process) => {
    const found = row(process, machine);
    return found === undefined ? [] : [found];
  });
  return [TITLES, ...rows].map(line).join("");
}

/**
 * Of what ps has written, the title and the lines of these processes. Throws HutchError when there is no
 * column
 * PID.
 */
export function choose(text: string, pids: ReadonlySet<number>): string {
  const [title = "", ...lines] = text.split("\n");
  const column = title.trim().split(/\s+/).indexOf("PID");
  if (column < 0) {
    throw new HutchError({
      operation: "ps",
      reason: "couldn't find PID field in ps output",
      hint: "ask for it: hutch ps ID -o pid,args",
    });
  }
  const isOurs = (each: string): boolean => pids.has(Number(each.trim().split(/\s+/)[column]));
  return [title, ...lines.filter(isOurs)].map((each) => `${each}\n`).join("");
}

/** Runs the ps of this machine, and takes the container's processes of it. */
export function chooseFromPs(args: readonly string[], pids: ReadonlySet<number>): string {
  const program = Bun.which("ps");
  if (program === null) {
    throw new HutchError({
      operation: `run ps ${args.join(" ")}`,
      errno: "ENOENT",
      hint: "without arguments hutch ps needs no ps",
    });
  }
  const { stdout, stderr, exitCode } = Bun.spawnSync([program, ...args], { stdin: "ignore" });
  if (exitCode !== 0) {
    throw new HutchError({
      operation: `run ps ${args.join(" ")}`,
      reason: `exit code ${exitCode}: ${stderr.toString().trim()}`,
    });
  }
  return choose(stdout.toString(), pids);
}
