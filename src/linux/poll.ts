/** poll.h of the kernel's UAPI; the same on x86_64 and aarch64. */

/** There is something to read; of a pidfd, its process has ended (pidfd_open(2)). */
export const POLLIN = 0x001;
/** Of a file of the kernel's: its content is another than that which was read last (poll(2)). */
export const POLLPRI = 0x002;
