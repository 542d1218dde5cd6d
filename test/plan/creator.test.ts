/** The way from `create` to `start`: the order of its steps, and what comes of each when hutch dies. */
import { describe, expect, test } from "bun:test";
import { address, branch, buffer, call, compute, label, set, slot } from "../../src/plan/build.ts";
import { awaitCgroup, awaitStart, handOver, pausesForHooks } from "../../src/plan/creator.ts";
import { CONTROL, controlDescriptor, EVENT } from "../../src/plan/creator-control.ts";
import type { Plan, Step } from "../../src/plan/step.ts";
import { startClock } from "../../src/plan/supervise.ts";
import { contract, type Machine, say } from "../emit/machine.ts";
import { context, lastPosition, lines, plan, position, spec } from "./fixture.ts";

/** Far above what the machine itself has open. */
const PRESERVED = 20;
const CREATES = { creates: true, dieWithLauncher: true, preserveFds: PRESERVED };
const CONTEXT = context(spec(), CREATES);
const [PID, PIDFD] = [slot("init"), slot("init pidfd")];
const at = (which: (typeof CONTROL)[number]): number => controlDescriptor(PRESERVED, which);

/** The steps from a label on. */
const after = (steps: Plan, name: string): Plan =>
  steps.slice(steps.findIndex((step) => step.kind === "label" && step.name === name));

/** A control descriptor that gives `text`, and then its end; without a text, its end at once. */
function gives(which: (typeof CONTROL)[number], text: string | undefined): Step[] {
  const ends = slot("ends");
  const [read, write] = [slot("read"), slot("write")];
  return [
    call("make a pipe", "pipe2", [address(ends), 0]),
    compute(read, ends, "and", 0xffffffff),
    compute(write, ends, "shr", 32),
    ...(text === undefined ? [] : [call("give", "write", [write, text, text.length])]),
    call("the end of it", "close", [write]),
    call("hand on", "dup3", [read, at(which), 0]),
  ];
}

const REPORT = call("reports are output", "dup3", [1, at("report"), 0]);

/** Runs the steps; the events that were told, and what was written after them. */
function told({ run }: Machine, steps: Plan) {
  const { code, signal, stdout } = run([REPORT, ...steps]);
  const events: (readonly [bigint, bigint])[] = [];
  let from = 0;
  for (; from + 16 <= stdout.length; from += 16) {
    events.push([stdout.readBigUInt64LE(from), stdout.readBigUInt64LE(from + 8)]);
  }
  return { code, signal, events, rest: stdout.toString("utf8", from) };
}

const HAND_OVER = [set(PID, 4711), ...handOver(CONTEXT, PID, PIDFD), label("undo"), say("undo")];
const PID_EVENT = [BigInt(EVENT.pid), 4711n] as const;

describe("the creator", () => {
  contract("tells the pid of init, and leaves it to the caller when hutch has written it down", (machine) => {
    const outcome = told(machine, [...gives("go", "1"), ...HAND_OVER]);
    expect(outcome).toMatchObject({ code: 0, events: [PID_EVENT], rest: "" });
  });

  contract("undoes everything when hutch dies before", (machine) => {
    expect(told(machine, [...gives("go", undefined), ...HAND_OVER])).toMatchObject({ rest: "undo" });
  });

  test("ends init and removes the rest on that way", () => {
    const undo = lines(after(plan(spec(), CREATES), "undo"));
    const killed = undo.findIndex((line) => line.startsWith("pidfd_send_signal(<init pidfd>, SIGKILL"));
    expect(killed).toBeGreaterThanOrEqual(0);
    expect(undo[killed + 1]).toStartWith("wait4(<init>");
  });

  test("sends the pidfd only when it is asked for, and after init is written down", () => {
    const sent = `sendmsg(${at("pidfd")}`;
    expect(lines(plan(spec(), CREATES)).join("\n")).not.toContain(sent);
    const steps = plan(spec(), { ...CREATES, sendsPidfd: true });
    expect(position(steps, sent)).toBeGreaterThan(position(steps, `read(${at("go")}`));
  });
});

describe("a creator that supervises", () => {
  const stays = plan(spec(), { ...CREATES, supervises: true });

  test("keeps of what hutch gave it the pipe of reports alone, and waits for the end of init", () => {
    const [first, last] = [at("report") + 1, at("pidfd")];
    const lets = position(stays, `close_range(${first}, ${last}, 0)`);
    expect(lets).toBeGreaterThan(position(stays, `read(${at("go")}`));
    expect(position(stays, "rt_sigtimedwait(")).toBeGreaterThan(lets);
    expect(position(stays, "wait4(<init>")).toBeGreaterThan(lets);
  });

  test("is not outlived by init", () => {
    const deaths = (steps: Plan): string[] =>
      lines(steps).filter((line) => line.startsWith("prctl(PR_SET_PDEATHSIG, 0"));
    expect(deaths(stays)).toEqual([]);
    expect(deaths(plan(spec(), CREATES))).toHaveLength(1);
  });
});

const READY = [BigInt(EVENT.ready), 0n] as const;
const HANDED = [BigInt(EVENT.handed), 0n] as const;
const WAIT = [...awaitStart(CONTEXT), say("exec")];

describe("init", () => {
  test("dies with its maker before it does anything else", () => {
    const init = lines(after(plan(spec(), CREATES), "init"));
    expect(init[0]).toStartWith("prctl(PR_SET_PDEATHSIG, SIGKILL");
  });

  contract("goes on when it was handed over and started, and tells each", (machine) => {
    const outcome = told(machine, [...gives("hand", "{}\n"), ...gives("start", "1"), ...WAIT]);
    expect(outcome).toMatchObject({ code: 0, events: [READY, HANDED], rest: "exec" });
  });

  contract("ends when hutch dies before it has handed it over", (machine) => {
    const outcome = told(machine, [...gives("hand", undefined), ...gives("start", "1"), ...WAIT]);
    expect(told(machine, [...gives("hand", '{"id":'), ...gives("start", "1"), ...WAIT])).toEqual(outcome);
    expect(outcome).toMatchObject({ code: 125, events: [READY], rest: "" });
  });

  contract("does not go on before it is started", (machine) => {
    const ends = slot("both ends");
    const open = [
      call("make a pipe", "pipe2", [address(ends), 0]),
      compute(ends, ends, "and", 0xffffffff),
      call("hand on", "dup3", [ends, at("start"), 0]),
    ];
    const outcome = told(machine, [...gives("hand", "{}\n"), ...open, ...startClock(0.3), ...WAIT]);
    expect(outcome).toMatchObject({ signal: "SIGALRM", events: [READY, HANDED], rest: "" });
  });

  contract("outlives its maker once it is handed over", (machine) => {
    const [signal, wanted] = [buffer("signal", 8), slot("signal")];
    const outcome = told(machine, [
      call("die with the parent", "prctl", [1, 9, 0, 0, 0]),
      ...gives("hand", "{}\n"),
      ...gives("start", "1"),
      ...awaitStart(CONTEXT),
      call("ask for the death signal", "prctl", [2, signal, 0, 0, 0]),
      { kind: "load", into: wanted, from: signal, offset: 0, size: 4 },
      branch(wanted, "ne", 0, "end"),
      say("none"),
      label("end"),
    ]);
    expect(outcome).toMatchObject({ rest: "none" });
  });

  test("has let go of its privileges and looked for its command before it waits, and executes after", () => {
    const steps = plan(spec(), CREATES);
    const waits = position(steps, `read(${at("start")}`);
    expect(lastPosition(steps, "capset(")).toBeLessThan(waits);
    expect(lastPosition(steps, "faccessat2(")).toBeLessThan(waits);
    expect(position(steps, "execve(")).toBeGreaterThan(waits);
    expect(lines(steps.slice(waits)).join("\n")).not.toContain("PR_SET_PDEATHSIG");
  });

  test("keeps the descriptors by which it hears from hutch, and no exec gets them", () => {
    const first = 3 + PRESERVED;
    const closes = lines(after(plan(spec(), CREATES), "init")).filter((line) =>
      line.startsWith("close_range("),
    );
    expect(closes.map((line) => /\((\d+),/.exec(line)?.[1])).toEqual([
      `${first + CONTROL.length}`,
      `${first}`,
    ]);
    expect(closes[1]).toContain("CLOSE_RANGE_CLOEXEC");
  });
});

test("init pauses for hooks that run before the root is entered, and for no others", () => {
  const hook = [{ path: "/bin/true" }];
  const pauses = (hooks: object, creates = true): boolean =>
    pausesForHooks(context(spec({}, {}, { hooks }), { creates }));
  expect(pauses({})).toBe(false);
  expect(pauses({ startContainer: hook, poststart: hook, poststop: hook, prestart: [] })).toBe(false);
  for (const kind of ["prestart", "createRuntime", "createContainer"]) {
    expect({ kind, pauses: pauses({ [kind]: hook }) }).toEqual({ kind, pauses: true });
    expect(pauses({ [kind]: hook }, false)).toBe(false);
  }
});

describe("a cgroup that systemd makes", () => {
  const cgroup = {
    ...{ create: [], enter: [], into: undefined, remove: [], directories: () => [], views: [], counts: {} },
    settle: () => [say("settled")],
  };
  const unit = { ...CONTEXT, cgroup };
  const CREATOR = [set(PID, 4711), ...handOver(unit, PID, PIDFD), label("undo"), say("undo")];
  const INIT = [...awaitCgroup(unit), say("in the cgroup")];

  contract("is settled by the creator once init has been put into it, and that is told", (machine) => {
    const { stdout } = machine.run([REPORT, ...gives("go", "11"), ...CREATOR]);
    expect(stdout.readBigUInt64LE(0)).toBe(BigInt(EVENT.pid));
    expect(stdout.toString("utf8", 16, 23)).toBe("settled");
    expect(stdout.readBigUInt64LE(23)).toBe(BigInt(EVENT.settled));
    expect(stdout.length).toBe(39);
  });

  contract("is not touched when hutch dies before, and everything is undone", (machine) => {
    expect(told(machine, [...gives("go", undefined), ...CREATOR])).toMatchObject({
      events: [PID_EVENT],
      rest: "undo",
    });
  });

  contract("is undone too when hutch dies before it is written down", (machine) => {
    const { stdout } = machine.run([REPORT, ...gives("go", "1"), ...CREATOR]);
    expect(stdout.toString("utf8", 39)).toBe("undo");
  });

  contract("is waited for by init, which ends without one", (machine) => {
    expect(told(machine, [...gives("hand", "1"), ...INIT])).toMatchObject({ rest: "in the cgroup" });
    expect(told(machine, [...gives("hand", undefined), ...INIT])).toMatchObject({ code: 125, rest: "" });
  });

  test("is not waited for where hutch makes it", () => {
    expect(awaitCgroup(CONTEXT)).toEqual([]);
  });
});
