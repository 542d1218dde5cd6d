/** A process more in a container of the library. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { look } from "../../src/host/look.ts";
import { HutchError } from "../../src/index.ts";
import { describeContainer } from "../../src/library/description.ts";
import { joinerFor } from "../../src/library/exec.ts";
import { makeProgram, releaseProgram } from "../../src/library/program.ts";
import { boxOf, errorOf, isAlive, withLimits, withRoot } from "./support.ts";

const SLEEP = ["sleep", "60"];

withRoot("an added process is inside, with streams and an exit of its own", async () => {
  await using box = await (await boxOf(SLEEP, { env: { A: "1" }, hostname: "blue" })).start();
  const script = "hostname; echo $A $B; cat; ps -o args | grep -c 'sleep 60$'; exit 3";
  const added = await box.exec(["sh", "-c", script], { stdin: "pipe", stdout: "pipe", env: { B: "2" } });
  added.stdin.write("given\n");
  added.stdin.end();
  expect(await added.stdout.text()).toBe("blue\n1 2\ngiven\n1\n");
  expect(await added.exited).toMatchObject({ code: 3, signal: null });
  expect(isAlive(box.pid)).toBe(true);
});

withRoot("it is whom it is told to be, where it is told, with no privilege of its own", async () => {
  await using box = await (await boxOf(SLEEP)).start();
  const command = ["sh", "-c", "id -u; id -g; pwd; grep -E 'CapEff|NoNewPrivs|Seccomp:' /proc/self/status"];
  const added = await box.exec(command, { stdout: "pipe", user: "1000:1000", workdir: "/etc" });
  const [uid, gid, directory, ...status] = (await added.stdout.text()).trim().split("\n");
  expect([uid, gid, directory]).toEqual(["1000", "1000", "/etc"]);
  expect(status.join(" ").replace(/\s+/g, " ")).toBe("CapEff: 0000000000000000 NoNewPrivs: 1 Seccomp: 2");
});

withRoot("no descriptor of the host's is open in it", async () => {
  await using box = await (await boxOf(SLEEP)).start();
  const added = await box.exec(["ls", "/proc/self/fd"], { stdout: "pipe" });
  expect((await added.stdout.text()).split("\n")).toEqual(["0", "1", "2", "3", ""]);
});

withLimits("it is counted among the container's processes", async () => {
  await using box = await (await boxOf(SLEEP, { pids: 20 })).start();
  const added = await box.exec(SLEEP);
  expect(box.stats().pids.current).toBe(2);
  const group = (pid: number) => readFileSync(`/proc/${pid}/cgroup`, "utf8");
  expect(group(added.pid)).toBe(group(box.pid));
});

withRoot("signals, abortion and the container's end reach it", async () => {
  await using box = await (await boxOf(SLEEP)).start();
  const signalled = await box.exec(SLEEP);
  expect(signalled.kill()).toBe(true);
  expect(await signalled.exited).toMatchObject({ code: null, signal: "SIGTERM" });
  const controller = new AbortController();
  const aborted = await box.exec(SLEEP, { signal: controller.signal });
  controller.abort();
  expect(await aborted.exited).toMatchObject({ signal: "SIGKILL" });
  const last = await box.exec(SLEEP);
  box.kill("SIGKILL");
  expect(await last.exited).toMatchObject({ signal: "SIGKILL" });
});

withRoot("what cannot be is refused, and the container goes on", async () => {
  await using box = await (await boxOf(SLEEP)).start();
  expect(await errorOf(box.exec(["nothing"]))).toMatchObject({ exitCode: 127 });
  expect(await errorOf(box.exec([]))).toBeInstanceOf(HutchError);
  expect(await errorOf(box.exec(["true"], { user: "nobody" }))).toMatchObject({
    message: expect.stringContaining("exec: user nobody"),
  });
  const exec = box.exec as (...args: unknown[]) => Promise<unknown>;
  for (const [args, message] of [
    [["id"], "exec: command: expected a list"],
    [[["id", 1]], "exec: command[1]: expected a string"],
    [[["id"], { stdout: "pip" }], "exec: stdout: expected"],
    [[["id"], { env: ["A=1"] }], "exec: env: expected an object"],
    [[["id"], { env: { "A=B": "1" } }], "exec: env: A=B: expected a name without ="],
  ] as const) {
    expect(await errorOf(exec(...args))).toMatchObject({ message: expect.stringContaining(message) });
  }
  expect(isAlive(box.pid)).toBe(true);
  box.kill("SIGKILL");
  await box.exited;
  expect(await errorOf(box.exec(["true"]))).toMatchObject({
    message: expect.stringContaining("container not running"),
  });
});

withLimits("one joiner serves all containers of a description, each in its own cgroup", async () => {
  const box = await boxOf(SLEEP, { pids: 20 });
  await using one = await box.start();
  await using other = await box.start();
  const group = (pid: number) => readFileSync(`/proc/${pid}/cgroup`, "utf8");
  expect(group(one.pid)).not.toBe(group(other.pid));
  for (const running of [one, other, one]) {
    const added = await running.exec(SLEEP);
    expect(group(added.pid)).toBe(group(running.pid));
    added.kill("SIGKILL");
    await added.exited;
  }
});

withRoot("processes that differ in anything do not share a joiner", async () => {
  await using box = await (await boxOf(SLEEP)).start();
  const texts: string[] = [];
  const command = ["sh", "-c", "echo $(id -u) $A $PWD"];
  for (const options of [{}, { user: 5 }, { env: { A: "1" } }, { workdir: "/etc" }, {}]) {
    const added = await box.exec(command, { stdout: "pipe", ...options });
    texts.push(await added.stdout.text());
  }
  expect(texts).toEqual(["0 /\n", "5 /\n", "0 1 /\n", "0 /etc\n", "0 /\n"]);
});

test("a joiner is compiled once for a description, and the oldest of many goes", async () => {
  const description = await describeContainer({ root: "/", command: ["true"] }, look).whole();
  const program = await makeProgram(description, false, "box", look);
  releaseProgram(program);
  const joined = { program, joiners: new Map() };
  const place = (tasks: readonly string[]) => ({ namespaces: 0, tasks, unified: [] });
  const first = joinerFor(joined, place(["/a/tasks"]), ["true"], {});
  expect(joinerFor(joined, place(["/b/tasks"]), ["true"], {})).toBe(first);
  expect(joinerFor(joined, place([]), ["true"], {})).not.toBe(first);
  expect(joinerFor(joined, place(["/a/tasks"]), ["true"], { user: 1 })).not.toBe(first);
  for (let index = 0; index < 40; index++) joinerFor(joined, place([]), ["true", `${index}`], {});
  expect(joined.joiners.size).toBe(16);
  expect(joinerFor(joined, place(["/a/tasks"]), ["true"], {})).not.toBe(first);
});
