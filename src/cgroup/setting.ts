/** Limits as both versions take them: a text for a file of the cgroup's directory. */
import { O_CLOEXEC, O_WRONLY } from "../linux/fcntl.ts";
import { bytes, call, jump, label, slot } from "../plan/build.ts";
import type { Step } from "../plan/step.ts";
import { type Directory, subjectOf } from "./directory.ts";

/** What is written to a file. */
export interface Line {
  /** In the directory of the cgroup. */
  readonly file: string;
  readonly text: string;
}

export interface Setting extends Line {
  readonly controller: string;
  /**
   * What is written where this kernel has no such file: another one, or nothing, because the kernel without
   * the file does what the text asks for. Absent: then the limit cannot be kept.
   */
  readonly otherwise?: Line | "nothing";
  /** A new cgroup has this already; to write it is for an update. */
  readonly isDefault?: true;
}

const FILE = slot("cgroup file");

export const WRITE_HINTS = {
  EINVAL: "the kernel does not take this value here; a parent cgroup may allow less",
  ERANGE: "the value is out of the kernel's range",
  EBUSY: "the cgroup uses more than that already",
  EACCES: "the cgroup does not belong to this user",
  EPERM: "a parent cgroup does not allow it, or this user may not decide it",
  EROFS: "the cgroup file system is mounted read-only",
  ENODEV: "there is no such device",
  EOPNOTSUPP:
    "the device's scheduler knows no weights (echo bfq > /sys/block/…/queue/scheduler), or the kernel no such limit",
} as const;

/** Neighbours of one file, which share its descriptor. */
function groups(list: readonly Setting[]): Setting[][] {
  const found: Setting[][] = [];
  for (const setting of list) {
    const last = found.at(-1);
    if (last?.[0]?.file === setting.file) last.push(setting);
    else found.push([setting]);
  }
  return found;
}

/** The lines of a group for the file that stands in for theirs. */
const otherLines = (group: readonly Setting[]): Setting[] =>
  group.flatMap(({ controller, otherwise }) =>
    otherwise === undefined || otherwise === "nothing" ? [] : [{ controller, ...otherwise }],
  );

/** Opens, writes and closes; where the file is not there and `missing` is given, goes on at that label. */
function writeGroup(
  directory: Directory,
  group: readonly Setting[],
  absent: (setting: Setting) => string,
  missing?: string,
): Step[] {
  const [first] = group;
  if (first === undefined) return [];
  const special = { hints: { ...WRITE_HINTS, ENOENT: absent(first) }, ...subjectOf(directory) };
  const why = ({ controller, file, text }: Setting): string =>
    `limit ${controller}: write ${text} to ${file} of the cgroup ${directory.text}`;
  const flags = O_WRONLY | O_CLOEXEC;
  return [
    call(why(first), "openat", [directory.self, first.file, flags, 0], {
      into: FILE,
      ...special,
      ...(missing === undefined ? {} : { errors: { ENOENT: { to: missing } } }),
    }),
    ...group.map((setting) => {
      const data = new TextEncoder().encode(setting.text);
      return call(
        why(setting),
        "write",
        [FILE, bytes(data, JSON.stringify(setting.text)), data.length],
        special,
      );
    }),
    call(`close ${first.file}`, "close", [FILE]),
  ];
}

/** Writes the settings of one directory; `absent` is the hint for a file that is not there. */
export function writeSettings(
  directory: Directory,
  list: readonly Setting[],
  absent: (setting: Setting) => string,
): Step[] {
  const steps: Step[] = [];
  for (const [index, group] of groups(list).entries()) {
    if (group.every(({ otherwise }) => otherwise === undefined)) {
      steps.push(...writeGroup(directory, group, absent));
      continue;
    }
    const name = `cgroup ${directory.self.name} ${group[0]?.file} ${index}`;
    const others = otherLines(group);
    steps.push(
      ...writeGroup(directory, group, absent, `${name} missing`),
      ...(others.length === 0 ? [] : [jump(`${name} done`)]),
      label(`${name} missing`),
      ...writeGroup(directory, others, absent),
      ...(others.length === 0 ? [] : [label(`${name} done`)]),
    );
  }
  return steps;
}
