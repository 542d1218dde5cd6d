/** asm-generic/mman-common.h of the kernel's UAPI. */
export const PROT_READ = 0x1;
export const PROT_WRITE = 0x2;
export const MAP_SHARED = 0x01;
export const MAP_ANONYMOUS = 0x20;
/** Children do not have this memory. */
export const MADV_DONTFORK = 10;
