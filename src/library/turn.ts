/** Starts that come at once take turns, so that timers and streams of the caller's are heard in between. */

/** Fulfilled when the event loop may be held again. */
let free: Promise<void> = Promise.resolve();

const goRound = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/**
 * Fulfilled when it is the caller's turn to do at once what holds the event loop: one may each time that it
 * goes round, because a spawn alone holds it for milliseconds where the processors are busy.
 */
export function turn(): Promise<void> {
  const mine = free;
  free = mine.then(goRound);
  return mine;
}
