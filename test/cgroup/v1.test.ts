import { expect, test } from "bun:test";
import { createV1, enterV1, membershipsV1, type Reach, settingsV1 } from "../../src/cgroup/v1.ts";
import type { Step } from "../../src/plan/step.ts";
import { GIVEN, HYBRID, hostOf, pathOf, V1 } from "./fixture.ts";

const CGROUP = "/sys/fs/cgroup";
const MIB = 1024 * 1024;

const written = (resources: Parameters<typeof settingsV1>[0]): string[] =>
  settingsV1(resources).map(({ controller, file, text }) => `${controller}: ${file} = ${text}`);

const whys = (steps: readonly Step[]): string[] =>
  steps.flatMap((step) => (step.kind === "call" ? [`${step.name}: ${step.why}`] : []));

test("every limit has its file, in the order in which the kernel takes them", () => {
  expect(
    written({
      memory: { limit: 100 * MIB, swap: 300 * MIB, reservation: 50 * MIB },
      cpu: { shares: 512, quota: 25_000, period: 50_000 },
      pids: { limit: 32 },
    }),
  ).toEqual([
    "memory: memory.limit_in_bytes = 104857600",
    "memory: memory.memsw.limit_in_bytes = 314572800",
    "memory: memory.soft_limit_in_bytes = 52428800",
    "cpu: cpu.shares = 512",
    "cpu: cpu.cfs_period_us = 50000",
    "cpu: cpu.cfs_quota_us = 25000",
    "pids: pids.max = 32",
  ]);
});

test("-1 is no limit", () => {
  expect(written({ memory: { limit: -1, swap: -1 }, cpu: { quota: -1 }, pids: { limit: -1 } })).toEqual([
    "memory: memory.limit_in_bytes = -1",
    "memory: memory.memsw.limit_in_bytes = -1",
    "cpu: cpu.cfs_quota_us = -1",
    "pids: pids.max = max",
  ]);
});

test("0 is not given", () => {
  const nothing = { memory: { limit: 0, swap: 0n, reservation: 0 }, cpu: { shares: 0, quota: 0, period: 0 } };
  expect(written(nothing)).toEqual([]);
});

test("a limit above 2^53 is written exactly", () => {
  expect(written({ memory: { limit: 9007199254740993n } })).toEqual([
    "memory: memory.limit_in_bytes = 9007199254740993",
  ]);
});

test("only the controllers that have something to write get a directory", () => {
  const list = membershipsV1(hostOf(HYBRID).hierarchies, settingsV1({ memory: { limit: MIB } }), undefined);
  expect(list.map(({ directory }) => pathOf(directory))).toEqual([`${CGROUP}/memory/session/7/${GIVEN}`]);
});

test("an explicit path is made for the usual controllers too, below the root of each hierarchy", () => {
  const list = membershipsV1(hostOf(HYBRID).hierarchies, [], "/pods/web");
  expect(list.map(({ directory }) => pathOf(directory))).toEqual(
    ["pids", "blkio", "freezer", "devices", "memory", "cpuacct", "cpu"].map(
      (name) => `${CGROUP}/${name}/pods/web`,
    ),
  );
});

test("a container of root is in every hierarchy, but not in those with a name that others use", () => {
  const foreign = { controllers: ["name=openrc"], mount: `${CGROUP}/openrc`, own: `${CGROUP}/openrc` };
  const all = [...hostOf(HYBRID).hierarchies, foreign];
  const places = (reach: Reach) =>
    membershipsV1(all, [], "/pods/web", reach).map(({ hierarchy }) => hierarchy.controllers.join());
  const names = "name=systemd pids blkio freezer devices memory cpuset cpuacct cpu".split(" ");
  expect(places({ everywhere: true })).toEqual(names);
  expect(places({ everywhere: true, isRealtime: true })).toEqual(names.filter((name) => name !== "cpu"));
});

test("a cpuset cgroup gets processors before anything enters it, and what its settings give is not handed down", () => {
  const limits = settingsV1({ cpu: { cpus: "0" } });
  const steps = createV1(membershipsV1(hostOf(HYBRID).hierarchies, limits, undefined));
  expect(whys(steps).filter((why) => why.startsWith("write"))).toEqual([
    `write: hand cpuset.mems down to the cgroup in ${CGROUP}/cpuset:`,
    `write: limit cpuset: write 0 to cpuset.cpus of the cgroup in ${CGROUP}/cpuset:`,
  ]);
});

test("controllers that are mounted together share one directory", () => {
  const list = membershipsV1(hostOf(V1).hierarchies, settingsV1({ cpu: { shares: 2 } }), "");
  expect(list.map(({ directory }) => pathOf(directory))).toEqual([
    `${CGROUP}/cpu,cpuacct/user.slice/${GIVEN}`,
  ]);
});

test("a limit whose controller is not mounted is refused by the name of the controller", () => {
  const { hierarchies } = hostOf(V1);
  const others = hierarchies.filter(({ controllers }) => !controllers.includes("pids"));
  expect(() => membershipsV1(others, settingsV1({ pids: { limit: 1 } }), undefined)).toThrow(
    "limit pids: linux.resources.pids: the pids controller of cgroup v1 is not mounted; hint: mount it",
  );
});

test("the steps make what is missing above, then the cgroup, write the limits and open tasks", () => {
  const { hierarchies } = hostOf(V1);
  const pids = hierarchies.filter(({ controllers }) => controllers.includes("pids"));
  const list = membershipsV1(pids, settingsV1({ pids: { limit: 32 } }), "/a/b/web");
  const top = `${CGROUP}/pids`;
  const take = `take the cgroup ${top}/a/b/web`;
  const steps = whys(createV1(list));
  // Only when it is there.
  expect(steps.filter((why) => why.includes(take)).map((why) => why.split(":")[0])).toEqual(
    "flock statx openat read close fchmod".split(" "),
  );
  expect(steps.filter((why) => !why.includes(take))).toEqual([
    `mkdirat: make the cgroup ${top}/a`,
    `mkdirat: make the cgroup ${top}/a/b`,
    `openat: open the cgroup ${top}/a/b`,
    `mkdirat: make the cgroup ${top}/a/b/web`,
    `openat2: open the cgroup ${top}/a/b/web`,
    `openat: limit pids: write 32 to pids.max of the cgroup ${top}/a/b/web`,
    `write: limit pids: write 32 to pids.max of the cgroup ${top}/a/b/web`,
    "close: close pids.max",
    `openat: open tasks of ${top}/a/b/web`,
  ]);
  expect(whys(enterV1(list))).toEqual([`write: enter the cgroup ${top}/a/b/web`]);
});

test("device lines that follow each other are written through one descriptor", () => {
  const devices = [{ allow: false, access: "rwm" }];
  const steps = createV1(membershipsV1(hostOf(V1).hierarchies, settingsV1({ devices }), undefined));
  const names = steps.flatMap((step) => (step.kind === "call" ? [step.name] : []));
  expect(names).toEqual([
    ...(["openat", "mkdirat", "openat2"] as const),
    ...(["openat", "write", "close"] as const),
    // Two of one length, a loop of eight, and one.
    ...(["openat", "write", "write", "write", "write", "close"] as const),
    "openat",
  ]);
});

test("where the name is given, entering tells it", () => {
  const [list] = membershipsV1(hostOf(V1).hierarchies, settingsV1({ pids: { limit: 1 } }), undefined);
  const [enter] = enterV1(list === undefined ? [] : [list]);
  expect(enter).toMatchObject({ subject: list?.directory.name });
});
