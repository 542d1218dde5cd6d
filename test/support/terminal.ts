/** Runs a program in a terminal of its own, as a terminal emulator does. */
import { eventually } from "./patience.ts";
import type { SkipReason } from "./skip.ts";
import { lacksProgram } from "./skip.ts";

/** setsid(1) makes the terminal the controlling one, so that the kernel sends SIGWINCH and SIGHUP. */
export const lacksTerminal = (): SkipReason => lacksProgram("setsid");

export interface Pty extends AsyncDisposable {
  readonly pid: number;
  readonly exited: Promise<number>;
  /** What the terminal has shown. */
  readonly bytes: () => Uint8Array;
  readonly text: () => string;
  readonly type: (keys: string | Uint8Array<ArrayBuffer>) => void;
  readonly resize: (columns: number, rows: number) => void;
  /** The four mode words of termios. */
  readonly modes: () => readonly number[];
  /** Waits until the terminal has shown it; throws with all that it has shown when that is not so in time. */
  readonly shows: (what: string | RegExp) => Promise<string>;
}

/** Starts a program on a new terminal. */
export function inTerminal(command: readonly string[], size = { columns: 80, rows: 24 }): Pty {
  const chunks: Uint8Array[] = [];
  const terminal = new Bun.Terminal({
    cols: size.columns,
    rows: size.rows,
    data: (_, chunk) => void chunks.push(chunk.slice()),
  });
  const child = Bun.spawn(["setsid", "-c", ...command], { terminal, killSignal: "SIGKILL", timeout: 60_000 });
  const bytes = (): Uint8Array => Buffer.concat(chunks);
  const text = (): string => new TextDecoder().decode(bytes());
  const matches = (what: string | RegExp): boolean =>
    typeof what === "string" ? text().includes(what) : what.test(text());
  return {
    pid: child.pid,
    exited: child.exited,
    bytes,
    text,
    type: (keys) => void terminal.write(keys),
    resize: (columns, rows) => terminal.resize(columns, rows),
    modes: () => [terminal.inputFlags, terminal.outputFlags, terminal.controlFlags, terminal.localFlags],
    shows: async (what) => {
      if (await eventually(() => matches(what))) return text();
      throw new Error(`the terminal does not show ${what}, but ${JSON.stringify(text())}`);
    },
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await child.exited;
      terminal.close();
    },
  };
}
