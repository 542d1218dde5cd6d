/**
 * The cgroup of version 2 of a file that an ordinary user starts: beside the cgroup of the caller, where
 * systemd lets users make cgroups. Only the running program knows where that is.
 */
import { AT_FDCWD, O_CLOEXEC, O_PATH, O_RDONLY, O_WRONLY } from "../linux/fcntl.ts";
import { branch, buffer, call, compute, jump, label, load, set, slot, store } from "../plan/build.ts";
import type { Step } from "../plan/step.ts";
import { limitV2, type MembershipV2, needed } from "./v2.ts";

const MOUNT = "/sys/fs/cgroup";
/** What precedes the path in /proc/self/cgroup (cgroups(7)). */
const START = "0::";
const SIZE = 8192;
const [NEWLINE, SLASH] = [0x0a, 0x2f];

/** The path of the directory above the caller's cgroup. */
export const ABOVE_CALLER = buffer("cgroup above", SIZE);
const PATH = ABOVE_CALLER;
const FILE = slot("cgroup file");

const little = (text: string): bigint =>
  new TextEncoder().encode(text).reduceRight((word, byte) => (word << 8n) | BigInt(byte), 0n);

/** Leaves the path of the directory above the caller's cgroup in PATH. */
function findAbove(): Step[] {
  const [at, last, byte] = [slot("cgroup path at"), slot("cgroup path last"), slot("cgroup path byte")];
  const why = "find the cgroup of this program";
  return [
    call(why, "openat", [AT_FDCWD, "/proc/self/cgroup", O_RDONLY | O_CLOEXEC, 0], { into: FILE }),
    set(at, PATH),
    // So that the path of the cgroup follows on that of the mount, which is written over what precedes it.
    compute(at, at, "add", MOUNT.length - START.length),
    call(why, "read", [FILE, at, SIZE - MOUNT.length - 1]),
    call(why, "close", [FILE]),
    load(byte, at, 0, 2),
    branch(byte, "eq", little(START.slice(0, 2)), "cgroup path found"),
    { kind: "fail", message: `${why}: it is in one of version 1` },
    label("cgroup path found"),
    store(PATH, 0, 8, little(MOUNT.slice(0, 8))),
    store(PATH, MOUNT.length - 8, 8, little(MOUNT.slice(-8))),
    compute(at, at, "add", START.length),
    label("cgroup path byte"),
    load(byte, at, 0, 1),
    branch(byte, "eq", NEWLINE, "cgroup path ends"),
    branch(byte, "eq", 0, "cgroup path ends"),
    branch(byte, "ne", SLASH, "cgroup path byte passed"),
    set(last, at),
    label("cgroup path byte passed"),
    compute(at, at, "add", 1),
    jump("cgroup path byte"),
    label("cgroup path ends"),
    store(last, 0, 1, 0),
  ];
}

/** Makes the cgroup there. */
export function createBeside(membership: MembershipV2): Step[] {
  const { directory, settings } = membership;
  const controllers = needed(settings);
  const control = "cgroup.subtree_control";
  return [
    ...findAbove(),
    call("open the cgroup above", "openat", [AT_FDCWD, PATH, O_PATH | O_CLOEXEC, 0], {
      into: directory.above,
    }),
    ...controllers.flatMap((controller) => {
      const why = `hand ${controller} down: write +${controller} to ${control} above this program's cgroup`;
      const hints = {
        EACCES: `${controller} is not delegated to this user: systemctl edit user@.service, with Delegate=cpu memory pids`,
        ENOENT: `${controller} is not delegated to this user, or the kernel lacks it`,
        EBUSY:
          "that cgroup has processes of its own: systemd-run --user --scope gives this program one of its own",
      };
      const text = `+${controller}`;
      return [
        call(why, "openat", [directory.above, control, O_WRONLY | O_CLOEXEC, 0], { into: FILE, hints }),
        call(why, "write", [FILE, text, text.length], { hints }),
        call(why, "close", [FILE]),
      ];
    }),
    ...limitV2(membership, PATH),
  ];
}
