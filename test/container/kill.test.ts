import { expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { identify } from "../../src/container/identity.ts";
import { kill, killAll, thaw } from "../../src/container/kill.ts";
import type { Container, Status } from "../../src/container/state.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { recordWith } from "./fixture.ts";

/** A container of this process for its first. */
const container = (status: Status, pid: number, cgroups: readonly string[] = []): Container => ({
  root: "/nowhere",
  id: "x",
  status,
  record: recordWith({ cgroups, init: identify(pid) }),
});

const SIGTERM = 15;
const SIGUSR1 = 10;

test("a signal reaches the first process of a container that is created, running or paused", async () => {
  for (const status of ["created", "running", "paused"] as const) {
    const child = Bun.spawn(["sleep", "1000"]);
    kill(container(status, child.pid), SIGTERM);
    await child.exited;
    expect(child.signalCode).toBe("SIGTERM");
  }
});

test("in every other state the signal is refused, with the words that engines look for", async () => {
  const child = Bun.spawn(["sleep", "1000"]);
  expect(() => kill(container("stopped", child.pid), SIGTERM)).toThrow("container not running");
  expect(() => kill(container("creating", child.pid), SIGTERM)).toThrow("container is creating");
  await expect(killAll(container("creating", child.pid), SIGTERM)).rejects.toThrow("container is creating");
  expect(child.exitCode).toBeNull();
  const running = container("running", child.pid);
  child.kill("SIGKILL");
  await child.exited;
  expect(() => kill(running, SIGTERM)).toThrow("container not running");
});

test("all processes of a cgroup are told once, also below it; that there is none is no error", async () => {
  const script = 'trap "echo told" USR1; echo ready; while :; do sleep 0.01; done';
  const child = Bun.spawn(["sh", "-c", script], { stdout: "pipe" });
  const reader = child.stdout.getReader();
  const line = async (): Promise<string> => new TextDecoder().decode((await reader.read()).value);
  expect(await line()).toBe("ready\n");
  const directory = temporaryDirectory("cgroup");
  mkdirSync(join(directory, "below"));
  writeFileSync(join(directory, "cgroup.procs"), `${child.pid}\n`);
  writeFileSync(join(directory, "below/cgroup.procs"), `${child.pid}\n`);
  await killAll(container("running", child.pid, [directory, directory]), SIGUSR1);
  expect(await line()).toBe("told\n");
  child.kill("SIGKILL");
  await child.exited;
  await killAll(container("stopped", child.pid, [directory]), SIGUSR1);
});

test("the freezers of a tree are thawed, and no other file is made", () => {
  const directory = temporaryDirectory("cgroup");
  mkdirSync(join(directory, "below"));
  mkdirSync(join(directory, "other"));
  writeFileSync(join(directory, "freezer.state"), "FROZEN");
  writeFileSync(join(directory, "below/freezer.state"), "FROZEN");
  thaw([directory]);
  const states = ["", "below"].map((name) =>
    readFileSync(join(directory, name, "freezer.state"), "utf8").slice(0, 6),
  );
  expect(states).toEqual(["THAWED", "THAWED"]);
  expect(() => readFileSync(join(directory, "other/freezer.state"))).toThrow("ENOENT");
});
