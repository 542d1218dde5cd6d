/** Starts that come at once take turns, so that timers and streams of the caller's are heard in between. */

/** A spawn holds the event loop for a millisecond; so many milliseconds of them are not noticed. */
const SLICE = 8;

let last: Promise<void> = Promise.resolve();
/** When the event loop has had its turn last, by performance.now(). */
let heard = 0;

async function breathe(): Promise<void> {
  const now = performance.now();
  if (now - heard < SLICE) return;
  // At the first of many nothing has been held up yet, but who knows that it is the first.
  await new Promise<void>((resolve) => setImmediate(resolve));
  heard = performance.now();
}

/** Fulfilled when it is the caller's turn to do at once what holds the event loop. */
export function turn(): Promise<void> {
  last = last.then(breathe);
  return last;
}
