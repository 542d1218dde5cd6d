/** mount.h of the kernel's UAPI: mount(2), umount2(2) and the calls of the new mount interface. */

/** Of mount(2). */
export const MS_RDONLY = 1;
export const MS_NOSUID = 2;
export const MS_NODEV = 4;
export const MS_NOEXEC = 8;
export const MS_SYNCHRONOUS = 16;
export const MS_REMOUNT = 32;
export const MS_MANDLOCK = 64;
export const MS_DIRSYNC = 128;
export const MS_NOSYMFOLLOW = 256;
export const MS_NOATIME = 1024;
export const MS_NODIRATIME = 2048;
export const MS_BIND = 4096;
export const MS_MOVE = 8192;
export const MS_REC = 16384;
export const MS_SILENT = 32768;
export const MS_POSIXACL = 1 << 16;
export const MS_UNBINDABLE = 1 << 17;
export const MS_PRIVATE = 1 << 18;
export const MS_SLAVE = 1 << 19;
export const MS_SHARED = 1 << 20;
export const MS_RELATIME = 1 << 21;
export const MS_I_VERSION = 1 << 23;
export const MS_STRICTATIME = 1 << 24;
export const MS_LAZYTIME = 1 << 25;

/** Of umount2(2). */
export const MNT_FORCE = 1;
export const MNT_DETACH = 2;
export const MNT_EXPIRE = 4;
export const UMOUNT_NOFOLLOW = 8;

export const FSOPEN_CLOEXEC = 1;

export const FSPICK_CLOEXEC = 1;
export const FSPICK_SYMLINK_NOFOLLOW = 2;
export const FSPICK_NO_AUTOMOUNT = 4;
export const FSPICK_EMPTY_PATH = 8;

/** Commands of fsconfig(2). */
export const FSCONFIG_SET_FLAG = 0;
export const FSCONFIG_SET_STRING = 1;
export const FSCONFIG_SET_BINARY = 2;
export const FSCONFIG_SET_PATH = 3;
export const FSCONFIG_SET_PATH_EMPTY = 4;
export const FSCONFIG_SET_FD = 5;
export const FSCONFIG_CMD_CREATE = 6;
export const FSCONFIG_CMD_RECONFIGURE = 7;
/** Since 6.6: EBUSY rather than a superblock that exists already. */
export const FSCONFIG_CMD_CREATE_EXCL = 8;

export const FSMOUNT_CLOEXEC = 1;

/** Of fsmount(2) and mount_attr. Access-time words are values of the field MOUNT_ATTR__ATIME, not bits. */
export const MOUNT_ATTR_RDONLY = 0x01;
export const MOUNT_ATTR_NOSUID = 0x02;
export const MOUNT_ATTR_NODEV = 0x04;
export const MOUNT_ATTR_NOEXEC = 0x08;
export const MOUNT_ATTR__ATIME = 0x70;
export const MOUNT_ATTR_RELATIME = 0x00;
export const MOUNT_ATTR_NOATIME = 0x10;
export const MOUNT_ATTR_STRICTATIME = 0x20;
export const MOUNT_ATTR_NODIRATIME = 0x80;
export const MOUNT_ATTR_IDMAP = 0x100000;
export const MOUNT_ATTR_NOSYMFOLLOW = 0x200000;
/** Bytes of struct mount_attr. */
export const MOUNT_ATTR_SIZE_VER0 = 32;

export const OPEN_TREE_CLONE = 1;
/** The value of O_CLOEXEC. */
export const OPEN_TREE_CLOEXEC = 0o2000000;

export const MOVE_MOUNT_F_SYMLINKS = 0x001;
export const MOVE_MOUNT_F_AUTOMOUNTS = 0x002;
export const MOVE_MOUNT_F_EMPTY_PATH = 0x004;
export const MOVE_MOUNT_T_SYMLINKS = 0x010;
export const MOVE_MOUNT_T_AUTOMOUNTS = 0x020;
export const MOVE_MOUNT_T_EMPTY_PATH = 0x040;
export const MOVE_MOUNT_SET_GROUP = 0x100;
/** Since 6.5. */
export const MOVE_MOUNT_BENEATH = 0x200;
