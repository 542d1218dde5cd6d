import { describe, expect, test } from "bun:test";
import { close, write } from "../../src/host/fd.ts";
import { makePipe } from "../../src/host/pipe.ts";
import { endOf, isFailure, type Report, readReports, reportReader } from "../../src/library/reports.ts";
import { EVENT, TIMED_OUT } from "../../src/plan/creator-control.ts";

const bytesOf = (...words: readonly number[]): Uint8Array =>
  new Uint8Array(new BigUint64Array(words.map(BigInt)).buffer);

describe("reports", () => {
  test("are read whole, however they were cut", () => {
    const bytes = bytesOf(EVENT.pid, 4711, 7, 2, EVENT.exited, 0);
    for (const size of [1, 7, 16, 20, 48]) {
      const reports: Report[] = [];
      const take = reportReader((report) => reports.push(report));
      for (let at = 0; at < bytes.length; at += size) take(bytes.subarray(at, at + size));
      expect(reports).toEqual([
        { index: EVENT.pid, value: 4711 },
        { index: 7, value: 2 },
        { index: EVENT.exited, value: 0 },
      ]);
    }
  });

  test("are failures when they name a step", () => {
    expect(isFailure({ index: 7, value: 2 })).toBe(true);
    expect(isFailure({ index: EVENT.running, value: 0 })).toBe(false);
  });

  test("are read until the pipe ends, which is then closed", async () => {
    const pipe = makePipe("for the test");
    const reports: Report[] = [];
    const { ended } = readReports(pipe.read, (report) => reports.push(report));
    write(pipe.write, bytesOf(1, 2));
    close(pipe.write);
    await ended;
    expect(reports).toEqual([{ index: 1, value: 2 }]);
    expect(() => write(pipe.read, bytesOf(1))).toThrow("EBADF");
  });

  test("are read no longer once that is stopped", async () => {
    const pipe = makePipe("for the test");
    const { ended, stop } = readReports(pipe.read, () => {});
    await stop();
    await ended;
    close(pipe.write);
  });
});

test("an end is told as wait(2) does", () => {
  expect(endOf(0x0700)).toEqual({ code: 7, signal: null, timedOut: false });
  expect(endOf(9)).toEqual({ code: null, signal: "SIGKILL", timedOut: false });
  expect(endOf(TIMED_OUT + 0x80 + 11)).toEqual({ code: null, signal: "SIGSEGV", timedOut: true });
  expect(endOf(37)).toMatchObject({ signal: "SIGRTMIN+3" });
});
