/** socket(2), unix(7), send(2): include/linux/socket.h and un.h; the same on x86_64 and aarch64. */

export const AF_UNIX = 1;
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
/** The same bit as O_CLOEXEC. */
export const SOCK_CLOEXEC = 0o2000000;

export const MSG_DONTWAIT = 0x40;

/** Where the path begins in struct sockaddr_un, and how many bytes it has, with its NUL. */
export const SUN_PATH_AT = 2;
export const SUN_PATH_SIZE = 108;
