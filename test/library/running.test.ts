/** What ends a container of the library, and what does not. */
import { describe, expect } from "bun:test";
import { join } from "node:path";

import { statOf } from "../../src/container/process.ts";
import { eventually } from "../support/patience.ts";

import { temporaryDirectory } from "../support/temporary.ts";
import { boxOf, errorOf, isAlive, sharedRoot, withLimits, withRoot } from "./support.ts";

const SLEEP = ["sleep", "60"];

describe("a signal", () => {
  withRoot("reaches the command, and its end is told", async () => {
    const box = await boxOf(["sh", "-c", "trap 'exit 9' TERM; echo ready; while :; do sleep 0.05; done"]);
    const running = await box.start({ stdout: "pipe" });
    await running.stdout.getReader().read();
    expect(running.kill()).toBe(true);
    expect(await running.exited).toMatchObject({ code: 9, signal: null });
    expect(running.kill()).toBe(false);
  });

  withRoot("that nobody knows is refused", async () => {
    await using running = await (await boxOf(SLEEP)).start();
    expect(() => running.kill(99)).toThrow('signal "99"');
  });
});

describe("an end", () => {
  withRoot("comes with the scope of a container that is disposed of", async () => {
    let pid = 0;
    {
      await using running = await (await boxOf(SLEEP)).start();
      pid = running.pid;
      expect(isAlive(pid)).toBe(true);
    }
    expect(isAlive(pid)).toBe(false);
  });

  withRoot("comes by an AbortSignal, before, during and after the start", async () => {
    const box = await boxOf(SLEEP);
    const reason = new Error("no longer wanted");
    expect(await errorOf(box.start({ signal: AbortSignal.abort(reason) }))).toBe(reason);
    const during = new AbortController();
    const starting = errorOf(box.start({ signal: during.signal }));
    setTimeout(() => during.abort(reason), 0);
    expect(await starting).toBe(reason);
    const after = new AbortController();
    const running = await box.start({ signal: after.signal });
    after.abort();
    expect(await running.exited).toMatchObject({ code: null, signal: "SIGKILL" });
  });

  withLimits("comes by the launcher's own, and is told; nothing is left", async () => {
    const running = await (await boxOf(SLEEP, { pids: 20 })).start();
    process.kill(statOf(running.pid)?.parent ?? 0, "SIGKILL");
    const exit = await running.exited;
    expect(exit).toMatchObject({ code: null, signal: "SIGKILL" });
    expect(exit.warnings).toEqual([expect.stringContaining(`the launcher of ${running.id} was killed`)]);
    expect(isAlive(running.pid)).toBe(false);
    const find = ["find", "/sys/fs/cgroup", "-maxdepth", "6", "-name", `hutch-${running.id}`];
    expect(Bun.spawnSync(find).stdout.toString()).toBe("");
  });

  withRoot("comes by the timeout, and says so", async () => {
    const running = await (await boxOf(SLEEP, { timeout: "100ms", init: true })).start();
    expect(await running.exited).toMatchObject({ timedOut: true });
  });
});

/** A program that starts a container, says its pid, and does nothing more. */
async function parent(options: string, start: string) {
  const file = join(temporaryDirectory("parent"), "parent.ts");
  const library = JSON.stringify(join(import.meta.dir, "../../src/index.ts"));
  await Bun.write(
    file,
    `import { container } from ${library};
     const box = container({ root: ${JSON.stringify(await sharedRoot())}, command: ["sleep", "60"], ${options} });
     const running = await box.start(${start});
     console.log(running.pid, running.id);
     if (process.argv[2] === "stay") setInterval(() => {}, 1000); else running.unref();`,
  );
  return (mode: string) =>
    Bun.spawn([process.execPath, file, mode], { stdio: ["ignore", "pipe", "inherit"], timeout: 20_000 });
}

/** The words of its first line. */
async function firstLine(stream: ReadableStream<Uint8Array>): Promise<string[]> {
  const { value } = await stream.getReader().read();
  return new TextDecoder().decode(value).trim().split(" ");
}

describe("a container", () => {
  withLimits("ends with a parent that is killed, and its cgroup is removed", async () => {
    const child = (await parent("pids: 5", "{}"))("stay");
    const [pid, id = ""] = await firstLine(child.stdout);
    expect(isAlive(Number(pid))).toBe(true);
    child.kill("SIGKILL");
    await child.exited;
    expect(await eventually(() => !isAlive(Number(pid)))).toBe(true);
    const find = () =>
      Bun.spawnSync(["find", "/sys/fs/cgroup", "-maxdepth", "6", "-name", `hutch-${id}`]).stdout.toString();
    expect(await eventually(() => find() === "")).toBe(true);
  });

  withRoot("ends with a parent that comes to its end", async () => {
    const child = (await parent("", "{}"))("end");
    const [pid] = await firstLine(child.stdout);
    await child.exited;
    expect(await eventually(() => !isAlive(Number(pid)))).toBe(true);
  });

  withRoot("that is detached outlives its parent", async () => {
    const child = (await parent("", "{ detached: true }"))("end");
    const [pid] = await firstLine(child.stdout);
    expect(await child.exited).toBe(0);
    await Bun.sleep(100);
    expect(isAlive(Number(pid))).toBe(true);
    process.kill(Number(pid), "SIGKILL");
    expect(await eventually(() => !isAlive(Number(pid)))).toBe(true);
  });
});
