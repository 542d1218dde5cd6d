/** Turns of many that hold the event loop. */
import { expect, test } from "bun:test";
import { turn } from "../../src/library/turn.ts";

function hold(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

test("many that hold the event loop for a moment do not hold it all together, and keep their order", async () => {
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
  expect(ticks).toBeGreaterThan(5);
});
