import { expect, test } from "bun:test";
import { close, write } from "../../src/host/fd.ts";
import { makePipe } from "../../src/host/pipe.ts";
import { poll } from "../../src/host/poll.ts";
import { POLLIN } from "../../src/linux/poll.ts";

test("each descriptor tells what has happened to it; when the time is up nothing has", () => {
  const [one, other] = [makePipe("to be read"), makePipe("to be read")];
  const wanted = [one, other].map(({ read }) => ({ fd: read, events: POLLIN }));
  const begin = performance.now();
  expect(poll(wanted, 30)).toEqual([0, 0]);
  expect(performance.now() - begin).toBeGreaterThan(25);
  write(other.write, new Uint8Array(1));
  expect(poll(wanted, 10_000)).toEqual([0, POLLIN]);
  for (const { read, write: end } of [one, other]) {
    close(read);
    close(end);
  }
});

test("a time that is over is none", () => {
  expect(poll([], -5)).toEqual([]);
});
