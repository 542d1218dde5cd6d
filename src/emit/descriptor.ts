/**
 * The descriptors behind the calls of the reporter, in words of 32 bits: what the program writes there, and
 * the reporter reads.
 *
 * When the report goes to a pipe: index of the step; exit code, PIPE_GUARD, PIPE_SUBJECT and the number of
 * the subject's slot (16 bits); address of the guard if that flag is set. The number of the pipe is the first
 * word of ALIGNED.
 *
 * When it is printed: offset of the text in TEXT (26 bits), PRINT_SUBJECT, PRINT_GUARD, number of hints (4);
 * exit code
 * (8) and offset of the name of the call (24); address of the guard if the flag is set; and for each hint its
 * errno (8) and the offset of its text (24).
 */

export const PIPE_GUARD = 0x100;
export const PIPE_SUBJECT = 0x200;
export const PIPE_SLOT_BITS = 16;
export const PIPE_LAST_SLOT = 0x7fff;

export const FLAG_BITS = 6;
export const PRINT_SUBJECT = 0x20;
export const PRINT_GUARD = 0x10;
export const HINTS_MASK = 0xf;
export const SHORT_TEXT_BITS = 24;
export const SHORT_TEXT_MASK = 0xffffff;

/** The number of the slot where a failing call leaves the address of its subject. */
export const SUBJECT_SLOT = 0;

/** Bytes of a record on the pipe. */
export const RECORD = 16;
/** A record and its subject are written at once, and come in one piece (PIPE_BUF, pipe(7)). */
export const SUBJECT_MAX = 4096 - RECORD;
