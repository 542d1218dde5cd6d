/** hutch exec -t: a terminal of the container's devpts, relayed or handed over. */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { close, read } from "../../src/host/fd.ts";
import { call } from "../../src/host/syscall.ts";
import { HutchError } from "../../src/linux/error.ts";
import { receiver } from "../support/descriptor.ts";
import { HUTCH } from "../support/hutch.ts";
import { eventually } from "../support/patience.ts";
import { anyReason, testUnless } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { inTerminal, lacksTerminal } from "../support/terminal.ts";
import { asRoot, type Box, box, EXEC_REASON, textOf } from "./support-exec.ts";

const withPty = testUnless(anyReason(EXEC_REASON, lacksTerminal()));

let one: Box;
beforeAll(async () => {
  if (EXEC_REASON === undefined) one = await box();
});
afterAll(async () => {
  if (EXEC_REASON === undefined) await one[Symbol.asyncDispose]();
});

const pty = (script: string) =>
  inTerminal([HUTCH, "--root", one.root, "exec", "-t", one.id, "sh", "-c", script]);

describe("a relayed terminal", () => {
  asRoot(
    "three hundred in a row lose no byte of what was written last",
    async () => {
      const expected = `${"0123456789abcdef".repeat(1024)}end`;
      writeFileSync(join(one.files, "home/text"), expected);
      for (let each = 0; each < 300; each += 1) {
        const { stdout, code } = await one.exec(["-t", "ID", "cat", "/home/text"]);
        expect({ each, whole: stdout === expected, code }).toEqual({ each, whole: true, code: 0 });
      }
    },
    120_000,
  );

  withPty("is the container's own, and controls the command", async () => {
    await using terminal = pty("tty; ps -o tty,args | grep '[t]ty;' >/dev/null && echo controlled; exit 9");
    expect(await terminal.exited).toBe(9);
    expect(terminal.text()).toMatch(/^\/dev\/pts\/\d+\r\n/);
  });

  withPty("takes keys, the window's size and its changes", async () => {
    await using terminal = pty("stty size; read x; echo got $x; stty size");
    await terminal.shows("24 80");
    terminal.resize(100, 30);
    terminal.type("keys\r");
    await terminal.shows("got keys");
    await terminal.shows("30 100");
    expect(await terminal.exited).toBe(0);
  });

  withPty("gives the caller's terminal back as it was", async () => {
    await using terminal = inTerminal([
      ...["sh", "-c", `stty -g; ${HUTCH} --root ${one.root} exec -t ${one.id} nosuch; stty -g`],
    ]);
    expect(await terminal.exited).toBe(0);
    const modes = terminal.text().match(/^[0-9a-f]+(:[0-9a-f]+){10,}/gm) ?? [];
    expect(modes.length).toBe(2);
    expect(modes[1]).toBe(modes[0] ?? "");
    expect(terminal.text()).toContain("executable file not found");
  });
});

/** Everything that a terminal shows until its last user has gone, which reading tells with EIO. */
function readTerminal(master: number): string {
  const decoder = new TextDecoder();
  const chunk = new Uint8Array(new ArrayBuffer(4096));
  let text = "";
  try {
    for (;;) {
      const count = read(master, chunk, "the terminal");
      if (count === 0) return text;
      text += decoder.decode(chunk.subarray(0, count), { stream: true });
    }
  } catch (error) {
    if (error instanceof HutchError && error.errno === "EIO") return text;
    throw error;
  } finally {
    close(master);
  }
}

describe("a terminal that is handed over", () => {
  asRoot("goes to the console socket, with the size of the process file", async () => {
    const directory = temporaryDirectory("console");
    const file = join(directory, "process.json");
    const description = {
      terminal: true,
      consoleSize: { width: 91, height: 37 },
      args: ["sh", "-c", "tty; stty size; id -u; ls -ln $(tty)"],
      cwd: "/",
      env: ["PATH=/bin"],
      user: { uid: 1000, gid: 1000 },
    };
    writeFileSync(file, JSON.stringify(description));
    using console = receiver(join(directory, "s"));
    const sockets = ["--console-socket", join(directory, "s")];
    const done = await one.exec(["--process", file, "--detach", ...sockets, "ID"]);
    expect(done).toMatchObject({ code: 0, stderr: "" });
    const text = readTerminal(console.receive());
    expect(text).toMatch(/^\/dev\/pts\/\d+\r\n37 91\r\n1000\r\n/);
    expect(text).toMatch(/crw--w---- +1 1000 +5 /);
  });

  asRoot("no descriptor of the socket is left when the command cannot run", async () => {
    const directory = temporaryDirectory("console");
    using console = receiver(join(directory, "s"));
    const sockets = ["--console-socket", join(directory, "s")];
    const done = await one.exec(["-t", "--detach", ...sockets, "ID", "nosuch"]);
    expect(done.code).toBe(127);
    expect(readTerminal(console.receive())).toBe("");
  });

  for (const [name, options] of [
    ["in the foreground", []],
    ["detached", ["--detach"]],
  ] as const) {
    asRoot(`a pidfd of the command goes to the pidfd socket: ${name}`, async () => {
      const directory = temporaryDirectory("pidfd");
      using socket = receiver(join(directory, "s"));
      const words = [...options, "--pidfd-socket", join(directory, "s"), "ID", "sleep", "30"];
      const pidFile = join(directory, "pid");
      const done = one.exec([
        "--pid-file",
        pidFile,
        ...words.slice(0, -2),
        "sh",
        "-c",
        "exec >&- 2>&-; exec sleep 30",
      ]);
      if (options.length > 0) await done;
      else expect(await eventually(() => textOf(pidFile) !== "")).toBe(true);
      const pidfd = socket.receive();
      const pid = /^Pid:\t(\d+)$/m.exec(textOf(`/proc/self/fdinfo/${pidfd}`))?.[1];
      expect(pid).toBe(textOf(pidFile));
      call("end the command", "pidfd_send_signal", pidfd, 9, 0, 0);
      close(pidfd);
      expect((await done).code).toBe(options.length > 0 ? 0 : 137);
    });
  }
});
