/**
 * The labels of security modules (OCI config, "apparmorProfile", "selinuxLabel"; config-linux, "Mount
 * Label"): what the kernel is to give the process at its next exec is written to an attribute file of
 * procfs (proc_pid_attr(5)).
 */
import { HutchError } from "../linux/error.ts";
import {
  AT_FDCWD,
  O_CLOEXEC,
  O_PATH,
  O_RDONLY,
  O_WRONLY,
  RESOLVE_NO_MAGICLINKS,
  RESOLVE_NO_XDEV,
} from "../linux/fcntl.ts";
import type { Process } from "../spec/spec.ts";
import { branch, buffer, bytes, call, label, load, set, slot } from "./build.ts";
import type { Context } from "./context.ts";
import type { Slot, Step } from "./step.ts";
import { OPEN_HOW_SIZE, openHow } from "./struct.ts";

/** f_type of procfs (linux/magic.h). */
const PROC_SUPER_MAGIC = 0x9fa0;
/** sizeof(struct statfs) on 64-bit machines. */
const STATFS_SIZE = 120;

const NAMES = { apparmor: "AppArmor", selinux: "SELinux" } as const;

/** What is to be written for the next exec, and where. */
interface Attribute {
  readonly why: string;
  /** Below /proc; the first that exists. */
  readonly files: readonly string[];
  readonly text: string;
}

/** Refuses what the kernel does not have. */
function checkLabels({ host, spec }: Context, { apparmorProfile, selinuxLabel }: Process): void {
  const require = (
    module: keyof typeof NAMES,
    wish: string | undefined,
    field: string,
    what: string,
  ): void => {
    if (!wish || host.hasSecurityModule(module)) return;
    throw new HutchError({
      operation: field,
      reason: `expected no ${what}, because this kernel has no ${NAMES[module]}`,
    });
  };
  require("apparmor", apparmorProfile, "process.apparmorProfile", "profile");
  require("selinux", selinuxLabel, "process.selinuxLabel", "label");
  require("selinux", spec.linux?.mountLabel, "linux.mountLabel", "label");
  if (apparmorProfile && selinuxLabel) {
    throw new HutchError({
      operation: "process.selinuxLabel",
      reason: "expected no label beside an AppArmor profile: a process has one of the two",
    });
  }
}

/**
 * The attribute that a process asks for: one at most, because the two modules exclude each other in the
 * kernel.
 */
function attributeOf({ apparmorProfile, selinuxLabel }: Process): Attribute | undefined {
  if (apparmorProfile) {
    return {
      why: `put the program under the AppArmor profile ${apparmorProfile}`,
      // The second is shared by all modules: older kernels have no other.
      files: ["self/attr/apparmor/exec", "self/attr/exec"],
      text: `exec ${apparmorProfile}`,
    };
  }
  if (!selinuxLabel) return undefined;
  return {
    why: `give the program the SELinux label ${selinuxLabel}`,
    files: ["self/attr/exec"],
    text: selinuxLabel,
  };
}

const FILE = slot("attribute file");

const WRITE_HINTS = {
  ENOENT: "the profile is not loaded: apparmor_parser(8)",
  EINVAL: "the policy does not know the label",
  EACCES: "the policy does not let the caller change to it",
  EPERM: "the policy does not let the caller change to it",
} as const;

/**
 * Opens the attribute file, and makes sure that it is what it seems: below another file system, or another
 * file of procfs that was bound over it, the label would go astray (CVE-2019-16884, CVE-2025-52881). On the
 * host's /proc, which nothing of the container's can have touched; no mount and no magic link is crossed
 * from there.
 */
function open({ why, files }: Attribute): Step[] {
  const proc = slot("proc");
  const stat = buffer("statfs", STATFS_SIZE);
  const type = slot("file system");
  const how = openHow(O_WRONLY | O_CLOEXEC, 0, RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS);
  return [
    call(why, "openat", [AT_FDCWD, "/proc", O_PATH | O_CLOEXEC, 0], { into: proc }),
    ...files.flatMap((file, index) => {
      const isLast = index === files.length - 1;
      return [
        call(why, "openat2", [proc, file, how, OPEN_HOW_SIZE], {
          into: FILE,
          hints: { EXDEV: "something is mounted over it in /proc" },
          ...(isLast ? {} : { errors: { ENOENT: "ignore" } as const }),
        }),
        ...(isLast ? [] : [branch(FILE, "ge", 0, "attribute file is open")]),
      ];
    }),
    ...(files.length > 1 ? [label("attribute file is open")] : []),
    call(why, "close", [proc]),
    call(why, "fstatfs", [FILE, stat]),
    load(type, stat, 0, 8),
    branch(type, "eq", PROC_SUPER_MAGIC, "attribute file is of procfs"),
    { kind: "fail", message: `${why}: /proc is not a procfs` },
    label("attribute file is of procfs"),
  ];
}

function write({ why, text }: Attribute): Step[] {
  const content = new TextEncoder().encode(text);
  return [
    call(why, "write", [FILE, bytes(content, JSON.stringify(text)), content.length], { hints: WRITE_HINTS }),
    call(why, "close", [FILE]),
  ];
}

/**
 * In init, on the host's /proc: opens what `writeLabel` writes to. Refuses labels that the kernel does not
 * have.
 */
export function openLabel(context: Context, process: Process): Step[] {
  checkLabels(context, process);
  const attribute = attributeOf(process);
  return attribute === undefined ? [] : open(attribute);
}

/** How many descriptors `holdLabel` keeps behind those that are kept anyway. */
export const labelDescriptors = ({ apparmorProfile, selinuxLabel }: Process): number =>
  apparmorProfile || selinuxLabel ? 1 : 0;

/** Before all descriptors from `first` on are closed: takes the number `first`, which is spared then. */
export function holdLabel(process: Process, first: number): Step[] {
  const attribute = attributeOf(process);
  if (attribute === undefined) return [];
  const { why } = attribute;
  return [
    branch(FILE, "eq", first, "attribute file is held"),
    call(why, "dup3", [FILE, first, O_CLOEXEC]),
    set(FILE, first),
    label("attribute file is held"),
  ];
}

/** Says what the next exec is to make of the process; a process that is born before that inherits it. */
export function writeLabel(process: Process): Step[] {
  const attribute = attributeOf(process);
  return attribute === undefined ? [] : write(attribute);
}

/** Both at once, for a process that executes nothing in between. */
export const setLabel = (context: Context, process: Process): Step[] => [
  ...openLabel(context, process),
  ...writeLabel(process),
];

/** File systems whose files the policy labels by itself, or that take no `context`. */
const UNLABELLED: readonly string[] = ["proc", "sysfs", "mqueue", "cgroup", "cgroup2"];

/** File systems that take no `context`, whose root takes a label all the same, as runc gives it. */
const LABELLED_ROOT: readonly string[] = ["mqueue"];

/** Labels the root of a new mount that is not attached yet; nothing where the option has done it. */
export function labelRoot({ spec, open }: Context, why: string, mount: Slot, type: string): Step[] {
  const wish = spec.linux?.mountLabel;
  if (!wish || !LABELLED_ROOT.includes(type)) return [];
  const root = slot("root to label");
  const value = new TextEncoder().encode(wish);
  return [
    call(why, "openat", [mount, ".", O_RDONLY | open.O_DIRECTORY | O_CLOEXEC, 0], { into: root }),
    call(`${why}: label it ${wish}`, "fsetxattr", [
      root,
      "security.selinux",
      bytes(value, JSON.stringify(wish)),
      value.length,
      0,
    ]),
    call(why, "close", [root]),
  ];
}

/** The option that gives every file of a new file system the container's label. */
export function labelOption({ spec }: Context, type: string): readonly string[] {
  const wish = spec.linux?.mountLabel;
  // Not in quotes, which are mount(8)'s: fsconfig(2) takes values as they are.
  return wish && !UNLABELLED.includes(type) ? [`context=${wish}`] : [];
}
