/** Limits as both versions take them: a text for a file of the cgroup's directory. */
import { O_CLOEXEC, O_WRONLY } from "../linux/fcntl.ts";
import { bytes, call, jump, label, slot, strings } from "../plan/build.ts";
import type { Call, Step } from "../plan/step.ts";
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

/** From so many lines on a loop is smaller. */
const WORTH_A_LOOP = 4;
const ASCII = /^[ -~]*$/;

/** The lines from `index` on that go to one file and have one length. */
function alikeFrom(list: readonly Setting[], index: number): Setting[] {
  const first = list[index];
  const rest = list.slice(index);
  const end = rest.findIndex(
    ({ text }, place) => place > 0 && (text.length !== first?.text.length || !ASCII.test(text + first.text)),
  );
  return rest.slice(0, end < 0 ? rest.length : end);
}

const LINE = slot("cgroup line");

/** Writes lines of one length one after the other to the open file; `tag` is unique within the plan. */
function writeAll(tag: string, lines: readonly Setting[], hints: Call["hints"]): Step[] {
  const [{ controller, file, text } = { controller: "", file: "", text: "" }] = lines;
  const special = hints === undefined ? { subject: LINE } : { hints, subject: LINE };
  const from = strings(lines.map((line) => line.text));
  return [
    label(tag),
    { kind: "next", into: LINE, from, done: `${tag} written` },
    call(`limit ${controller}: write to ${file} of the cgroup`, "write", [FILE, LINE, text.length], special),
    jump(tag),
    label(`${tag} written`),
  ];
}

/** Writes every line of a group to the open file. */
function writeLines(
  tag: string,
  group: readonly Setting[],
  special: Pick<Call, "hints" | "subject">,
  why: (setting: Setting) => string,
): Step[] {
  const steps: Step[] = [];
  for (let index = 0; index < group.length; ) {
    const alike = alikeFrom(group, index);
    const [setting] = alike;
    if (setting === undefined) break;
    if (alike.length >= WORTH_A_LOOP) steps.push(...writeAll(`${tag} ${index}`, alike, special.hints));
    for (const each of alike.length >= WORTH_A_LOOP ? [] : alike) {
      const data = new TextEncoder().encode(each.text);
      const text = bytes(data, JSON.stringify(each.text));
      steps.push(call(why(each), "write", [FILE, text, data.length], special));
    }
    index += alike.length;
  }
  return steps;
}

/** Opens, writes and closes; where the file is not there and `missing` is given, goes on at that label. */
function writeGroup(
  directory: Directory,
  tag: string,
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
    ...writeLines(tag, group, special, why),
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
    const name = `cgroup ${directory.self.name} ${group[0]?.file} ${index}`;
    if (group.every(({ otherwise }) => otherwise === undefined)) {
      steps.push(...writeGroup(directory, name, group, absent));
      continue;
    }
    const others = otherLines(group);
    steps.push(
      ...writeGroup(directory, name, group, absent, `${name} missing`),
      ...(others.length === 0 ? [] : [jump(`${name} done`)]),
      label(`${name} missing`),
      ...writeGroup(directory, `${name} otherwise`, others, absent),
      ...(others.length === 0 ? [] : [label(`${name} done`)]),
    );
  }
  return steps;
}
