/** Turns of many that hold the event loop. */
import { expect, test } from "bun:test";
import { turn } from "../../src/library/turn.ts";

function hold(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

test("one at a time holds the event loop, in their order, and timers are heard in between", async () => {
  let ticks = 0;
  const timer = setInterval(() => ++ticks, 1);
  const order: number[] = [];
  await Promise.all(
    Array.from({ length: 50 }, async (_, index) => {
      await turn();
      order.push(index);
      hold(2);
    }),
  );
  clearInterval(timer);
  expect(order).toEqual(order.toSorted((a, b) => a - b));
  expect(ticks).toBeGreaterThan(40);
});

test("one who comes alone does not wait", async () => {
  await Bun.sleep(1);
  let isRound = false;
  setImmediate(() => {
    isRound = true;
  });
  await turn();
  expect(isRound).toBe(false);
});
