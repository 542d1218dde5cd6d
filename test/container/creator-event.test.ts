/** What a creator tells, read from a pipe. */
import { expect, test } from "bun:test";
import { failure, lastWord, nextEvent } from "../../src/container/creator-event.ts";
import type { Program } from "../../src/container/program.ts";
import { close, write } from "../../src/host/fd.ts";
import { makePipe } from "../../src/host/pipe.ts";
import { ERRNO } from "../../src/linux/errno.ts";
import { call } from "../../src/plan/build.ts";
import { EVENT } from "../../src/plan/creator-control.ts";
import type { Plan } from "../../src/plan/step.ts";

const plan: Plan = [call("make", "mkdirat", [0, "x", 0])];
const program: Program = {
  bytes: new Uint8Array(0),
  details: "",
  asked: [],
  warnings: [],
  plan: async () => plan,
};
const record = (index: number, value: number): Uint8Array =>
  new Uint8Array(new BigUint64Array([BigInt(index), BigInt(value)]).buffer);

test("a failure is told with what the step was about", async () => {
  const error = await failure(program, { index: 0, value: ERRNO.EROFS, subject: "/a" });
  expect(error.message).toStartWith("make /a: mkdirat: EROFS");
});

test("the last word is the first failure, behind the events; and there may be none", async () => {
  const pipe = makePipe("for a test");
  write(pipe.write, record(EVENT.pid, 1));
  write(pipe.write, record(0, ERRNO.EPERM));
  expect((await lastWord(program, pipe.read))?.message).toStartWith("make: mkdirat: EPERM");
  expect(await lastWord(program, pipe.read)).toBeUndefined();
  close(pipe.write);
  expect(nextEvent(pipe.read)).toBeUndefined();
  close(pipe.read);
});
