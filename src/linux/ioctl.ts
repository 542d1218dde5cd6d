/** Requests of ioctl(2), the same on x86_64 and aarch64: asm-generic/ioctls.h, nsfs.h, fs.h, loop.h. */
export const TCGETS = 0x5401;
export const TCSETS = 0x5402;
export const TCSETSW = 0x5403;
export const TCSETSF = 0x5404;
export const TCFLSH = 0x540b;
export const TIOCEXCL = 0x540c;
export const TIOCNXCL = 0x540d;
export const TIOCSCTTY = 0x540e;
export const TIOCGPGRP = 0x540f;
export const TIOCSPGRP = 0x5410;
export const TIOCSTI = 0x5412;
export const TIOCGWINSZ = 0x5413;
export const TIOCSWINSZ = 0x5414;
export const FIONREAD = 0x541b;
export const TIOCLINUX = 0x541c;
export const TIOCCONS = 0x541d;
export const FIONBIO = 0x5421;
export const TIOCNOTTY = 0x5422;
export const TIOCGSID = 0x5429;
/** The number of the pty of a master, into an unsigned int. */
export const TIOCGPTN = 0x80045430;
/** Locks or unlocks the slave; takes a pointer to int. */
export const TIOCSPTLCK = 0x40045431;
/** Opens the slave of a master without a path; takes open flags. Since 4.13. */
export const TIOCGPTPEER = 0x5441;
export const FIONCLEX = 0x5450;
export const FIOCLEX = 0x5451;

/** The user namespace that owns a namespace, its parent, its kind, its owner's uid (ioctl_nsfs(2)). */
export const NS_GET_USERNS = 0xb701;
export const NS_GET_PARENT = 0xb702;
export const NS_GET_NSTYPE = 0xb703;
export const NS_GET_OWNER_UID = 0xb704;

/** Reflink of a whole file. */
export const FICLONE = 0x40049409;

export const SIOCGIFFLAGS = 0x8913;
export const SIOCSIFFLAGS = 0x8914;
export const SIOCGIFINDEX = 0x8933;
