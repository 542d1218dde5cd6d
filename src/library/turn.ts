/** Starts that come at once take turns, so that timers and streams of the caller's are heard in between. */

/** A spawn holds the event loop for a millisecond; so many milliseconds of them are not noticed. */
const SLICE = 8;

let last: Promise<void> = Promise.resolve();
/** Since when the event loop is held, by performance.now(); undefined when it goes round. */
let begun: number | undefined;
let over: Promise<void> = last;

function begin(): void {
  begun = performance.now();
  over = new Promise((resolve) => {
    setImmediate(() => {
      begun = undefined;
      resolve();
    });
  });
}

async function breathe(): Promise<void> {
  if (begun !== undefined && performance.now() - begun >= SLICE) await over;
  if (begun === undefined) begin();
}

/** Fulfilled when it is the caller's turn to do at once what holds the event loop. */
export function turn(): Promise<void> {
  last = last.then(breathe);
  return last;
}
