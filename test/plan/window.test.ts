/** The container's terminal is as large as the caller's before its command can ask. */
import { expect, test } from "bun:test";
import { TIOCGWINSZ, TIOCSWINSZ } from "../../src/linux/ioctl.ts";
import { slot } from "../../src/plan/build.ts";
import { member } from "../../src/plan/member.ts";
import { openTerminal } from "../../src/plan/terminal.ts";
import { copyWindow } from "../../src/plan/window.ts";
import { calls, context, lines, position, process, spec } from "./fixture.ts";

const inside = context(spec({ terminal: true }));

test("is copied from standard input, or else from standard output or error", () => {
  const steps = calls(copyWindow(slot("terminal"), "copied"));
  expect(steps.map(({ args }) => args.slice(0, 2))).toEqual([
    [0, TIOCGWINSZ],
    [1, TIOCGWINSZ],
    [2, TIOCGWINSZ],
    [slot("terminal"), TIOCSWINSZ],
  ]);
});

test("is set by whoever makes the terminal, before it is handed to the launcher", () => {
  const joining = { namespaces: 0, tasks: [], unified: [], pidFile: undefined, sendsPidfd: false };
  for (const steps of [
    openTerminal(inside, process()),
    member(inside, process({ terminal: true }), { ...joining, detached: false }),
  ])
    expect(position(steps, "TIOCSWINSZ")).toBeLessThan(position(steps, "sendmsg("));
});

test("is not that of a caller who hands the terminal on", () => {
  const created = context(spec({ terminal: true }), { creates: true });
  expect(lines(openTerminal(created, process())).join("\n")).not.toContain("TIOCSWINSZ");
});
