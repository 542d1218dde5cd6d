/**
 * The form of compact programs: what compact-encode.ts writes and the machine code of compact-code.ts reads.
 *
 * A program is a list of instructions of an opcode and operands. A call is one byte below OP.set, its place
 * in the table of calls; its arguments follow, then a byte of CALL_* flags, the number of its text (two bytes
 * with CALL_LONG), the slot of its result (CALL_INTO), and, with CALL_REST, the length of what only a failure
 * reads.
 */

/** Instructions other than calls. Branches compare two operands and are followed by the place to go on at. */
export const OP = {
  set: 0x80,
  add: 0x81,
  sub: 0x82,
  and: 0x83,
  or: 0x84,
  shl: 0x85,
  shr: 0x86,
  eq: 0x87,
  ne: 0x88,
  lt: 0x89,
  ge: 0x8a,
  any: 0x8b,
  jump: 0x8c,
  load1: 0x8d,
  load2: 0x8e,
  load4: 0x8f,
  load8: 0x90,
  store1: 0x91,
  store2: 0x92,
  store4: 0x93,
  store8: 0x94,
  decimal: 0x95,
  next: 0x96,
  given: 0x97,
  fail: 0x98,
} as const;

/** Operands: bytes below are integers; then come those of what the following bytes hold, then slots. */
export const FIRST_OPERAND = 0x60;
export const OPERAND = {
  /** A slot by the following byte. */
  slot: 0x60,
  /** Integers: the negated byte, 2, 4 and 8 bytes. */
  minus: 0x61,
  word2: 0x62,
  word4: 0x63,
  word8: 0x64,
  /** An address by its distance from the first slot, in 2 and in 4 bytes. */
  address2: 0x65,
  address4: 0x66,
} as const;
export const SLOT_OPERAND = 0x67;

export const CALL_INTO = 1;
export const CALL_REST = 2;
export const CALL_SUBJECT = 4;
export const CALL_EXIT_CODE = 8;
export const CALL_HINTS = 16;
export const CALL_ERRORS = 32;
export const CALL_LONG = 64;

/** Stands among the errors of a call for all that are not listed before. */
export const ANY_ERRNO = 0;
/** Targets of errors that are no place to go on at. */
export const TARGET_IGNORE = 0;
export const TARGET_RETRY = 1;

/** What a `given` takes, when it is no number. */
export const GIVEN_ARGUMENTS = 0xfe;
export const GIVEN_ENVIRONMENT = 0xff;

/** Slots that the machine code uses itself; the arguments of a call come first. */
export const OWN = {
  argument: 0,
  start: 6,
  /** The address of what messages begin with; 0 for text 0. */
  name: 7,
  text: 8,
  callName: 9,
  subject: 10,
  exitCode: 11,
  hints: 12,
  errno: 13,
} as const;
export const FIRST_PLAN_SLOT = 14;
export const MOST_SLOTS = 256;

/** The sizes of entries: number of the call, count of its arguments, number of its name's text. */
export const CALL_ENTRY = 5;
/** Start of a range of instructions, and where a failure in it goes on. */
export const GUARD_ENTRY = 4;

/** Memory that is written to begins here: first the slots, then the unpacked program, then buffers. */
export const MEMORY = 0x600000;
export const PROGRAM_OFFSET = MOST_SLOTS * 8;
/** No program is longer: what is behind it in memory is within reach of two bytes, too. */
export const MOST_BYTES = 0x6000;
/** Two bytes before it are never read: places 0 and 1 mean something else. */
export const FIRST_INSTRUCTION = 2;

/** Where the texts that the machine code itself prints stand in the list of the plan's. */
export const OWN_TEXTS = { name: 0, hint: 1, errno: 2 } as const;
