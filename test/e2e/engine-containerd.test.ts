/** containerd and its shim, with hutch in the place of runc. */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  type Box,
  type Daemon,
  IMAGE,
  lacksEngine,
  lacksHutchAsRuntime,
  ociArchive,
  openBox,
  RUNTIME,
} from "../support/engines.ts";
import type { HutchResult } from "../support/hutch.ts";
import { eventually } from "../support/patience.ts";
import { anyReason, lacksCgroup, testUnless } from "../support/skip.ts";

const lacksContainerd = lacksEngine("containerd", "ctr", "containerd-shim-runc-v2");
const withContainerd = testUnless(lacksContainerd);

let box: Box | undefined;
let daemon: Daemon | undefined;

function opened(): Box {
  if (box === undefined) throw new Error("containerd: no box");
  return box;
}

/** The service for clusters is left out: it wants a network. */
function configuration(directory: string): string {
  return `
version = 2
root = "${directory}/root"
state = "${directory}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "${directory}/socket"
[ttrpc]
  address = "${directory}/ttrpc"
`;
}

/** A namespace of containerd is also the cgroup in which its containers are. */
function command(args: readonly string[]): string[] {
  const { directory, cgroup } = opened();
  return ["ctr", "-a", join(directory, "socket"), "-n", cgroup.slice(1), ...args];
}

const ctr = (...args: readonly string[]): Promise<HutchResult> => opened().run(command(args));

const runArguments = (...args: readonly string[]): string[] => ["run", "--runc-binary", RUNTIME, ...args];
const start = (...args: readonly string[]): Promise<HutchResult> => ctr(...runArguments(...args));

const SLEEP = ["sh", "-c", "trap 'exit 9' TERM; while :; do sleep 0.05; done"];

async function statusOf(id: string): Promise<string | undefined> {
  const { stdout } = await ctr("task", "ls");
  return new RegExp(`^${id} +\\d+ +(\\w+)`, "m").exec(stdout)?.[1];
}

async function becomes(id: string, status: string): Promise<void> {
  await eventually(async () => (await statusOf(id)) === status);
  expect(await statusOf(id)).toBe(status);
}

async function removeTask(id: string): Promise<void> {
  await ctr("task", "kill", "-s", "SIGKILL", id);
  await becomes(id, "STOPPED");
  expect((await ctr("task", "rm", id)).stderr).not.toContain("level=error");
  expect((await ctr("container", "rm", id)).code).toBe(0);
}

beforeAll(async () => {
  if (lacksContainerd !== undefined) return;
  box = await openBox("containerd", /./);
  const file = join(box.directory, "config.toml");
  writeFileSync(file, configuration(box.directory));
  daemon = box.start("containerd", ["containerd", "-c", file]);
  await eventually(() => existsSync(join(opened().directory, "socket")));
  const done = await ctr("image", "import", await ociArchive(box));
  if (done.code !== 0) throw new Error(`ctr image import: ${done.stderr}\n${daemon.log()}`);
});

afterAll(async () => {
  await daemon?.stop();
  await box?.[Symbol.asyncDispose]();
});

describe("ctr run", () => {
  withContainerd("passes on output, errors and the exit code", async () => {
    const result = await start("--rm", IMAGE, "run", "sh", "-c", "echo out; echo err >&2; exit 7");
    expect(result).toMatchObject({ code: 7, stdout: "out\n", stderr: "err\n" });
  });

  withContainerd("says what is wrong with a command that is not there", async () => {
    const { code, stderr } = await start("--rm", IMAGE, "nowhere", "nowhere");
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringContaining("executable file not found"),
    });
    expect(stderr).toContain("OCI runtime create failed");
  });

  withContainerd("takes a read-only root, a directory, capabilities and a variable", async () => {
    const script = 'pwd; grep CapBnd /proc/self/status; touch /file || echo refused; echo "$A"';
    const options = ["--read-only", "--cwd", "/tmp", "--cap-drop", "CAP_KILL", "--env", "A=b"];
    const { code, stdout } = await start("--rm", ...options, IMAGE, "options", "sh", "-c", script);
    expect({ code, stdout }).toEqual({ code: 0, stdout: "/tmp\nCapBnd:\t00000000a80425db\nrefused\nb\n" });
  });

  testUnless(anyReason(lacksContainerd, lacksCgroup(1)))("limits memory", async () => {
    await start("-d", "--memory-limit", String(32 << 20), IMAGE, "limit", ...SLEEP);
    const { stdout } = await ctr("task", "metrics", "limit");
    expect(stdout).toMatch(new RegExp(`memory.limit_in_bytes +${32 << 20}\\b`));
    await removeTask("limit");
  });

  withContainerd("-t gives a terminal, whose keys arrive", async () => {
    await using pty = opened().terminal(command(runArguments("--rm", "-t", IMAGE, "terminal", "sh")));
    await pty.shows("#");
    pty.type("tty; echo $((6 * 7))\n");
    await pty.shows(/\/dev\/(pts\/0|console)[\s\S]*42/);
    pty.type("exit 5\n");
    expect(await pty.exited).toBe(5);
  });
});

describe("a container of containerd in the background", () => {
  withContainerd("is executed in, with a user and a directory, and tells exit codes", async () => {
    expect((await start("-d", IMAGE, "exec", ...SLEEP)).code).toBe(0);
    const execute = (id: string, ...args: readonly string[]) => ctr("task", "exec", "--exec-id", id, ...args);
    expect(await execute("one", "exec", "echo", "in")).toMatchObject({ code: 0, stdout: "in\n" });
    const second = await execute(
      "two",
      "--user",
      "1000:1000",
      "--cwd",
      "/tmp",
      "exec",
      "sh",
      "-c",
      "id -u; pwd",
    );
    expect(second).toMatchObject({ code: 0, stdout: "1000\n/tmp\n" });
    expect((await execute("three", "exec", "sh", "-c", "exit 6")).code).toBe(6);
    expect((await execute("four", "exec", "nowhere")).stderr).toContain("executable file not found");
    await removeTask("exec");
  });

  testUnless(anyReason(lacksContainerd, lacksHutchAsRuntime()))(
    "is executed in again without Bun",
    async () => {
      await start("-d", IMAGE, "again", ...SLEEP);
      const execute = (id: string) => ctr("task", "exec", "--exec-id", id, "again", "echo", "in");
      expect((await execute("a")).stdout).toBe("in\n");
      const kept = await opened().keptJoiners();
      expect(kept.length).toBe(1);
      for (const id of ["b", "c", "d"]) expect((await execute(id)).stdout).toBe("in\n");
      expect(await opened().keptJoiners()).toEqual(kept);
      await removeTask("again");
    },
  );

  withContainerd("is paused, and goes on", async () => {
    await start("-d", IMAGE, "pause", ...SLEEP);
    expect((await ctr("task", "pause", "pause")).code).toBe(0);
    expect(await statusOf("pause")).toBe("PAUSED");
    expect((await ctr("task", "resume", "pause")).code).toBe(0);
    expect(await statusOf("pause")).toBe("RUNNING");
    await removeTask("pause");
  });

  withContainerd("ends by the signal that it handles, with its exit code", async () => {
    await start("-d", IMAGE, "kill", ...SLEEP);
    // The shell has set its trap when it sleeps; without one its pid 1 would hear nothing.
    const sleeps = async () => (await ctr("task", "ps", "kill")).stdout.trim().split("\n").length > 2;
    expect(await eventually(sleeps)).toBe(true);
    expect((await ctr("task", "kill", "-s", "SIGTERM", "kill")).code).toBe(0);
    await becomes("kill", "STOPPED");
    expect((await ctr("task", "rm", "kill")).stderr).toContain("non-zero exit code 9");
    expect((await ctr("container", "rm", "kill")).code).toBe(0);
  });

  withContainerd(
    "is killed with all of its processes, and a second kill says that there is none",
    async () => {
      await start("-d", IMAGE, "all", "sh", "-c", "sleep 1000 & sleep 1000");
      expect((await ctr("task", "kill", "--all", "-s", "SIGKILL", "all")).code).toBe(0);
      await becomes("all", "STOPPED");
      expect((await ctr("task", "kill", "-s", "SIGKILL", "all")).stderr).toMatch(
        /process already finished|not found/,
      );
      await ctr("task", "rm", "all");
      expect((await ctr("container", "rm", "all")).code).toBe(0);
    },
  );

  withContainerd("shows its processes", async () => {
    await start("-d", IMAGE, "ps", ...SLEEP);
    expect((await ctr("task", "ps", "ps")).stdout).toMatch(/^PID +INFO\s+\d+/);
    await removeTask("ps");
  });
});

// The last, because it looks at what the others have left.
withContainerd("containerd's containers leave nothing behind", async () => {
  const ids = (await ctr("container", "ls", "-q")).stdout.split("\n").filter((id) => id !== "");
  for (const id of ids) await removeTask(id);
  expect(await opened().leftovers()).toEqual([]);
});
