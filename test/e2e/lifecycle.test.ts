/** The states of a container and its legal moves (OCI runtime.md), and what can be asked of it meanwhile. */
import { expect } from "bun:test";
import { existsSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../support/patience.ts";
import { anyReason, lacksProgram, testUnless } from "../support/skip.ts";
import { type Change, childrenOf, freshId, withLinux } from "./support-inside.ts";
import {
  asRoot,
  isLive,
  limited,
  type Place,
  place,
  reach,
  read,
  remains,
  stateOf,
  unavailable,
} from "./support-lifecycle.ts";

interface Started {
  readonly id: string;
  readonly pid: number;
}

/** Makes a container and starts it. */
async function started(where: Place): Promise<Started> {
  const id = freshId();
  await where.ok("create", "--bundle", where.bundle, id);
  await where.ok("start", id);
  return { id, pid: (await stateOf(where, id)).pid };
}

/** A command that must fail with 1, and say so. */
async function refused(where: Place, text: string, ...args: readonly string[]): Promise<void> {
  const { code, stderr } = await where.call(...args);
  expect([args.join(" "), code]).toEqual([args.join(" "), 1]);
  expect(stderr).toContain(text);
}

asRoot(
  "a container goes from created to running to stopped, and every other move changes nothing",
  async () => {
    const where = await place("sleep 1000");
    const id = freshId();
    for (const command of ["state", "start", "kill", "delete", "ps"])
      await refused(where, "does not exist", command, id);
    await where.ok("create", "--bundle", where.bundle, id);
    const created = await stateOf(where, id);
    expect(created.status).toBe("created");
    expect(isLive(created.pid)).toBeTrue();
    await refused(where, "already exists", "create", "--bundle", where.bundle, id);
    await refused(where, `cannot delete container ${id} that is not stopped: created`, "delete", id);
    expect(await stateOf(where, id)).toEqual(created);

    await where.ok("start", id);
    expect(await stateOf(where, id)).toEqual({ status: "running", pid: created.pid });
    await refused(where, "container is running", "start", id);
    await refused(where, `cannot delete container ${id} that is not stopped: running`, "delete", id);
    expect(await stateOf(where, id)).toEqual({ status: "running", pid: created.pid });

    await where.ok("kill", id, "KILL");
    await reach(where, id, "stopped");
    expect((await stateOf(where, id)).pid).toBe(0);
    await refused(where, "container not running", "start", id);
    await refused(where, "container not running", "kill", id);
    await refused(where, "container not running", "kill", id, "9");
    await where.ok("kill", "--all", id, "9");
    expect(await where.ok("ps", "--format", "json", id)).toBe("[]\n");
    await where.ok("delete", id);
    expect(remains(where, id)).toEqual([]);
    await refused(where, "does not exist", "delete", id);
    expect(await where.ok("delete", "--force", id)).toBe("");
  },
);

asRoot("the state has what the specification asks for", async () => {
  const annotations = { "org.example.key": "value" };
  const where = await place("sleep 1000", (spec) => ({ ...limited(spec), annotations }));
  const { id, pid } = await started(where);
  const state: { [key: string]: unknown } = JSON.parse(await where.ok("state", id));
  expect(state).toMatchObject({
    id,
    pid,
    status: "running",
    bundle: where.bundle,
    annotations,
    owner: "root",
  });
  expect(Date.parse(String(state["created"]))).toBeGreaterThan(Date.now() - 60_000);
  await where.ok("delete", "--force", id);
});

asRoot("a signal is given by name or number, and TERM when it is not given", async () => {
  const script =
    'for s in TERM HUP USR1; do trap "echo $s >> /signals" $s; done; echo ready > /signals; while :; do sleep 0.02; done';
  const where = await place(script);
  const { id, pid } = await started(where);
  const signals = `/proc/${pid}/root/signals`;
  const until = async (lines: string): Promise<void> => {
    if (await eventually(() => read(signals) === lines)) return;
    throw new Error(`${signals} is ${JSON.stringify(read(signals))}; ${await where.ok("state", id)}`);
  };
  await until("ready\n");
  await where.ok("kill", id);
  await until("ready\nTERM\n");
  await where.ok("kill", id, "SIGHUP");
  await until("ready\nTERM\nHUP\n");
  await where.ok("kill", id, "10");
  await until("ready\nTERM\nHUP\nUSR1\n");
  await refused(where, 'signal "NOTHING": is not known', "kill", id, "NOTHING");
  await where.ok("delete", "--force", id);
});

/** Without a pid namespace of its own. */
const withHostPids: Change = (spec) =>
  withLinux({ namespaces: (spec.linux?.namespaces ?? []).filter(({ type }) => type !== "pid") })(
    limited(spec),
  );

/** The processes of a container as ps tells them. */
const pidsOf = async ({ ok }: Place, id: string): Promise<number[]> =>
  JSON.parse(await ok("ps", "-f", "json", id));

/** Waits until there are so many. */
async function pidsWhen(where: Place, id: string, count: number): Promise<number[]> {
  let pids: number[] = [];
  const areAll = async (): Promise<boolean> => {
    pids = await pidsOf(where, id);
    return pids.length === count;
  };
  if (await eventually(areAll)) return pids;
  throw new Error(`${id} has ${JSON.stringify(pids)}, expected ${count}`);
}

asRoot(
  "in the host's pid namespace kill --all reaches every process, also when the first has ended",
  async () => {
    const where = await place("sleep 1001 & sleep 1002 & exec sleep 1003", withHostPids);
    const { id, pid } = await started(where);
    const pids = await pidsWhen(where, id, 3);
    expect(pids).toContain(pid);
    expect(readlinkSync(`/proc/${pid}/ns/pid`)).toBe(readlinkSync("/proc/self/ns/pid"));
    await where.ok("kill", id, "KILL");
    await reach(where, id, "stopped");
    const others = await pidsWhen(where, id, 2);
    await where.ok("kill", "--all", id, "KILL");
    await eventually(() => !others.some(isLive));
    expect(others.filter(isLive)).toEqual([]);
    await where.ok("delete", id);
    expect(remains(where, id)).toEqual([]);
  },
);

asRoot("deleting a stopped container ends what it has left behind in its cgroup", async () => {
  const where = await place("sleep 1001 & sleep 1002 & exec sleep 1003", withHostPids);
  const { id } = await started(where);
  const pids = await pidsWhen(where, id, 3);
  await where.ok("kill", id, "9");
  await reach(where, id, "stopped");
  await where.ok("delete", id);
  expect(pids.filter(isLive)).toEqual([]);
  expect(remains(where, id)).toEqual([]);
});

/** No limits, and so no cgroup. */
const unlimited: Change = (spec) => withLinux({ resources: {} })(spec);

asRoot(
  "ps tells the processes by the host's numbers, from the cgroup or from the pid namespace",
  async () => {
    for (const how of [limited, unlimited]) {
      const where = await place("sleep 1001 & sleep 1002 & wait", how);
      const { id, pid } = await started(where);
      const pids = await pidsWhen(where, id, 3);
      expect(pids).toEqual([pid, ...childrenOf(pid)].toSorted((a, b) => a - b));
      // Those that the shell has forked are shells until they execute.
      const areSleeps = () => childrenOf(pid).every((child) => read(`/proc/${child}/comm`) === "sleep\n");
      expect(await eventually(areSleeps)).toBe(true);
      const lines = (await where.ok("ps", id)).trimEnd().split("\n");
      expect(lines[0]).toMatch(/^UID +PID +PPID +C STIME TTY +TIME CMD$/);
      expect(lines.slice(1).map((line) => Number(line.split(/\s+/)[1]))).toEqual(pids);
      expect(lines.filter((line) => line.endsWith(" sleep 1001")).length).toBe(1);
      await where.ok("kill", "--all", id, "KILL");
      await reach(where, id, "stopped");
      await where.ok("delete", id);
      expect(remains(where, id)).toEqual([]);
    }
  },
);

testUnless(anyReason(unavailable, lacksProgram("ps")))(
  "ps with arguments hands them to the host's, and chooses the lines",
  async () => {
    const where = await place("exec sleep 1004");
    const { id, pid } = await started(where);
    expect(await eventually(() => read(`/proc/${pid}/comm`) === "sleep\n")).toBe(true);
    const text = await where.ok("ps", id, "-o", "pid,args", "-A");
    expect(
      text
        .trimEnd()
        .split("\n")
        .map((line) => line.trim().replace(/ +/, " ")),
    ).toEqual(["PID COMMAND", `${pid} sleep 1004`]);
    await refused(where, "couldn't find PID field in ps output", "ps", id, "-A", "-o", "args");
    await refused(where, "run ps --no-such", "ps", id, "--no-such");
    await where.ok("delete", "--force", id);
  },
);

/** Two running containers in the order of their ids. */
async function twoById(where: Place): Promise<[Started, Started]> {
  const [a, b] = [await started(where), await started(where)];
  return a.id < b.id ? [a, b] : [b, a];
}

asRoot("list tells all containers as a table, as JSON and by their ids", async () => {
  const where = await place("sleep 1000");
  expect(await where.ok("list")).toBe("ID          PID         STATUS      BUNDLE      CREATED     OWNER\n");
  expect(await where.ok("list", "-f", "json")).toBe("[]\n");
  expect(await where.ok("list", "-q")).toBe("");
  const [first, second] = await twoById(where);
  await where.ok("kill", second.id, "KILL");
  await reach(where, second.id, "stopped");
  const states: { id: string; pid: number; status: string }[] = JSON.parse(
    await where.ok("list", "--format", "json"),
  );
  expect(states.map(({ id, pid, status }) => [id, pid, status])).toEqual([
    [first.id, first.pid, "running"],
    [second.id, 0, "stopped"],
  ]);
  const lines = (await where.ok("list")).trimEnd().split("\n");
  expect(lines[1]).toMatch(new RegExp(`^${first.id} +${first.pid} +running +${where.bundle} +2\\S+Z +root$`));
  expect(await where.ok("list", "-q")).toBe(`${first.id}\n${second.id}\n`);
  await refused(where, "invalid format option xml", "list", "-f", "xml");
  await where.ok("delete", "--force", first.id);
  await where.ok("delete", second.id);
});

asRoot("who reads all files of a container's directory does not wait, and start is heard", async () => {
  const where = await place("sleep 1000");
  const id = freshId();
  await where.ok("create", "--bundle", where.bundle, id);
  const readers = Array.from({ length: 4 }, () =>
    Bun.spawn(["sh", "-c", `cat ${join(where.root, id)}/*`], { stdout: "ignore", stderr: "pipe" }),
  );
  await Bun.sleep(100);
  await where.ok("start", id);
  const { pid } = await stateOf(where, id);
  expect(await eventually(() => read(`/proc/${pid}/cmdline`).includes("sleep"))).toBe(true);
  for (const reader of readers) {
    expect(await reader.exited).toBe(1);
    expect(await new Response(reader.stderr).text()).toContain("start: No such device or address");
  }
  await where.ok("delete", "--force", id);
});

asRoot("a paused container dies of KILL, and delete --force removes it", async () => {
  const where = await place("sleep 1000");
  const first = await started(where);
  await where.ok("pause", first.id);
  expect((await stateOf(where, first.id)).status).toBe("paused");
  await where.ok("kill", first.id, "KILL");
  await reach(where, first.id, "stopped");
  await where.ok("delete", first.id);
  const second = await started(where);
  await where.ok("pause", second.id);
  await where.ok("delete", "--force", second.id);
  expect(isLive(second.pid)).toBeFalse();
  expect([...remains(where, first.id), ...remains(where, second.id)]).toEqual([]);
});

asRoot("a pid that another process has taken is not signalled", async () => {
  const where = await place("sleep 1000");
  const { id } = await started(where);
  const path = join(where.root, id, "record.json");
  const record = JSON.parse(readFileSync(path, "utf8"));
  const bystander = Bun.spawn(["sleep", "1000"]);
  try {
    await Bun.write(path, JSON.stringify({ ...record, init: { pid: bystander.pid, startTime: "1" } }));
    expect((await stateOf(where, id)).status).toBe("stopped");
    await refused(where, "container not running", "kill", id, "KILL");
    await where.ok("delete", "--force", id);
    expect(isLive(bystander.pid)).toBeTrue();
  } finally {
    bystander.kill("SIGKILL");
  }
  // Its own processes were in its cgroup.
  expect(remains(where, id)).toEqual([]);
});

asRoot("what has no record, or a damaged one, is listed or told, and delete --force removes it", async () => {
  const where = await place("sleep 1000");
  const { id } = await started(where);
  await Bun.write(join(where.root, "empty", "start.1"), "");
  await Bun.write(join(where.root, "damaged", "record.json"), "{");
  const { code, stdout, stderr } = await where.call("list");
  expect(code).toBe(0);
  expect(stderr).toContain("damaged/record.json: is damaged");
  expect(stdout).toMatch(/^empty +0 +creating/m);
  expect(stdout).toContain(`${id} `);
  await refused(where, "is being created", "state", "empty");
  await refused(where, "not stopped: creating", "delete", "empty");
  await refused(where, "is damaged", "delete", "damaged");
  for (const each of [id, "empty", "damaged"]) await where.ok("delete", "--force", each);
  expect(existsSync(join(where.root, "empty"))).toBeFalse();
  expect(existsSync(join(where.root, "damaged"))).toBeFalse();
  expect(remains(where, id)).toEqual([]);
});

asRoot("an id that leads elsewhere is refused", async () => {
  const where = await place("true");
  for (const id of ["..", ".", "a/b", ""]) {
    for (const command of ["kill", "delete", "state", "ps"])
      await refused(where, "container id", command, id);
    await refused(where, "container id", "delete", "--force", id);
  }
});

for (const signal of ["HUP", "INT", "QUIT", "TERM"]) {
  asRoot(`${signal} ends a container that waits for start, as with runc`, async () => {
    const where = await place("sleep 1000");
    const id = freshId();
    await where.ok("create", "--bundle", where.bundle, id);
    await where.ok("kill", id, "USR1");
    await where.ok("kill", id, "WINCH");
    expect((await stateOf(where, id)).status).toBe("created");
    await where.ok("kill", id, signal);
    await reach(where, id, "stopped");
    expect((await where.call("start", id)).code).toBe(1);
    await where.ok("delete", id);
    expect(remains(where, id)).toEqual([]);
  });
}
