/** start: a byte to the socket that init reads, once. */
import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { recordOf } from "../../src/container/draft.ts";
import { start } from "../../src/container/start.ts";
import type { Container, Status } from "../../src/container/state.ts";
import { startSocket } from "../../src/container/store.ts";
import { close, read, setNonblock, using } from "../../src/host/fd.ts";
import { bind, datagramSocket } from "../../src/host/socket.ts";
import type { Hooks } from "../../src/spec/hooks.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const silent = (): void => {};

/** A container that has been created, as far as `start` looks; its socket is not held by anybody. */
function created(hooks: Hooks = {}, status: Status = "created") {
  const root = temporaryDirectory("start");
  const bundle = temporaryDirectory("bundle");
  const [cgroups, namespaces, annotations] = [[], [], {}];
  const rest = { ociVersion: "1.3.0", bundle, rootfs: "/", owner: 0, terminal: false };
  const record = recordOf({ ...rest, cgroups, namespaces, annotations, hooks }, "box");
  mkdirSync(join(root, "box"));
  const path = startSocket(join(root, "box"));
  const container: Container = { root, id: "box", record, status };
  return { container, path };
}

/** Runs `use` while the socket is held as by init; what init could have read then. */
async function heldBy(path: string, use: () => Promise<void>): Promise<number> {
  const init = datagramSocket();
  try {
    bind(init, path);
    setNonblock(init, true);
    await use();
    return read(init, new Uint8Array(new ArrayBuffer(8)));
  } finally {
    close(init);
  }
}

test("init reads one byte, and a socket that is gone says that it was started", async () => {
  const { container, path } = created();
  expect(await heldBy(path, () => start(container, silent))).toBe(1);
  expect(existsSync(path)).toBe(false);
  await expect(start(container, silent)).rejects.toThrow("start container box: another start was faster");
});

test("of many who start at once one has done it, also when init has not read yet", async () => {
  const { container, path } = created();
  await heldBy(path, async () => {
    const starts = Array.from({ length: 20 }, () => start(container, silent));
    const done = (await Promise.allSettled(starts)).filter(({ status }) => status === "fulfilled");
    expect(done).toHaveLength(1);
  });
});

test("an init that has ended is not waited for", async () => {
  const { container, path } = created();
  using(datagramSocket(), (init) => bind(init, path));
  await expect(start(container, silent)).rejects.toThrow("start container box: container not running");
  expect(existsSync(path)).toBe(true);
});

test("a container in any other state is refused, and its socket left alone", async () => {
  for (const status of ["creating", "running", "paused", "stopped"] as const) {
    const { container, path } = created({}, status);
    await expect(heldBy(path, () => start(container, silent))).rejects.toThrow("expected created");
    expect(existsSync(path)).toBe(true);
  }
});

test("poststart hooks hear that the container runs, and one that fails is a warning", async () => {
  const at = join(temporaryDirectory("hook"), "state");
  const hook = { path: "/bin/sh", args: ["sh", "-c", `cat > ${at}`] };
  const { container, path } = created({ poststart: [hook, { path: "/bin/false" }] });
  const warnings: string[] = [];
  await heldBy(path, () => start(container, (line) => warnings.push(line)));
  expect(JSON.parse(readFileSync(at, "utf8"))).toMatchObject({ id: "box", status: "running" });
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toContain("/bin/false");
});
