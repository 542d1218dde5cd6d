/**
 * Waiting, on machines of which some are slower than others, because they have much else to do, or are
 * interpreted (see test/support/vm/suite.ts).
 */

/** How many times as long everything takes there. */
export const SLOWNESS = Number(process.env["HUTCH_TEST_SLOWNESS"] ?? 1);

/** Only a failure takes so long. */
const PATIENCE_MS = 20_000;

/** Waits until it is so, which is looked at every few milliseconds; false when the time is up. */
export async function eventually(
  isSo: () => boolean | Promise<boolean>,
  milliseconds = PATIENCE_MS * SLOWNESS,
): Promise<boolean> {
  const end = performance.now() + milliseconds;
  while (!(await isSo())) {
    if (performance.now() > end) return false;
    await Bun.sleep(5);
  }
  return true;
}
