/** Containers and processes of the library with a terminal of their own, and the window it has. */
import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { close } from "../../src/host/fd.ts";
import { windowSize } from "../../src/host/terminal.ts";
import { container, type RunningProcess } from "../../src/index.ts";
import { checkSize, openWindow, refuseStderr } from "../../src/library/window.ts";
import { eventually } from "../support/patience.ts";
import { lacksFile, testUnless } from "../support/skip.ts";
import { boxOf, errorOf, sharedRoot, withRoot } from "./support.ts";

const PIPES = { stdin: "pipe", stdout: "pipe" } as const;
const SHELL = ["sh", "-c", "tty; stty size; exec sh"];
const PLAIN = { env: { TERM: "dumb", PS1: "# " } };

/** Types into a terminal, and reads what it shows. */
function typist({ stdin, stdout }: RunningProcess<"pipe", "pipe">) {
  const decoder = new TextDecoder();
  let shown = "";
  const reading = (async () => {
    for await (const piece of stdout) shown += decoder.decode(piece, { stream: true });
  })();
  return {
    type: (text: string): void => {
      stdin.write(text);
      stdin.flush();
    },
    shows: (text: string) => eventually(() => shown.includes(text)),
    all: () => reading.then(() => shown),
  };
}

testUnless(lacksFile("/dev/ptmx"))("a window has the size it was given last, until it is closed", () => {
  const window = openWindow({ columns: 100, rows: 30 });
  expect(windowSize(window.stream)).toEqual({ columns: 100, rows: 30 });
  expect(window.resize({ columns: 120, rows: 40 })).toBe(true);
  expect(windowSize(window.stream)).toEqual({ columns: 120, rows: 40 });
  window.close();
  expect(window.resize({ columns: 1, rows: 1 })).toBe(false);
  close(window.stream);
});

test("a size that no terminal has is refused, and so is a stream beside it", () => {
  expect(checkSize("x", { columns: 65535, rows: 1 })).toEqual({ columns: 65535, rows: 1 });
  for (const columns of [0, -1, 1.5, 65536, Number.NaN]) {
    expect(() => checkSize("resize", { columns, rows: 24 })).toThrow("resize: expected columns and rows");
  }
  expect(() => refuseStderr("pipe")).toThrow("stderr: what is written to a terminal comes by stdout");
  for (const stream of [undefined, "ignore"]) expect(refuseStderr(stream)).toBeUndefined();
});

withRoot("a container has a terminal: keys, output, ^C, its size and the change of it", async () => {
  const box = await boxOf(SHELL, { ...PLAIN, terminal: { columns: 100, rows: 30 } });
  const running = await box.start(PIPES);
  const { type, shows, all } = typist(running);
  expect(await shows("/dev/pts/0\r\n30 100\r\n")).toBe(true);
  expect(running.resize(120, 40)).toBe(true);
  type("stty size\n");
  expect(await shows("40 120\r\n")).toBe(true);
  type("sleep 60 || echo interrupted $((40+2))\n");
  await Bun.sleep(200);
  type("\x03");
  type("echo again $((40+3)); exit 5\n");
  expect(await running.exited).toMatchObject({ code: 5, warnings: [] });
  expect(running.resize(1, 1)).toBe(false);
  expect(await all()).toContain("again 43\r\n");
});

withRoot("a process more has one too, and the end of its input is ^D", async () => {
  await using box = await (await boxOf(["sleep", "60"])).start();
  const added = await box.exec(SHELL, { ...PLAIN, ...PIPES, terminal: true });
  const { shows } = typist(added);
  expect(await shows("/dev/pts/0\r\n24 80\r\n")).toBe(true);
  expect(added.resize(90, 20)).toBe(true);
  added.stdin.end();
  expect(await added.exited).toMatchObject({ code: 0, signal: null });
  expect(() => box.resize(1, 1)).toThrow("resize: there is no terminal");
});

withRoot("no descriptor of the host's is open beside it, in the container and in what is added", async () => {
  const list = ["sh", "-c", "ls /proc/self/fd; cat"];
  await using box = await (await boxOf(list, { terminal: true })).start(PIPES);
  const added = await box.exec(["ls", "/proc/self/fd"], { terminal: true, stdout: "pipe" });
  const columns = /^0 +1 +2 +3\r\n/;
  expect(await added.stdout.text()).toMatch(columns);
  const { shows } = typist(box);
  expect(await shows("3\r\n")).toBe(true);
});

withRoot("what is written last is read, however much it is; whoever kills it need not read", async () => {
  const much = await boxOf(["sh", "-c", "head -c 300000 /dev/zero | tr '\\0' x; echo end"], {
    terminal: true,
  });
  const open = () => readdirSync("/proc/self/fd").length;
  await (await much.start({ stdout: "ignore" })).exited;
  const before = open();
  const running = await much.start({ stdout: "pipe" });
  expect((await running.stdout.text()).slice(-6)).toBe("xend\r\n");
  for (const _ of [1, 2, 3]) {
    const unread = await much.start({ stdout: "pipe" });
    await Bun.sleep(100);
    unread.kill("SIGKILL");
    await unread.exited;
  }
  const isLetGo = () => {
    Bun.gc(true);
    return open() <= before + 1;
  };
  expect(await eventually(isLetGo)).toBe(true);
});

withRoot("a bundle's terminal is as its configuration says; stderr is none of its streams", async () => {
  const bundle = await sharedRoot();
  const { spec } = await boxOf(["sh", "-c", "tty; stty size"]);
  const process = { ...spec.process, terminal: true, consoleSize: { width: 90, height: 20 } };
  await Bun.write(`${bundle}/terminal.json`, JSON.stringify({ ...spec, root: { path: "." }, process }));
  const box = container({ bundle, config: `${bundle}/terminal.json` });
  const running = await box.start({ stdout: "pipe" });
  expect(await running.stdout.text()).toBe("/dev/pts/0\r\n20 90\r\n");
  expect(await errorOf(box.start({ stderr: "pipe" }))).toMatchObject({ operation: "stderr" });
});
