/** Loop devices (linux/loop.h, loop(4)). */
/** A free device's number; it may be taken by another in the meantime. */
export const LOOP_CTL_GET_FREE = 0x4c82;
/** File, place and flags at once; since 5.8. */
export const LOOP_CONFIGURE = 0x4c0a;
export const LO_FLAGS_READ_ONLY = 1;
/** The device is free again when nobody uses it any more. */
export const LO_FLAGS_AUTOCLEAR = 4;
