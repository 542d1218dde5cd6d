/** Command lines of `exec`, made of a seed: of words that readers of options could take for one another. */
import { randomNumbers } from "../emit/random-plan.ts";

const PARTS = [
  ...["--process", "--process=", "--process=/p", "-p", "-p=/p", "-p/p", "--pid-file", "--pid-file=/f"],
  ...["--pid-file=", "--console-socket", "--console-socket=/s", "--detach", "-d", "--detach=1", "-dt"],
  ...["--tty", "-t", "-td", "--no-new-privs", "--ignore-paused", "--env", "-e", "-e=A=b", "-eA=b", "A=b"],
  ...["--cwd", "--cwd=/", "-cwd", "--user", "-u0", "--preserve-fds=1", "--pidfd-socket=/x", "--unknown"],
  ...["-process", "-pid-file", "-detach", "--", "-", "", "box", "box", "box", "/p", "/f", "sh", "-c", "ü"],
];

export function randomWords(seed: number): string[] {
  const random = randomNumbers(seed);
  return Array.from({ length: random(9) }, () => PARTS[random(PARTS.length)] ?? "");
}

/** Lines as engines and people write them. */
export const ENGINES: readonly (readonly string[])[] = [
  ["--process", "/tmp/runc-process1", "--detach", "--pid-file", "/run/x.pid", "box"],
  ["--process", "/p", "--console-socket", "/tmp/pty/pty.sock", "--detach", "--pid-file", "/f", "box"],
  ["--pid-file", "/f", "--process", "/p", "--detach", "box"],
  ["--pid-file=/f", "--process=/p", "-d", "box"],
  ["--process", "/p", "box"],
  ["-p", "/p", "-d", "box"],
  ["--process", "/p", "--pid-file", "/f", "box"],
  ["--env", "A=B", "-e", "C=D", "--env=E=F", "box", "env"],
  ["-t", "box", "sh"],
  ["--cwd", "/", "--user", "1000:1000", "--no-new-privs", "box", "sh", "-c", "exec true"],
  ["box", "sh", "--process", "/p"],
  ["-d", "box", "true"],
];
