/** Containers in the foreground, as the other commands see them: they have a state, like detached ones. */
import { afterAll, expect } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { HUTCH } from "../support/hutch.ts";
import { eventually } from "../support/patience.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { freshId } from "./support-inside.ts";
import { asRoot, type Place, place, read } from "./support-lifecycle.ts";

const ids: [Place, string][] = [];

afterAll(async () => {
  for (const [{ call }, id] of ids) await call("delete", "--force", id);
});

interface Running {
  readonly id: string;
  /** The pid of the launcher. */
  readonly pid: number;
  readonly exited: Promise<number>;
}

/** Starts `run`, and waits until the container's program has written a line. */
async function runs(where: Place, ...options: readonly string[]): Promise<Running> {
  const id = freshId();
  ids.push([where, id]);
  const child = Bun.spawn([HUTCH, "--root", where.root, "run", "--bundle", where.bundle, ...options, id], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const { value } = await child.stdout.getReader().read();
  expect(new TextDecoder().decode(value)).toBe("ready\n");
  return { id, pid: child.pid, exited: child.exited };
}

const WAITS = "echo ready; sleep 300";
const left = ({ root }: Place): string[] => (existsSync(root) ? readdirSync(root) : []);

async function stateOf({ ok }: Place, id: string): Promise<{ status: string; pid: number }> {
  const { status, pid } = JSON.parse(await ok("state", id));
  return { status, pid };
}

for (const options of [[], ["--init"]]) {
  asRoot(`run ${options} has a state, takes exec and kill, and is forgotten at its end`, async () => {
    const where = await place(WAITS);
    const { id, exited } = await runs(where, ...options);
    const { status, pid } = await stateOf(where, id);
    expect(status).toBe("running");
    expect(readFileSync(`/proc/${pid}/status`, "utf8")).toMatch(/^NSpid:\t\d+\t1$/m);
    expect(await where.ok("exec", id, "/bin/readlink", "/proc/self/ns/pid")).toContain("pid:[");
    expect((await where.call("run", "--bundle", where.bundle, id)).stderr).toContain("already exists");
    expect((await where.call("delete", id)).stderr).toContain("not stopped: running");
    await where.ok("kill", id, "KILL");
    expect(await exited).toBe(137);
    expect(left(where)).toEqual([]);
  });
}

asRoot("delete --force ends a container in the foreground, its launcher undoes the rest", async () => {
  const where = await place(WAITS);
  const { id, exited } = await runs(where);
  await where.ok("delete", "--force", id);
  expect(await exited).toBe(137);
  expect(left(where)).toEqual([]);
});

asRoot("a launcher that is killed takes its container along; delete removes what it has left", async () => {
  const where = await place(WAITS);
  const { id, pid, exited } = await runs(where);
  const init = (await stateOf(where, id)).pid;
  process.kill(pid, "SIGKILL");
  await exited;
  while (existsSync(`/proc/${init}`)) await Bun.sleep(5);
  expect(await stateOf(where, id)).toEqual({ status: "stopped", pid: 0 });
  const record: { cgroups: string[] } = JSON.parse(readFileSync(join(where.root, id, "record.json"), "utf8"));
  expect(record.cgroups.length).toBeGreaterThan(0);
  await where.ok("delete", id);
  expect(left(where)).toEqual([]);
  expect(record.cgroups.filter((path) => existsSync(path))).toEqual([]);
});

asRoot("run --keep keeps the state until delete, and --pid-file tells the pid of init", async () => {
  const where = await place(WAITS);
  const file = join(temporaryDirectory("pid"), "pid");
  const { id, exited } = await runs(where, "--keep", "--pid-file", file);
  const { pid } = await stateOf(where, id);
  // The launcher writes it beside the container's start.
  expect(await eventually(() => read(file) === `${pid}`)).toBe(true);
  await where.ok("kill", id, "KILL");
  await exited;
  expect(await stateOf(where, id)).toEqual({ status: "stopped", pid: 0 });
  await where.ok("delete", id);
  expect(left(where)).toEqual([]);
});

asRoot("run --detach --init has a reaper as pid 1, which hears TERM", async () => {
  const where = await place("trap 'exit 3' TERM; while :; do sleep 0.05; done");
  const id = freshId();
  ids.push([where, id]);
  await where.ok("run", "--detach", "--init", "--bundle", where.bundle, id);
  const { pid } = await stateOf(where, id);
  expect(readFileSync(`/proc/${pid}/comm`, "utf8")).toBe("hutch-init\n");
  await where.ok("kill", id);
  while (existsSync(`/proc/${pid}/exe`)) await Bun.sleep(5);
  await where.ok("delete", id);
  expect(left(where)).toEqual([]);
});

asRoot("a run that fails is forgotten too, and its id is free again", async () => {
  const where = await place("exit 3");
  const id = freshId();
  for (const _ of [1, 2]) expect((await where.call("run", "--bundle", where.bundle, id)).code).toBe(3);
  const broken = await place(WAITS, (spec) => ({
    ...spec,
    process: { cwd: "/", ...spec.process, args: ["/bin/not-there"] },
  }));
  const result = await broken.call("run", "--bundle", broken.bundle, id);
  expect(result).toMatchObject({ code: 127, stdout: "" });
  expect(left(broken)).toEqual([]);
});
