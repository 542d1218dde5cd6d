/** What the launcher tells hutch that follows it, and when; performed by compiled programs. */
import { describe, expect, test } from "bun:test";
import { SIGNALS } from "../../src/linux/signal.ts";
import { branch, call, exit, label, set, slot } from "../../src/plan/build.ts";
import { controlDescriptor, EVENT, TIMED_OUT } from "../../src/plan/creator-control.ts";
import { awaitBirth, FOLLOW, keepBirth, openBirth, tellEnd, tellPid } from "../../src/plan/follow.ts";
import type { Plan, Step } from "../../src/plan/step.ts";
import { ALARMS, WAIT_STATUS } from "../../src/plan/supervise.ts";
import { contract, type Machine, say } from "../emit/machine.ts";
import { context, lastPosition, lines, plan, position, spec } from "./fixture.ts";

/** Far above what the machine itself has open. */
const PRESERVED = 20;
const FOLLOWED = { followed: true, preserveFds: PRESERVED };
const CONTEXT = context(spec(), FOLLOWED);
const REPORT = controlDescriptor(PRESERVED, "report");

/** Runs steps whose reports are output; the events that were told, and what was written after them. */
function told({ run }: Machine, steps: Plan) {
  const { code, stdout } = run([call("reports are output", "dup3", [1, REPORT, 0]), ...steps]);
  const events: (readonly [bigint, bigint])[] = [];
  let from = 0;
  while (from + 16 <= stdout.length && stdout.readUInt32LE(from + 4) === 1) {
    events.push([stdout.readBigUInt64LE(from), stdout.readBigUInt64LE(from + 8)]);
    from += 16;
  }
  return { code, events, rest: stdout.toString("utf8", from) };
}

const event = (name: keyof typeof EVENT, value = 0n) => [BigInt(EVENT[name]), value] as const;
const [CHILD, INIT] = [slot("child"), slot("init")];

/** A launcher whose init does `init`. */
const family = (init: readonly Step[]): Step[] => [
  keepBirth(CONTEXT),
  ...openBirth(CONTEXT),
  call("make a child", "clone", [SIGNALS.SIGCHLD, 0, 0, 0, 0], { into: CHILD }),
  branch(CHILD, "eq", 0, "child"),
  set(INIT, 4711),
  ...tellPid(CONTEXT, INIT),
  ...awaitBirth(CONTEXT),
  exit(0, "end"),
  label("child"),
  ...init,
  exit(0, "end"),
];

describe("a birth", () => {
  contract("is told with the pid, and once more when init lets go of its descriptors", (machine) => {
    const outcome = told(machine, family([call("exec", "close_range", [3, 2 ** 32 - 1, 0])]));
    expect(outcome).toEqual({ code: 0, events: [event("pid", 4711n), event("running")], rest: "" });
  });

  contract("is not told as long as init holds the descriptor", (machine) => {
    const steps = family([call("wait", "nanosleep", [wait(100_000_000), 0]), say("x".repeat(16))]);
    const { stdout } = machine.run([call("reports are output", "dup3", [1, REPORT, 0]), ...steps]);
    expect(stdout.toString("latin1", 16, 32)).toBe("x".repeat(16));
    expect(stdout.readBigUInt64LE(32)).toBe(BigInt(EVENT.running));
  });
});

const wait = (nanoseconds: number) =>
  ({
    kind: "struct",
    name: "timespec",
    fields: [
      { name: "tv_sec", size: 8, value: 0 },
      { name: "tv_nsec", size: 8, value: nanoseconds },
    ],
  }) as const;

describe("an end", () => {
  contract("is told as wait(2) does, and whether the time was up", (machine) => {
    const inTime = [set(WAIT_STATUS, 0x0700), ...tellEnd(CONTEXT)];
    expect(told(machine, inTime).events).toEqual([event("exited", 0x0700n)]);
    const late = [set(WAIT_STATUS, 15), set(ALARMS, 2), ...tellEnd(CONTEXT)];
    expect(told(machine, late).events).toEqual([event("exited", BigInt(TIMED_OUT) + 15n)]);
  });

  contract("that nobody listens to is no failure", (machine) => {
    const [pair, ends] = [slot("pair"), slot("ends")];
    const steps: Step[] = [
      call("ignore SIGPIPE", "rt_sigprocmask", [0, { kind: "bytes", bytes: PIPE }, 0, 8]),
      call("a pipe", "pipe2", [{ kind: "address", slot: pair }, 0]),
      { kind: "compute", op: "shr", into: ends, left: pair, right: 32 },
      call("reports go there", "dup3", [ends, REPORT, 0]),
      { kind: "compute", op: "and", into: ends, left: pair, right: 0xffffffff },
      call("close", "close", [ends]),
      ...tellEnd(CONTEXT),
      say("went on"),
    ];
    expect(machine.run(steps).stdout.toString()).toBe("went on");
  });
});

/** The set of SIGPIPE alone. */
const PIPE = new Uint8Array([0, 0x10, 0, 0, 0, 0, 0, 0]);

describe("in the plan of a container", () => {
  const steps = plan(spec(), FOLLOWED);

  test("the pid is told before anything of init can fail in the launcher, the birth before it waits", () => {
    const text = lines(steps);
    const at = (part: string) => text.findIndex((line) => line.includes(part));
    expect(at(`event=${EVENT.pid}`)).toBeGreaterThan(at("clone3("));
    expect(at(`event=${EVENT.running}`)).toBeGreaterThan(at(`event=${EVENT.pid}`));
    expect(at(`event=${EVENT.exited}`)).toBeGreaterThan(at("rt_sigtimedwait("));
  });

  test("what init holds of it is closed by its exec", () => {
    const closes = lines(steps).filter((line) => line.startsWith("close_range("));
    const first = 3 + PRESERVED;
    expect(closes.map((line) => /\((\d+),/.exec(line)?.[1])).toEqual([
      `${first + 1}`,
      `${first + FOLLOW.length}`,
      `${first}`,
    ]);
    expect(closes.at(-1)).toContain("CLOSE_RANGE_CLOEXEC");
    expect(lastPosition(steps, "close_range(")).toBeLessThan(position(steps, "execve("));
  });

  test("nothing is told when nobody follows", () => {
    expect(lines(plan()).join("\n")).not.toContain("event=");
  });
});
