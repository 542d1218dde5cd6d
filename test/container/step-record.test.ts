/** Records of a pipe, as the programs write them. */
import { expect, test } from "bun:test";
import { nextRecord, recordAt, subjectSize } from "../../src/container/step-record.ts";
import { close, write } from "../../src/host/fd.ts";
import { makePipe } from "../../src/host/pipe.ts";
import { EVENT } from "../../src/plan/creator-control.ts";

const record = (index: number, value: number, subject = ""): Uint8Array => {
  const text = new TextEncoder().encode(subject);
  const bytes = new Uint8Array(new ArrayBuffer(16 + text.length));
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(index), true);
  view.setBigUint64(8, BigInt(value) | (BigInt(text.length) << 32n), true);
  bytes.set(text, 16);
  return bytes;
};

test("the value of an event has 64 bits, and no subject follows", () => {
  const bytes = record(EVENT.memoryPeak, 2 ** 40);
  const view = new DataView(bytes.buffer);
  expect(subjectSize(view)).toBe(0);
  expect(recordAt(view)).toEqual({ index: EVENT.memoryPeak, value: 2 ** 40 });
});

test("a subject is read with its record, and what follows is the next", () => {
  const pipe = makePipe("for a test");
  write(pipe.write, record(7, 13, "/größe"));
  write(pipe.write, record(8, 1));
  close(pipe.write);
  expect(nextRecord(pipe.read, "records")).toEqual({ index: 7, value: 13, subject: "/größe" });
  expect(nextRecord(pipe.read, "records")).toEqual({ index: 8, value: 1 });
  expect(nextRecord(pipe.read, "records")).toBeUndefined();
  close(pipe.read);
});
