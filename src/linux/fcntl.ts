/** fcntl.h, openat2.h, memfd.h and close_range.h of the kernel's UAPI; the same on x86_64 and aarch64. */
import type { Arch } from "./arch.ts";

export const O_RDONLY = 0;
export const O_WRONLY = 0o1;
export const O_RDWR = 0o2;
export const O_ACCMODE = 0o3;
export const O_CREAT = 0o100;
export const O_EXCL = 0o200;
export const O_NOCTTY = 0o400;
export const O_TRUNC = 0o1000;
export const O_APPEND = 0o2000;
export const O_NONBLOCK = 0o4000;
export const O_DSYNC = 0o10000;
export const O_NOATIME = 0o1000000;
export const O_CLOEXEC = 0o2000000;
export const O_SYNC = 0o4010000;
export const O_PATH = 0o10000000;

/** The flags of open that the two architectures number differently. O_TMPFILE contains O_DIRECTORY. */
export interface OpenFlags {
  readonly O_DIRECT: number;
  readonly O_LARGEFILE: number;
  readonly O_DIRECTORY: number;
  readonly O_NOFOLLOW: number;
  readonly O_TMPFILE: number;
}

const OPEN_FLAGS: Readonly<Record<Arch, OpenFlags>> = {
  x86_64: {
    O_DIRECT: 0o40000,
    O_LARGEFILE: 0o100000,
    O_DIRECTORY: 0o200000,
    O_NOFOLLOW: 0o400000,
    O_TMPFILE: 0o20200000,
  },
  aarch64: {
    O_DIRECTORY: 0o40000,
    O_NOFOLLOW: 0o100000,
    O_DIRECT: 0o200000,
    O_LARGEFILE: 0o400000,
    O_TMPFILE: 0o20040000,
  },
};

/** The open flags whose numbers depend on the architecture. */
export function openFlags(arch: Arch): OpenFlags {
  return OPEN_FLAGS[arch];
}

export const AT_FDCWD = -100;
export const AT_SYMLINK_NOFOLLOW = 0x100;
/** Of faccessat2; the same bit as AT_REMOVEDIR. */
export const AT_EACCESS = 0x200;
/** Of unlinkat. */
export const AT_REMOVEDIR = 0x200;
export const AT_SYMLINK_FOLLOW = 0x400;
export const AT_NO_AUTOMOUNT = 0x800;
export const AT_EMPTY_PATH = 0x1000;
export const AT_STATX_FORCE_SYNC = 0x2000;
export const AT_STATX_DONT_SYNC = 0x4000;
/** Of open_tree and mount_setattr: the whole subtree. */
export const AT_RECURSIVE = 0x8000;

/** Of open_how.resolve. */
export const RESOLVE_NO_XDEV = 0x01;
export const RESOLVE_NO_MAGICLINKS = 0x02;
export const RESOLVE_NO_SYMLINKS = 0x04;
export const RESOLVE_BENEATH = 0x08;
export const RESOLVE_IN_ROOT = 0x10;
export const RESOLVE_CACHED = 0x20;
/** Bytes of struct open_how. */
export const OPEN_HOW_SIZE_VER0 = 24;

export const F_DUPFD = 0;
export const F_GETFD = 1;
export const F_SETFD = 2;
export const F_GETFL = 3;
export const F_SETFL = 4;
export const F_GETLK = 5;
export const F_SETLK = 6;
export const F_SETLKW = 7;
export const F_OFD_GETLK = 36;
export const F_OFD_SETLK = 37;
export const F_OFD_SETLKW = 38;
export const F_DUPFD_CLOEXEC = 1030;
export const F_SETPIPE_SZ = 1031;
export const F_GETPIPE_SZ = 1032;
export const F_ADD_SEALS = 1033;
export const F_GET_SEALS = 1034;
export const F_SEAL_SEAL = 0x01;
export const F_SEAL_SHRINK = 0x02;
export const F_SEAL_GROW = 0x04;
export const F_SEAL_WRITE = 0x08;
export const F_SEAL_FUTURE_WRITE = 0x10;
/** Since 6.3: the executable bits can no longer change. */
export const F_SEAL_EXEC = 0x20;
export const FD_CLOEXEC = 1;

export const F_RDLCK = 0;
export const F_WRLCK = 1;
export const F_UNLCK = 2;
export const LOCK_SH = 1;
export const LOCK_EX = 2;
export const LOCK_NB = 4;
export const LOCK_UN = 8;

export const F_OK = 0;
export const X_OK = 1;
export const W_OK = 2;
export const R_OK = 4;

export const SEEK_SET = 0;
export const SEEK_CUR = 1;
export const SEEK_END = 2;

export const MFD_CLOEXEC = 0x01;
export const MFD_ALLOW_SEALING = 0x02;
export const MFD_HUGETLB = 0x04;
/** Since 6.3; never executable, sealed so. */
export const MFD_NOEXEC_SEAL = 0x08;
/** Since 6.3; executable even where vm.memfd_noexec is 1. Older kernels answer EINVAL. */
export const MFD_EXEC = 0x10;

/** No descriptor is above it: the end of a range that has none (close_range(2), UINT_MAX). */
export const LAST_DESCRIPTOR = 0xffffffff;
export const CLOSE_RANGE_UNSHARE = 0x02;
export const CLOSE_RANGE_CLOEXEC = 0x04;

/** Of renameat2. */
export const RENAME_NOREPLACE = 0x01;
export const RENAME_EXCHANGE = 0x02;
export const RENAME_WHITEOUT = 0x04;
