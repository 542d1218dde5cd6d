/** /proc/PID/mountinfo, as proc_pid_mountinfo(5) describes it. */
import { unescapeOctal } from "../linux/octal.ts";

/** One mount. */
export interface Mount {
  readonly id: number;
  /** The id of the mount this one is on; a root mount names itself or one that cannot be seen. */
  readonly parent: number;
  readonly major: number;
  readonly minor: number;
  /** The directory of the file system that is mounted. */
  readonly root: string;
  readonly mountPoint: string;
  /** Of this mount: rw, nosuid, relatime … */
  readonly options: readonly string[];
  /** Its peer group, when it is shared. */
  readonly shared: number | undefined;
  /** The peer group it receives from, when it is a slave. */
  readonly master: number | undefined;
  readonly unbindable: boolean;
  /** "ext4", or with a subtype "fuse.sshfs". */
  readonly type: string;
  readonly source: string;
  /** Of the file system, as it prints them itself. */
  readonly superOptions: readonly string[];
}

/** The mounts of a mountinfo file, in its order; lines that do not look like a mount are left out. */
export function parseMountinfo(text: string): Mount[] {
  return text.split("\n").flatMap((line) => parseLine(line) ?? []);
}

function parseLine(line: string): Mount | undefined {
  const fields = line.split(" ");
  // The optional fields end at a lone hyphen, and there may be none or many.
  const end = fields.indexOf("-", 6);
  const [id, parent, device = "", root, mountPoint, options] = fields;
  const [type, source, superOptions] = fields.slice(end + 1);
  if (end < 0 || type === undefined || source === undefined) return undefined;
  if (root === undefined || mountPoint === undefined || options === undefined) return undefined;
  const [major, minor] = device.split(":");
  const optional = new Map(fields.slice(6, end).map((field) => [field.split(":")[0], field.split(":")[1]]));
  const group = (tag: string): number | undefined => {
    const number = optional.get(tag);
    return number === undefined ? undefined : Number(number);
  };
  return {
    id: Number(id),
    parent: Number(parent),
    major: Number(major),
    minor: Number(minor),
    root: unescapeOctal(root),
    mountPoint: unescapeOctal(mountPoint),
    options: options.split(","),
    shared: group("shared"),
    master: group("master"),
    unbindable: optional.has("unbindable"),
    type: unescapeOctal(type),
    source: unescapeOctal(source),
    superOptions: superOptions === undefined ? [] : superOptions.split(","),
  };
}
