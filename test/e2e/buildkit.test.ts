/**
 * BuildKit's way to call a runtime (executor/runcexecutor, by go-runc): `run --keep` in the foreground with its
 * output in pipes, `state` until it runs, `exec --process`, `kill`, `delete`; every call with the same options.
 */
import { expect } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { HUTCH, run } from "../support/hutch.ts";
import { eventually } from "../support/patience.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { type Change, freshId, withLinux } from "./support-inside.ts";
import { asRoot, limited, type Place, place, remains } from "./support-lifecycle.ts";

/** What go-runc puts before each command: root, log, its format, and rootless when it is set. */
function callerOf({ root }: Place, ...more: readonly string[]) {
  const log = join(temporaryDirectory("buildkit"), "runc-log.json");
  const globals = ["--root", root, "--log", log, "--log-format", "json", ...more];
  return {
    log,
    call: (...words: readonly string[]) => run([HUTCH, ...globals, ...words]),
    /** In a process group of its own, as go-runc's Setpgid has it. */
    start: (...words: readonly string[]) =>
      Bun.spawn([HUTCH, ...globals, ...words], {
        stdout: "pipe",
        stderr: "pipe",
        stdin: "ignore",
        detached: true,
      }),
  };
}

const state = (text: string): { id: string; pid: number; status: string; bundle: string; created: string } =>
  JSON.parse(text);

/** A hook keeps hutch beside the container: the calls must not tell the difference. */
const hooked: Change = (spec) => ({ ...spec, hooks: { createRuntime: [{ path: "/bin/true" }] } });
const KINDS: readonly (readonly [string, Change])[] = [
  ["a container", limited],
  ["a container with hooks", (spec) => hooked(limited(spec))],
];

for (const [name, how] of KINDS) {
  asRoot(`${name}: a step of a build runs, its output and exit code come, and delete clears up`, async () => {
    const where = await place("echo out; echo err >&2; exit 3", how);
    const { call } = callerOf(where);
    const id = freshId();
    const { code, stdout, stderr } = await call("run", "--bundle", where.bundle, "--keep", id);
    expect({ code, stdout, stderr }).toEqual({ code: 3, stdout: "out\n", stderr: "err\n" });
    expect(state((await call("state", id)).stdout)).toMatchObject({
      id,
      status: "stopped",
      bundle: where.bundle,
    });
    expect((await call("delete", id)).code).toBe(0);
    expect(remains(where, id)).toEqual([]);
  });

  asRoot(
    `${name}: state until it runs, exec with a file of the process, kill by number, delete`,
    async () => {
      const where = await place("sleep 1000", how);
      const { call, start, log } = callerOf(where, "--rootless=false");
      const id = freshId();
      const pidFile = join(temporaryDirectory("buildkit"), "pid");
      const step = start("run", "--bundle", where.bundle, "--pid-file", pidFile, "--keep", id);
      const isRunning = async (): Promise<boolean> => {
        const { code, stdout } = await call("state", id);
        return code === 0 && state(stdout).status === "running";
      };
      expect(await eventually(isRunning)).toBe(true);
      const { pid, created } = state((await call("state", id)).stdout);
      expect(pid).toBe(Number(readFileSync(pidFile, "utf8")));
      expect(Number.isNaN(Date.parse(created))).toBe(false);
      const file = join(temporaryDirectory("buildkit"), "process.json");
      const args = ["/bin/sh", "-c", "echo $A; exit 4"];
      writeFileSync(
        file,
        JSON.stringify({ args, cwd: "/", env: ["A=1", "PATH=/bin"], user: { uid: 0, gid: 0 } }),
      );
      expect(await call("exec", "--process", file, id)).toMatchObject({ code: 4, stdout: "1\n", stderr: "" });
      expect((await call("kill", id, "9")).code).toBe(0);
      expect(await step.exited).toBe(137);
      expect(await eventually(() => !existsSync(`/proc/${pid}`))).toBe(true);
      expect((await call("delete", id)).code).toBe(0);
      // What is gone is told with the words that go-runc's callers look for.
      expect((await call("state", id)).code).toBe(1);
      const lines = readFileSync(log, "utf8").trim().split("\n");
      expect(JSON.parse(lines.at(-1) ?? "")).toMatchObject({
        level: "error",
        msg: expect.stringContaining("does not exist"),
      });
      expect(remains(where, id)).toEqual([]);
    },
  );
}

asRoot(
  "a step that cannot begin is an error in the log, keeps nothing running, and its id is free after delete",
  async () => {
    const where = await place("true", (spec) =>
      withLinux({})({ ...spec, process: { cwd: "/", args: ["/nowhere"] } }),
    );
    const { call, log } = callerOf(where);
    const id = freshId();
    const { code, stderr } = await call("run", "--bundle", where.bundle, "--keep", id);
    expect(code).toBe(127);
    expect(`${stderr}${existsSync(log) ? readFileSync(log, "utf8") : ""}`).toContain(
      "no such file or directory",
    );
    expect((await call("delete", "--force", id)).code).toBe(0);
    expect(remains(where, id)).toEqual([]);
  },
);
