import { expect, test } from "bun:test";
import { statOf } from "../../src/container/process.ts";
import {
  choose,
  chooseFromPs,
  commandColumn,
  startColumn,
  table,
  terminalColumn,
  timeColumn,
  userNames,
} from "../../src/container/ps.ts";
import { lacksProgram, testUnless } from "../support/skip.ts";

test("of the output of ps the title stays, and the lines with these numbers in the column PID", () => {
  const text = "USER   PID COMMAND\nroot     1 init 42\nroot    42 sh\napp    421 sh\n";
  expect(choose(text, new Set([42]))).toBe("USER   PID COMMAND\nroot    42 sh\n");
  expect(choose("  PID\n    1\n   42\n", new Set([1]))).toBe("  PID\n    1\n");
});

test("output without a column PID is refused as runc refuses it", () => {
  expect(() => choose("COMMAND\nsh\n", new Set([1]))).toThrow("couldn't find PID field in ps output");
});

testUnless(lacksProgram("ps"))(
  "the ps of the machine is run with the arguments, and its failure told",
  () => {
    const text = chooseFromPs(["-A", "-o", "pid,ppid"], new Set([process.pid]));
    expect(text.split("\n").map((line) => line.trim().split(/\s+/))).toEqual([
      ["PID", "PPID"],
      [`${process.pid}`, `${process.ppid}`],
      [""],
    ]);
    expect(() => chooseFromPs(["--no-such-option"], new Set())).toThrow(
      "run ps --no-such-option: exit code 1",
    );
  },
);

test("what a container calls its process cannot move the caller's cursor or end the line", () => {
  expect(commandColumn("sh\0-c\0a b\0", "sh")).toBe("sh -c a b");
  expect(commandColumn("\x1b[2J\0x\ny\u202e\u2028\u009b\0", "sh")).toBe("?[2J x?y???");
  expect(commandColumn("", "kworker/0:1")).toBe("[kworker/0:1]");
  expect(commandColumn("", "a\nb")).toBe("[a?b]");
});

test("processor time is hours, minutes and seconds", () => {
  expect([0, 99, 100, 6000, 360_000, 36_610_100].map(timeColumn)).toEqual([
    "00:00:00",
    "00:00:00",
    "00:00:01",
    "00:01:00",
    "01:00:00",
    "101:41:41",
  ]);
});

test("the start is a time of the last day, or an earlier day", () => {
  const now = new Date(2026, 10, 23, 16, 30);
  expect(startColumn(new Date(2026, 10, 23, 9, 5), now)).toBe("09:05");
  expect(startColumn(new Date(2026, 10, 3, 9, 5), now)).toBe("Nov03");
});

test("terminals are named by their numbers", () => {
  const device = (major: number, minor: number): number =>
    (major << 8) | (minor & 0xff) | ((minor & 0xfff00) << 12);
  expect(terminalColumn(0)).toBe("?");
  expect(terminalColumn(device(136, 5))).toBe("pts/5");
  expect(terminalColumn(device(136, 300))).toBe("pts/300");
  expect(terminalColumn(device(137, 1))).toBe("pts/257");
  expect(terminalColumn(device(4, 1))).toBe("tty1");
  expect(terminalColumn(device(4, 64))).toBe("ttyS0");
  expect(terminalColumn(device(5, 1))).toBe("5:1");
});

test("the first name of a number counts", () => {
  const names = userNames(
    "root:x:0:0:root:/root:/bin/sh\ntoor:x:0:0::/:\nbad line\napp:x:1000:1000::/:/bin/sh\n",
  );
  expect([...names]).toEqual([
    ["0", "root"],
    ["1000", "app"],
  ]);
});

test("the table shows this process with its parent", () => {
  const stat = statOf(process.pid);
  const [title, line] = table(stat === undefined ? [] : [stat]).split("\n");
  expect(title).toBe("UID          PID    PPID  C STIME TTY          TIME CMD");
  expect(line?.trim().split(/\s+/).slice(1, 3)).toEqual([`${process.pid}`, `${process.ppid}`]);
});
