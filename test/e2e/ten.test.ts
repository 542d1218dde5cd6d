/** The founding test: ten containers at once on one machine, none seeing another. */
import { expect } from "bun:test";
import { existsSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { join } from "node:path";
import { hostDifferences, snapshotHost } from "../support/host.ts";
import { lacksHutch } from "../support/hutch.ts";
import { lacksBusybox, rootfs } from "../support/rootfs.ts";
import { anyReason, lacksRoot, testUnless } from "../support/skip.ts";
import { childrenOf, type Running, start, status } from "./support-inside.ts";

const asRoot = testUnless(anyReason(lacksRoot(), lacksBusybox(), lacksHutch()));

const NAMESPACES = ["pid", "mnt", "net", "ipc", "uts", "cgroup", "user"] as const;
const COUNT = 10;
const MiB = 2 ** 20;

/** What is different about each container. */
interface Plan {
  readonly name: string;
  readonly hostId: number;
  readonly memory: number;
  readonly pids: number;
  readonly nofile: number;
  /** The one capability that it has, by its name and number (linux/capability.h). */
  readonly capability: readonly [name: string, number: number];
}

const CAPABILITIES = [
  ["chown", 0],
  ["dac_override", 1],
  ["fowner", 3],
  ["kill", 5],
  ["setgid", 6],
  ["setuid", 7],
  ["net_bind_service", 10],
  ["net_admin", 12],
  ["sys_chroot", 18],
  ["setfcap", 31],
] as const;

const PLANS: readonly Plan[] = CAPABILITIES.map((capability, index) => ({
  name: `box${index}`,
  hostId: 100_000 + 1000 * index,
  memory: (16 + index) * MiB,
  pids: 20 + index,
  nofile: 100 + index,
  capability,
}));

/** Makes something of each kind, says so, waits until all the others have too, and looks around. */
const SCRIPT = `
  echo $(hostname) > /tmp/whose
  nc -l -p 7777 -e cat /tmp/whose &
  sleep 1234 &
  echo ready
  read line
  echo "files $(ls /tmp | tr '\\n' ' ')"
  echo "whose $(cat /tmp/whose)"
  echo "listening $(cat /proc/net/tcp /proc/net/tcp6 | grep -cE ':1E61 0+:0000 0A')"
  echo "server $(sleep 0.2 | nc 127.0.0.1 7777)"
  echo "sleepers $(cat /proc/[0-9]*/comm | grep -c '^sleep$')"
  echo "highest $(ls -d /proc/[0-9]* | sed 's,/proc/,,' | sort -n | tail -n 1)"
  echo "map $(tr -s ' ' < /proc/self/uid_map)"
  kill %2
  cat /proc/self/status`;

async function startAll(roots: readonly string[]): Promise<Running[]> {
  return Promise.all(
    PLANS.map((plan, index) =>
      start([
        ...["in", "--hostname", plan.name],
        ...["--uid-map", `0:${plan.hostId}:1000`],
        ...["--memory", `${plan.memory}`, "--pids", `${plan.pids}`, "--rlimit", `nofile=${plan.nofile}`],
        ...["--cap-drop", "all", "--cap-add", plan.capability[0]],
        ...[roots[index] ?? "", "sh", "-c", SCRIPT],
      ]),
    ),
  );
}

/** The limit that a container's process is under, from the cgroup that /proc names. */
function cgroupLimit(pid: number, controller: string, v1: string, v2: string): string {
  const lines = readFileSync(`/proc/${pid}/cgroup`, "utf8").trim().split("\n");
  const own = lines.find((line) => line.split(":")[1]?.split(",").includes(controller));
  const mounts = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
  const type = own === undefined ? / - cgroup2 / : new RegExp(` - cgroup .*\\b${controller}\\b`);
  const point = mounts.find((line) => type.test(line))?.split(" ")[4] ?? "";
  const path = (own ?? lines.find((line) => line.startsWith("0::")) ?? "").split(":").slice(2).join(":");
  return readFileSync(join(point, path, own === undefined ? v2 : v1), "utf8").trim();
}

const line = (text: string, word: string): string | undefined =>
  new RegExp(`^${word} (.*)$`, "m").exec(text)?.[1]?.trim();

asRoot("ten containers at once have their own of everything, and none sees another", async () => {
  const before = snapshotHost();
  const roots = await Promise.all(PLANS.map(() => rootfs()));
  const running = await startAll(roots);
  const ids = running.map(({ pid }) => NAMESPACES.map((name) => readlinkSync(`/proc/${pid}/ns/${name}`)));
  const outside = running.map(({ pid }) => readFileSync(`/proc/${pid}/status`, "utf8"));
  const limits = running.map(({ pid }) => [
    cgroupLimit(pid, "memory", "memory.limit_in_bytes", "memory.max"),
    cgroupLimit(pid, "pids", "pids.max", "pids.max"),
    /^Max open files +(\d+)/m.exec(readFileSync(`/proc/${pid}/limits`, "utf8"))?.[1],
  ]);
  const children = running.map(({ pid }) => childrenOf(pid));
  const results = await Promise.all(running.map((container) => container.end()));

  // Every namespace of every container is another one, and none is the host's.
  const all = ids.flat();
  expect(new Set([...all, ...NAMESPACES.map((name) => readlinkSync(`/proc/self/ns/${name}`))]).size).toBe(
    (COUNT + 1) * NAMESPACES.length,
  );
  // Each is process 1 of its own, and another user of the host's.
  expect(outside.map((text) => status(text, "NSpid")?.split(" ")[1])).toEqual(PLANS.map(() => "1"));
  expect(outside.map((text) => status(text, "Uid")?.split(" ")[0])).toEqual(
    PLANS.map(({ hostId }) => `${hostId}`),
  );
  expect(children.map((list) => list.length)).toEqual(PLANS.map(() => 2));
  // Limits and capabilities.
  expect(limits).toEqual(PLANS.map(({ memory, pids, nofile }) => [`${memory}`, `${pids}`, `${nofile}`]));
  const mask = ([, number]: Plan["capability"]) => (1n << BigInt(number)).toString(16).padStart(16, "0");
  for (const set of ["CapPrm", "CapEff", "CapBnd"])
    expect(results.map(({ stdout }) => status(stdout, set))).toEqual(
      PLANS.map(({ capability }) => mask(capability)),
    );

  for (const [index, { stdout, stderr, code }] of results.entries()) {
    const { name, hostId } = PLANS[index] ?? { name: "", hostId: 0 };
    expect([name, code, stderr]).toEqual([name, 0, ""]);
    expect([name, line(stdout, "files"), line(stdout, "whose")]).toEqual([name, "whose", name]);
    // All ten serve the same port, and each client reaches its own server.
    expect([name, line(stdout, "server"), line(stdout, "listening")]).toEqual([name, name, "1"]);
    // One sleeper of ten is to be seen, and no process number that another's would have.
    expect([name, line(stdout, "sleepers")]).toEqual([name, "1"]);
    expect(Number(line(stdout, "highest"))).toBeLessThan(40);
    expect(line(stdout, "map")).toBe(`0 ${hostId} 1000`);
    const file = join(roots[index] ?? "", "tmp/whose");
    expect([readFileSync(file, "utf8"), statSync(file).uid]).toEqual([`${name}\n`, hostId]);
  }
  expect(
    running.filter(({ pid, launcher }) => existsSync(`/proc/${pid}`) || existsSync(`/proc/${launcher}`)),
  ).toEqual([]);
  const left = hostDifferences(before, snapshotHost()).filter((difference) =>
    difference.startsWith("cgroups: left"),
  );
  expect(
    left.filter((difference) => running.some(({ launcher }) => difference.includes(`hutch-${launcher}`))),
  ).toEqual([]);
});
