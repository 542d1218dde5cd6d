/** start: a byte through the FIFO that init reads, once. */
import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { recordOf } from "../../src/container/draft.ts";
import { start } from "../../src/container/start.ts";
import type { Container, Status } from "../../src/container/state.ts";
import { startFifo } from "../../src/container/store.ts";
import { close, open, read } from "../../src/host/fd.ts";
import { call } from "../../src/host/syscall.ts";
import { AT_FDCWD, LOCK_EX, O_NONBLOCK, O_RDONLY, O_RDWR } from "../../src/linux/fcntl.ts";
import { S_IFIFO } from "../../src/linux/stat.ts";
import type { Hooks } from "../../src/spec/hooks.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const silent = (): void => {};

/** A container that has been created, as far as `start` looks; its FIFO is not held by anybody. */
function created(hooks: Hooks = {}, status: Status = "created") {
  const root = temporaryDirectory("start");
  const bundle = temporaryDirectory("bundle");
  const [cgroups, namespaces, annotations] = [[], [], {}];
  const rest = { ociVersion: "1.3.0", bundle, rootfs: "/", owner: 0, terminal: false };
  const record = recordOf({ ...rest, cgroups, namespaces, annotations, hooks }, "box");
  mkdirSync(join(root, "box"));
  const fifo = startFifo(join(root, "box"));
  call("make the FIFO", "mknodat", AT_FDCWD, fifo, S_IFIFO | 0o600, 0);
  const container: Container = { root, id: "box", record, status };
  return { container, fifo };
}

/** Runs `use` while the FIFO is held as init does; what init has read then. */
async function heldBy(fifo: string, use: () => Promise<void>): Promise<number> {
  const init = open(fifo, O_RDWR | O_NONBLOCK);
  try {
    await use();
    return read(init, new Uint8Array(new ArrayBuffer(8)));
  } finally {
    close(init);
  }
}

test("init reads one byte, and a FIFO without a name says that it was started", async () => {
  const { container, fifo } = created();
  expect(await heldBy(fifo, () => start(container, silent))).toBe(1);
  expect(existsSync(fifo)).toBe(false);
  await expect(start(container, silent)).rejects.toThrow(`open ${fifo}`);
});

test("while another start has the lock, nothing is written", async () => {
  const { container, fifo } = created();
  const other = open(fifo, O_RDONLY | O_NONBLOCK);
  call("lock", "flock", other, LOCK_EX);
  await expect(start(container, silent)).rejects.toThrow("start container box: another start was faster");
  expect(read(other, new Uint8Array(new ArrayBuffer(1)))).toBe(0);
  expect(existsSync(fifo)).toBe(true);
  close(other);
});

test("an init that has ended is not waited for", async () => {
  const { container } = created();
  await expect(start(container, silent)).rejects.toThrow("ENXIO");
});

test("a container in any other state is refused, and its FIFO left alone", async () => {
  for (const status of ["creating", "running", "paused", "stopped"] as const) {
    const { container, fifo } = created({}, status);
    await expect(heldBy(fifo, () => start(container, silent))).rejects.toThrow("expected created");
    expect(existsSync(fifo)).toBe(true);
  }
});

test("poststart hooks hear that the container runs, and one that fails is a warning", async () => {
  const at = join(temporaryDirectory("hook"), "state");
  const hook = { path: "/bin/sh", args: ["sh", "-c", `cat > ${at}`] };
  const { container, fifo } = created({ poststart: [hook, { path: "/bin/false" }] });
  const warnings: string[] = [];
  await heldBy(fifo, () => start(container, (line) => warnings.push(line)));
  expect(JSON.parse(readFileSync(at, "utf8"))).toMatchObject({ id: "box", status: "running" });
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toContain("/bin/false");
});
