/**
 * A file that is the first process of a machine: put as /init into an initramfs, it mounts what the container
 * needs of the machine, leaves the container to a child, reaps what is left to it, and switches the machine
 * off when the child ends. As any other process it does nothing of that.
 */
import { AT_FDCWD, O_RDWR } from "../linux/fcntl.ts";
import { TIOCSCTTY } from "../linux/ioctl.ts";
import { MS_NODEV, MS_NOEXEC, MS_NOSUID } from "../linux/mount.ts";
import { REBOOT_COMMANDS, REBOOT_MAGIC1, REBOOT_MAGIC2 } from "../linux/reboot.ts";
import { SIGNALS } from "../linux/signal.ts";
import { __WALL } from "../linux/wait.ts";
import { branch, call, exit, guard, label, slot } from "./build.ts";
import type { Step } from "./step.ts";

/** What becomes of the machine when its container has ended. */
export type AtEnd = keyof typeof REBOOT_COMMANDS;

const SAFE = MS_NOSUID | MS_NODEV | MS_NOEXEC;
const FIRST = 1;
const ANY_CHILD = -1;
const FAILED = 125;
const LAST_STREAM = 2;

/** In this order: one lies in the other. */
const FILE_SYSTEMS = [
  { type: "devtmpfs", place: "/dev", flags: MS_NOSUID | MS_NOEXEC },
  { type: "proc", place: "/proc", flags: SAFE },
  { type: "sysfs", place: "/sys", flags: SAFE },
  { type: "cgroup2", place: "/sys/fs/cgroup", flags: SAFE },
] as const;

function mountAll(): Step[] {
  return FILE_SYSTEMS.flatMap(({ type, place, flags }) => {
    const why = `mount ${type} on ${place} of the machine`;
    return [
      // The kernel makes the last one itself.
      call(why, "mkdirat", [AT_FDCWD, place, 0o755], { errors: { EEXIST: "ignore", EPERM: "ignore" } }),
      call(why, "mount", [type, place, type, flags, 0], {
        errors: { EBUSY: "ignore", ...(type === "cgroup2" ? { ENOENT: "ignore", ENODEV: "ignore" } : {}) },
      }),
    ];
  });
}

/** The kernel opens the console for its first process only if the initramfs has a /dev/console. */
function openConsole(): Step[] {
  const why = "open the console of the machine";
  const console = slot("console");
  return [
    label("next console"),
    call(why, "openat", [AT_FDCWD, "/dev/console", O_RDWR, 0], {
      into: console,
      errors: { ENODEV: { to: "no console" } },
    }),
    branch(console, "le", LAST_STREAM, "next console"),
    call(why, "close", [console]),
    label("no console"),
  ];
}

/** The first process falls through as any other; its child goes on with the container. */
export function beMachine(atEnd: AtEnd): Step[] {
  const [pid, child, ended] = [slot("machine pid"), slot("machine child"), slot("machine ended")];
  const off = atEnd === "poweroff" ? "switch the machine off" : "start the machine again";
  return [
    call("see whether this is the first process of a machine", "getpid", [], { into: pid }),
    branch(pid, "ne", FIRST, "no machine"),
    // Whatever fails: the first process may not end, or the kernel panics.
    guard("machine ends"),
    ...mountAll(),
    ...openConsole(),
    call("leave the container to a child", "clone", [SIGNALS.SIGCHLD, 0, 0, 0, 0], { into: child }),
    branch(child, "eq", 0, "container of the machine"),
    label("machine waits"),
    call("collect what has ended", "wait4", [ANY_CHILD, 0, __WALL, 0], {
      into: ended,
      errors: { EINTR: "retry" },
    }),
    branch(ended, "ne", child, "machine waits"),
    label("machine ends"),
    guard(),
    call("write everything to the disks", "sync", []),
    call(off, "reboot", [REBOOT_MAGIC1, REBOOT_MAGIC2, REBOOT_COMMANDS[atEnd], 0]),
    exit(FAILED, "end"),
    label("container of the machine"),
    guard(),
    call("a session on the console", "setsid", [], { errors: { EPERM: "ignore" } }),
    call("a session on the console", "ioctl", [0, TIOCSCTTY, 0], {
      errors: { ENOTTY: "ignore", EPERM: "ignore", EIO: "ignore", EINVAL: "ignore" },
    }),
    label("no machine"),
  ];
}
