/** The parts of a plan that stay outside of the container: clock, signals, terminal. */
import { describe, expect, test } from "bun:test";
import { SIGNALS } from "../../src/linux/signal.ts";
import { slot } from "../../src/plan/build.ts";
import { leaveRawMode } from "../../src/plan/raw-mode.ts";
import { reap } from "../../src/plan/reaper.ts";
import { superviseTerminal } from "../../src/plan/relay.ts";
import { restoreMask, TAKEN, takeSignals } from "../../src/plan/signal.ts";
import { startClock, superviseChild } from "../../src/plan/supervise.ts";
import { attachTerminal, openPair, openTerminal } from "../../src/plan/terminal.ts";
import { calls, context, lines, position, process, spec } from "./fixture.ts";

const CHILD = { pid: slot("pid"), pidfd: slot("pidfd") };
const bit = (name: keyof typeof SIGNALS): bigint => 1n << BigInt(SIGNALS[name] - 1);

describe("signals", () => {
  test("all are taken but those that stop a job", () => {
    for (const name of [
      "SIGTERM",
      "SIGINT",
      "SIGHUP",
      "SIGCHLD",
      "SIGWINCH",
      "SIGCONT",
      "SIGUSR1",
    ] as const) {
      expect({ name, taken: (TAKEN & bit(name)) !== 0n }).toEqual({ name, taken: true });
    }
    for (const name of ["SIGTSTP", "SIGTTIN", "SIGTTOU"] as const) expect(TAKEN & bit(name)).toBe(0n);
    expect(TAKEN >> 64n).toBe(0n);
    expect((TAKEN >> 63n) & 1n).toBe(1n);
  });

  test("what Bun ignores has its default action again, and the mask is kept for the program", () => {
    const text = lines(takeSignals()).join("\n");
    for (const name of ["SIGPIPE", "SIGXFSZ", "SIGCHLD"]) expect(text).toContain(`rt_sigaction(${name}`);
    const kept = calls(takeSignals())[0]?.args[2];
    expect(kept).toMatchObject({ kind: "buffer" });
    const restore = restoreMask();
    expect(restore.kind === "call" ? restore.args[1] : undefined).toEqual(kept);
  });

  test("from outside they reach the child by pidfd, from an init by its pid", () => {
    expect(lines(superviseChild(CHILD, 0, "x")).join("\n")).toContain("pidfd_send_signal(<pidfd>, <signal>");
    const inside = lines(superviseChild({ ...CHILD, pidfd: undefined }, 0, "x", -1)).join("\n");
    expect(inside).toContain("kill(<pid>, <signal>)");
    expect(inside).not.toContain("pidfd_send_signal");
    expect(inside).toContain("wait4(-1, [wait status]");
  });
});

describe("--timeout", () => {
  test("without a time there is no clock, and SIGALRM is the container's", () => {
    expect(startClock(0)).toEqual([]);
    expect(lines(superviseChild(CHILD, 0, "x")).join("\n")).not.toContain("SIGKILL");
  });

  test("a fraction of a second becomes microseconds, and the next alarm comes after the grace", () => {
    expect(lines(startClock(1.25))).toEqual([
      "setitimer(ITIMER_REAL, {it_interval.tv_sec=2, it_value.tv_sec=1, it_value.tv_usec=250000}, NULL)",
    ]);
  });

  test("no time is rounded to a clock that never rings, or to a second of a million microseconds", () => {
    expect(lines(startClock(1e-7)).join()).toContain("it_value.tv_usec=1}");
    expect(lines(startClock(0.9999999)).join()).toContain("it_value.tv_sec=1}");
  });

  test("the first alarm asks, every other kills", () => {
    const text = lines(superviseChild(CHILD, 5, "x"));
    const asks = text.findIndex((line) => line.includes("<pidfd>, SIGTERM"));
    expect(text.findIndex((line) => line.includes("<pidfd>, SIGKILL"))).toBeGreaterThan(asks);
    expect(asks).toBeGreaterThan(0);
  });
});

describe("--init", () => {
  test("holds no descriptor open, and reaps everybody", () => {
    const steps = reap(false);
    expect(lines(steps).join("\n")).toContain("wait4(-1");
    expect(position(steps, "close_range(0")).toBeLessThan(position(steps, "rt_sigtimedwait("));
  });

  test("splits in two by a call that filters can look into", () => {
    expect(lines(reap(false))[0]).toStartWith("clone(SIGCHLD, ");
  });

  test("the command has a group of its own, which has the terminal if there is one", () => {
    expect(lines(reap(false)).at(-1)).toBe("setpgid(0, 0)");
    const text = lines(reap(true));
    const mask = text.findLastIndex((line) => line.startsWith("rt_sigprocmask(SIG_BLOCK"));
    expect(text.findIndex((line) => line.includes("TIOCSPGRP"))).toBeGreaterThan(mask);
    expect(mask).toBeGreaterThan(text.indexOf("setpgid(0, 0)"));
  });
});

describe("a terminal", () => {
  const inside = context(spec({ terminal: true, consoleSize: { height: 30, width: 70 } }));

  test("is opened inside the root, and its slave by the master's descriptor", () => {
    const steps = openTerminal(inside, process({ consoleSize: { height: 30, width: 70 } }));
    const text = lines(steps);
    expect(text[0]).toContain('openat2(<root>, "/dev/pts/ptmx"');
    expect(text[0]).toContain("RESOLVE_IN_ROOT");
    expect(text.join("\n")).toContain("TIOCGPTPEER");
    expect(text.join("\n")).toContain("ws_row=30, ws_col=70");
  });

  test("has no size of its own without consoleSize", () => {
    expect(lines(openPair(process())).join("\n")).not.toContain("TIOCSWINSZ");
  });

  test("becomes the three standard streams and belongs to the user", () => {
    const text = lines(attachTerminal(process({ user: { uid: 7, gid: 8 } })));
    expect(text.filter((line) => line.startsWith("dup3("))).toEqual([
      "dup3(<terminal>, 0, 0)",
      "dup3(<terminal>, 1, 0)",
      "dup3(<terminal>, 2, 0)",
    ]);
    expect(text.find((line) => line.startsWith("fchownat("))).toContain('<terminal>, "", 7, -1');
  });

  test("is given back on the way out, and only if it was taken", () => {
    const steps = superviseTerminal(CHILD, 0);
    const text = lines(steps);
    expect(text.filter((line) => line.includes("TCSETS, [caller's termios]")).length).toBe(1);
    expect(text.findLastIndex((line) => line.includes("TCSETS, [caller's termios]"))).toBeGreaterThan(
      text.findIndex((line) => line.includes("TCSETS, [raw termios]")),
    );
    expect(leaveRawMode("x")[0]).toMatchObject({ kind: "branch", is: "eq", right: 0, to: "x" });
  });
});
