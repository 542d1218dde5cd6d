/**
 * A root that travels inside the program's own file (`hutch compile --pack`): an image behind the program,
 * mounted from the file where the kernel can do that (6.16), else through a loop device, which is free again
 * when the container's mount is gone.
 */
import { AT_FDCWD, F_SETFD, O_CLOEXEC, O_RDONLY, O_RDWR } from "../linux/fcntl.ts";
import { LO_FLAGS_AUTOCLEAR, LO_FLAGS_READ_ONLY, LOOP_CONFIGURE, LOOP_CTL_GET_FREE } from "../linux/loop.ts";
import {
  FSCONFIG_CMD_CREATE,
  FSCONFIG_SET_FLAG,
  FSCONFIG_SET_STRING,
  FSMOUNT_CLOEXEC,
  FSOPEN_CLOEXEC,
  MOUNT_ATTR_RDONLY,
} from "../linux/mount.ts";
import { branch, buffer, call, compute, jump, label, load, slot, store, struct } from "./build.ts";
import type { Context } from "./context.ts";
import { makeFileSystem } from "./filesystem.ts";
import type { Slot, Step } from "./step.ts";

export interface Pack {
  /** Where the image is in the file, in bytes; both are multiples of 4096. */
  readonly offset: number;
  readonly size: number;
  /** How an ordinary user, who may mount no image, gets its files (unpack.ts). */
  readonly unpack?: Unpack;
}

export interface Unpack {
  /** The list of what is in the image has so many bytes, behind it. */
  readonly list: number;
  /** In init, in its new mount namespace: makes the files, in a detached mount in PACKED. */
  readonly steps: readonly Step[];
}

/** The detached mount of the root: of the image, from the launcher to init, or of its files. */
export const PACKED = slot("packed root");

/** What init does so that PACKED is there; nothing where the launcher has mounted the image. */
export const unpackRoot = ({ launch, host }: Context): readonly Step[] =>
  host.uid === 0 ? [] : (launch.standalone?.pack?.unpack?.steps ?? []);

/** True for a root that is written on while it is made, and that nobody is to write on then. */
export const isFrozen = ({ launch, host }: Context): boolean =>
  host.uid !== 0 && launch.standalone?.pack !== undefined && launch.overlay === undefined;

/**
 * The number of the file's descriptor in the copy that the program goes on in: the first that is not a
 * standard stream, so that what was inherited can be closed behind it.
 */
export const PACK_FILE = 3;

/** In the file itself: hands its descriptor on to the copy, in the place of whatever has that number. */
export const keepPackFile = (self: Slot): Step[] => [
  branch(self, "eq", PACK_FILE, "the file is in its place"),
  call("keep this program's file", "dup3", [self, PACK_FILE, 0]),
  jump("the file is kept"),
  label("the file is in its place"),
  call("keep this program's file", "fcntl", [PACK_FILE, F_SETFD, 0]),
  label("the file is kept"),
];

const LOOP_HINTS = {
  ENOENT: "a packed root takes loop devices: modprobe loop, or run where /dev is the host's",
  ENXIO: "a packed root takes loop devices: modprobe loop",
  EPERM: "a loop device takes root of the host",
  EACCES: "a loop device takes root of the host",
} as const;

const EROFS_HINTS = { ENODEV: "a packed root takes erofs: modprobe erofs" } as const;

const zeros = (name: string, words: number): (readonly [string, 8, number])[] =>
  Array.from({ length: words }, (_, index) => [`${name}[${index}]`, 8, 0] as const);

/** struct loop_config, with struct loop_info64 in it. */
const loopConfig = ({ offset, size }: Pack) =>
  struct("loop_config", [
    ["fd", 4, PACK_FILE],
    ["block_size", 4, 0],
    ["lo_device", 8, 0],
    ["lo_inode", 8, 0],
    ["lo_rdevice", 8, 0],
    ["lo_offset", 8, offset],
    ["lo_sizelimit", 8, size],
    ["lo_number", 4, 0],
    ["lo_encrypt_type", 4, 0],
    ["lo_encrypt_key_size", 4, 0],
    ["lo_flags", 4, LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR],
    // lo_file_name, lo_crypt_name, lo_encrypt_key, lo_init.
    ...zeros("info", (64 + 64 + 32 + 16) / 8),
    ...zeros("reserved", 8),
  ]);

const PREFIX = "/dev/loop";
/** A number of at most seven digits, with its NUL, is one word. */
const DIGITS = buffer("digits of the loop device", 24);
const PATH = buffer("path of the loop device", 24);

/** "/dev/loop" and the digits. */
function namePath(number: Slot): Step[] {
  const digits = slot("digits of the loop device");
  const bytes = new TextEncoder().encode(PREFIX);
  return [
    { kind: "decimal", to: DIGITS, value: number },
    load(digits, DIGITS, 0, 8),
    ...[...bytes].map((byte, index) => store(PATH, index, 1, byte)),
    store(PATH, bytes.length, 8, digits),
  ];
}

const WHY = "mount the packed root";
const MOUNTED = "packed root is mounted";
const BY_LOOP = "mount the packed root by a loop device";

/** What a kernel says that cannot mount a file, or not from an offset, or not where this file lies. */
const CANNOT = {
  EINVAL: { to: BY_LOOP },
  ENOTBLK: { to: BY_LOOP },
  EOPNOTSUPP: { to: BY_LOOP },
  ELOOP: { to: BY_LOOP },
} as const;

/** Falls through where the file itself is mounted. */
function openDirectly({ offset }: Pack): Step[] {
  const fs = slot("packed fs");
  const source = `/proc/self/fd/${PACK_FILE}`;
  const special = { hints: EROFS_HINTS };
  return [
    call(WHY, "fsopen", ["erofs", FSOPEN_CLOEXEC], { into: fs, ...special }),
    call(WHY, "fsconfig", [fs, FSCONFIG_SET_STRING, "source", source, 0], special),
    call(WHY, "fsconfig", [fs, FSCONFIG_SET_STRING, "fsoffset", `${offset}`, 0], { errors: CANNOT }),
    call(WHY, "fsconfig", [fs, FSCONFIG_SET_FLAG, "ro", 0, 0], special),
    call(WHY, "fsconfig", [fs, FSCONFIG_CMD_CREATE, 0, 0, 0], { errors: CANNOT }),
    call(WHY, "fsmount", [fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY], { into: PACKED, ...special }),
    call(WHY, "close", [fs]),
  ];
}

/** In the launcher, as root of the host: mounts the image, attached to nothing yet. */
export const openPack = (pack: Pack): Step[] => [
  ...openDirectly(pack),
  jump(MOUNTED),
  label(BY_LOOP),
  ...openByLoop(pack),
  label(MOUNTED),
  closePack("leave the image to its mount"),
];

export const closePack = (why: string): Step => call(why, "close", [PACK_FILE]);

const MOST_TRIES = 1000;

function openByLoop(pack: Pack): Step[] {
  const [control, number, device] = [slot("loop control"), slot("loop number"), slot("loop device")];
  const tries = slot("loop devices tried");
  const why = WHY;
  const special = { hints: LOOP_HINTS };
  return [
    call(why, "close", [slot("packed fs")]),
    call(why, "openat", [AT_FDCWD, "/dev/loop-control", O_RDWR | O_CLOEXEC, 0], {
      into: control,
      ...special,
    }),
    label("take a loop device"),
    call(why, "ioctl", [control, LOOP_CTL_GET_FREE, 0], { into: number, ...special }),
    ...namePath(number),
    call(why, "openat", [AT_FDCWD, PATH, O_RDONLY | O_CLOEXEC, 0], { into: device, ...special }),
    call(why, "ioctl", [device, LOOP_CONFIGURE, loopConfig(pack)], {
      errors: { EBUSY: { to: "loop device is taken" } },
      hints: { EBADF: "start the file by its path", EINVAL: "a packed root takes Linux 5.8" },
    }),
    jump("loop device is ours"),
    // Somebody else was faster.
    label("loop device is taken"),
    call(why, "close", [device]),
    compute(tries, tries, "add", 1),
    // One that somebody keeps for himself (O_EXCL) is offered again and again.
    branch(tries, "lt", MOST_TRIES, "take a loop device"),
    { kind: "fail", message: `${why}: the loop device that the kernel offers is in use; hint: losetup -a` },
    label("loop device is ours"),
    ...makeFileSystem(why, {
      type: "erofs",
      source: PATH,
      data: ["ro"],
      attributes: MOUNT_ATTR_RDONLY,
      into: PACKED,
    }),
    ...[device, control].map((each) => call("leave the image to its mount", "close", [each])),
  ];
}
