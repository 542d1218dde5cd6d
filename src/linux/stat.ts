/** stat.h of the kernel's UAPI. */
export const S_IFMT = 0o170000;
export const S_IFSOCK = 0o140000;
export const S_IFLNK = 0o120000;
export const S_IFREG = 0o100000;
export const S_IFBLK = 0o060000;
export const S_IFDIR = 0o040000;
export const S_IFCHR = 0o020000;
export const S_IFIFO = 0o010000;
export const S_ISUID = 0o4000;
export const S_ISGID = 0o2000;
export const S_ISVTX = 0o1000;

/** The nanoseconds of a time that utimensat(2) leaves as it is. */
export const UTIME_OMIT = 0x3ffffffe;

/** Masks of statx(2). */
export const STATX_TYPE = 0x001;
export const STATX_MODE = 0x002;
export const STATX_NLINK = 0x004;
export const STATX_UID = 0x008;
export const STATX_GID = 0x010;
export const STATX_ATIME = 0x020;
export const STATX_MTIME = 0x040;
export const STATX_CTIME = 0x080;
export const STATX_INO = 0x100;
export const STATX_SIZE = 0x200;
export const STATX_BLOCKS = 0x400;
export const STATX_BASIC_STATS = 0x7ff;
export const STATX_BTIME = 0x800;
/** Since 5.8. */
export const STATX_MNT_ID = 0x1000;

export const STATX_ATTR_IMMUTABLE = 0x10;
export const STATX_ATTR_APPEND = 0x20;
export const STATX_ATTR_AUTOMOUNT = 0x1000;
/** Since 5.8: the file is the root of a mount. */
export const STATX_ATTR_MOUNT_ROOT = 0x2000;

/** Bytes of struct statx, and the offsets of its fields; the same on every architecture. */
export const STATX_SIZE_OF = 256;
export const STATX_OFFSETS = {
  stx_mask: 0,
  stx_blksize: 4,
  stx_attributes: 8,
  stx_nlink: 16,
  stx_uid: 20,
  stx_gid: 24,
  stx_mode: 28,
  stx_ino: 32,
  stx_size: 40,
  stx_blocks: 48,
  stx_attributes_mask: 56,
  stx_atime_sec: 64,
  stx_atime_nsec: 72,
  stx_mtime_sec: 112,
  stx_mtime_nsec: 120,
  stx_rdev_major: 128,
  stx_rdev_minor: 132,
  stx_dev_major: 136,
  stx_dev_minor: 140,
  stx_mnt_id: 144,
} as const;

/** The type bits of `linux.devices[].type` of the OCI spec; "u" is an unbuffered character device. */
export const DEVICE_TYPE_MODES = { c: S_IFCHR, u: S_IFCHR, b: S_IFBLK, p: S_IFIFO } as const;

/** The device number mknodat(2) takes (linux/kdev_t.h): 20 bits of minor around 12 of major. */
export function makedev(major: number, minor: number): number {
  return ((minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)) >>> 0;
}

/** Splits a device number as mknodat(2) takes and stat(2) gives it. */
export function splitDevice(device: number): { readonly major: number; readonly minor: number } {
  return { major: (device >>> 8) & 0xfff, minor: (device & 0xff) | ((device >>> 12) & 0xfff00) };
}
