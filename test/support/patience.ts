/** Tests on a machine that is slower than most, because it is interpreted (see test/support/vm/suite.ts). */

/** How many times as long everything takes there. */
export const SLOWNESS = Number(process.env["HUTCH_TEST_SLOWNESS"] ?? 1);
