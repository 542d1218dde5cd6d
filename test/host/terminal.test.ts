import { expect } from "bun:test";
import { close, open } from "../../src/host/fd.ts";
import { call } from "../../src/host/syscall.ts";
import { isTerminal, windowSize } from "../../src/host/terminal.ts";
import { O_NOCTTY, O_RDONLY, O_RDWR } from "../../src/linux/fcntl.ts";
import { TIOCSWINSZ } from "../../src/linux/ioctl.ts";
import { lacksFile, testUnless } from "../support/skip.ts";

testUnless(lacksFile("/dev/ptmx"))("a terminal is one, and has the window size that was set", () => {
  const terminal = open("/dev/ptmx", O_RDWR | O_NOCTTY);
  expect(isTerminal(terminal)).toBeTrue();
  expect(windowSize(terminal)).toEqual({ rows: 0, columns: 0 });
  call(
    "set the size",
    "ioctl",
    terminal,
    TIOCSWINSZ,
    new Uint8Array(new Uint16Array([43, 132, 0, 0]).buffer),
  );
  expect(windowSize(terminal)).toEqual({ rows: 43, columns: 132 });
  close(terminal);
});

testUnless(lacksFile("/dev/null"))("a device that is no terminal has no window", () => {
  const device = open("/dev/null", O_RDONLY);
  expect(isTerminal(device)).toBeFalse();
  expect(windowSize(device)).toBeUndefined();
  close(device);
  expect(isTerminal(device)).toBeFalse();
});
