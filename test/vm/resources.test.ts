/**
 * Every limit of linux.resources that the kernel of the machine has, on each version, and what update does.
 */
import { expect } from "bun:test";
import type { Resources } from "../../src/spec/resources.ts";
import type { Spec } from "../../src/spec/spec.ts";
import { testUnless } from "../support/skip.ts";
import { lacksMachine, runInMachine } from "../support/vm/machine.ts";

const MAKE_ROOT = `mkdir -p /box/rootfs/bin && cp /bin/busybox /box/rootfs/bin
for name in sh cat ls sort uniq sleep head; do ln -s busybox /box/rootfs/bin/$name; done
cd /box
`;

function configOf(command: string, resources: Resources, cgroupsPath?: string): Spec {
  return {
    ociVersion: "1.3.0",
    process: {
      terminal: false,
      user: { uid: 0, gid: 0 },
      cwd: "/",
      env: ["PATH=/bin"],
      args: ["sh", "-c", command],
    },
    root: { path: "rootfs" },
    mounts: [
      { destination: "/proc", type: "proc", source: "proc" },
      { destination: "/sys", type: "sysfs", source: "sysfs", options: ["ro"] },
      { destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["ro"] },
    ],
    linux: {
      namespaces: [{ type: "pid" }, { type: "mount" }, { type: "cgroup" }, { type: "network" }],
      resources,
      ...(cgroupsPath === undefined ? {} : { cgroupsPath }),
    },
  };
}

/** Through a pipe, because messages are coloured on a terminal. */
const plain = (script: string): string => `{ ${script}\n} 2>&1 | cat`;

const files = (spec: Spec) => ({ "/box/config.json": { text: JSON.stringify(spec) } });

/** Prints "name: text" for files, with the newlines of a text as spaces. */
const SHOW = `show() { for f in "$@"; do echo "$f:" $(cat $f 2>&1); done; }\n`;

const MIB = 2 ** 20;
const LIMITS: Resources = {
  memory: { limit: 64 * MIB, swap: 128 * MIB, reservation: 32 * MIB, checkBeforeUpdate: true },
  cpu: { shares: 512, quota: 50_000, period: 100_000, burst: 10_000, cpus: "0", mems: "0", idle: 0 },
  pids: { limit: 32 },
  blockIO: { weight: 500 },
  hugepageLimits: [{ pageSize: "2MB", limit: 4 * MIB }],
  devices: [{ allow: false }],
};

testUnless(lacksMachine())("v2: every limit is in its file, and what v2 cannot do is refused", async () => {
  const unified = { "memory.high": `${48 * MIB}`, "cgroup.max.depth": "3" };
  const names = [
    "memory.max memory.swap.max memory.low memory.high cpu.weight cpu.max cpu.max.burst cpu.idle",
    "cpuset.cpus cpuset.mems pids.max io.weight hugetlb.2MB.max hugetlb.2MB.rsvd.max cgroup.max.depth",
  ].join(" ");
  const command = `${SHOW} cd /sys/fs/cgroup; show ${names}; ls; cat cgroup.procs; (: >cgroup.freeze)`;
  const script = `${MAKE_ROOT}hutch run a; sed -i 's/"reservation"/"swappiness":9,"reservation"/' config.json
hutch run b; echo code $?; find /sys/fs/cgroup -mindepth 1 -type d`;
  const { output } = await runInMachine({
    script: plain(script),
    files: files(configOf(command, { ...LIMITS, unified })),
  });
  const lines = output.split("\n");
  expect(lines.slice(0, 15)).toEqual([
    `memory.max: ${64 * MIB}`,
    `memory.swap.max: ${64 * MIB}`,
    `memory.low: ${32 * MIB}`,
    `memory.high: ${48 * MIB}`,
    "cpu.weight: 59",
    "cpu.max: 50000 100000",
    "cpu.max.burst: 10000",
    "cpu.idle: 0",
    "cpuset.cpus: 0",
    "cpuset.mems: 0",
    "pids.max: 32",
    "io.weight: default 4950",
    `hugetlb.2MB.max: ${4 * MIB}`,
    `hugetlb.2MB.rsvd.max: ${4 * MIB}`,
    "cgroup.max.depth: 3",
  ]);
  // Its own cgroup is all that it sees, and it cannot write there.
  expect(lines).toContain("cgroup.events");
  expect(lines).toContain("1");
  expect(output).toContain("can't create cgroup.freeze: Read-only file system");
  expect(output).toContain("linux.resources.memory.swappiness: cgroup v2 has one swappiness");
  expect(lines.slice(-2)).toEqual(["code 125", ""]);
});

testUnless(lacksMachine())("v2: update writes all or nothing, by flags and by resources", async () => {
  const script = `${MAKE_ROOT}${SHOW}
hutch run --detach c; cd /sys/fs/cgroup/hutch-c
hutch update --memory 32m --memory-swap 48m --cpu-quota 20000 --cpu-burst 5000 --cpu-share 2048 \\
  --pids-limit 9 --cpuset-cpus 0-1 --blkio-weight 100 c || echo failed
show memory.max memory.swap.max cpu.max cpu.max.burst cpu.weight pids.max cpuset.cpus io.weight
echo '{"unified":{"memory.high":"33000000","pids.max":"12"},"cpu":{"idle":1}}' |
  hutch update -r - c || echo failed
show memory.high pids.max cpu.idle
echo '{"memory":{"limit":4096,"checkBeforeUpdate":true}}' |
  hutch update -r - c 2>&1 | head -c 60; echo
echo '{"memory":{"limit":4096}}' | hutch update -r - c 2>&1 | head -c 60; echo
echo '{"memory":{"limit":50000000,"swap":60000000},"unified":{"memory.high":"junk"}}' |
  hutch update -r - c && echo done
show memory.max memory.swap.max
hutch update --cpu-rt-runtime 5 c; hutch update --pids-limit -1 c; show pids.max
hutch delete --force c; find /sys/fs/cgroup -mindepth 1 -type d`;
  const { output } = await runInMachine({
    script: plain(script),
    files: files(configOf("sleep 300", LIMITS)),
  });
  expect(output.split("\n")).toEqual([
    `memory.max: ${32 * MIB}`,
    `memory.swap.max: ${16 * MIB}`,
    "cpu.max: 20000 100000",
    "cpu.max.burst: 5000",
    "cpu.weight: 174",
    "pids.max: 9",
    "cpuset.cpus: 0-1",
    "io.weight: default 910",
    "memory.high: 32997376",
    "pids.max: 12",
    "cpu.idle: 1",
    "hutch: update container c: memory.limit: 4096: the container",
    // The description has asked for it too.
    "hutch: update container c: memory.limit: 4096: the container",
    "hutch: update container c: write /sys/fs/cgroup/hutch-c/memory.high: EINVAL (invalid argument)",
    `memory.max: ${32 * MIB}`,
    `memory.swap.max: ${16 * MIB}`,
    "hutch: update: cpu.realtimeRuntime: cgroup v2 does not divide real-time",
    "pids.max: max",
    "",
  ]);
});

testUnless(lacksMachine())(
  "v2: whoever is root of a user namespace may make cgroups in its own, and change no limit of it",
  async () => {
    const command = `cd /sys/fs/cgroup; mkdir sub && echo 0 >sub/cgroup.procs && cat /proc/self/cgroup
(echo max >memory.max) 2>&1; echo +memory >cgroup.subtree_control; ls sub/memory.max`;
    const base = configOf(command, { memory: { limit: 64 * MIB }, pids: { limit: 9 } });
    const maps = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
    const mounts = (base.mounts ?? []).map((mount) =>
      mount.type === "cgroup" ? { ...mount, options: [] } : mount,
    );
    const namespaces = [{ type: "user" as const }, ...(base.linux?.namespaces ?? [])];
    const linux = { ...base.linux, namespaces, uidMappings: maps, gidMappings: maps };
    const script = `${MAKE_ROOT}ln -s busybox rootfs/bin/mkdir; chown -R 100000:100000 rootfs; hutch run a
find /sys/fs/cgroup -mindepth 1 -type d`;
    const { output } = await runInMachine({
      script: plain(script),
      files: files({ ...base, mounts, linux }),
    });
    expect(output).toBe("0::/sub\nsh: can't create memory.max: Permission denied\nsub/memory.max\n");
  },
);

testUnless(lacksMachine())("v2: update exchanges the device filter, and nothing of others", async () => {
  const rules = [
    [{ allow: false }, { allow: true, type: "c", major: 1, minor: 11, access: "w" }],
    [{ allow: true }, { allow: false, type: "c", major: 1, minor: 11 }],
    [{ allow: true }],
    [{ allow: false }],
  ];
  const script = `${MAKE_ROOT}hutch run --detach c
try() { hutch exec c sh -c '(: >/dev/kmsg) 2>/dev/null && echo -n kmsg; (: >/dev/null) && echo " null"'; }
try
${rules.map((devices) => `echo '${JSON.stringify({ devices })}' | hutch update -r - c; try`).join("\n")}
hutch delete --force c`;
  const base = configOf("sleep 300", { devices: [{ allow: false }] });
  const kmsg = { path: "/dev/kmsg", type: "c", major: 1, minor: 11 } as const;
  const spec = { ...base, linux: { ...base.linux, devices: [kmsg] } };
  const { output } = await runInMachine({ script: plain(script), files: files(spec) });
  expect(output).toBe(" null\nkmsg null\n null\nkmsg null\n null\n");
});

for (const cgroups of ["v1", "hybrid"] as const) {
  testUnless(lacksMachine())(
    `${cgroups}: a container is in every hierarchy, sees itself alone, and has what only v1 has`,
    async () => {
      const network = { classID: 1_048_577, priorities: [{ name: "lo", priority: 7 }] };
      const { hugepageLimits = [], pids = { limit: 1 } } = LIMITS;
      const resources = { network, hugepageLimits, pids, devices: [{ allow: false }] };
      const command = `${SHOW} cd /sys/fs/cgroup; echo $(ls)
show hugetlb/hugetlb.2MB.limit_in_bytes hugetlb/hugetlb.2MB.rsvd.limit_in_bytes net_cls/net_cls.classid
cat net_prio/net_prio.ifpriomap; show cpuset/cpuset.cpus cpuset/cpuset.mems
cat */tasks | sort | uniq -c | head -n 1`;
      const script = `${MAKE_ROOT}echo $(ls /sys/fs/cgroup); hutch run a; find /sys/fs/cgroup -name web
cat /sys/fs/cgroup/cpuset/pods/a/cpuset.cpus
sed -i 's/"hugepageLimits"/"unified":{"memory.high":"1"},"hugepageLimits"/' config.json
hutch run a; echo code $?`;
      const spec = configOf(command, resources, "/pods/a/web");
      const { output } = await runInMachine({ script: plain(script), files: files(spec), cgroups });
      const [host = "", inside, ...lines] = output.split("\n");
      const hierarchies = host.split(" ");
      expect(hierarchies).toContain("net_prio");
      expect(inside).toBe(host);
      const v1 = hierarchies.filter((name) => name !== "unified").length;
      expect(lines).toEqual([
        `hugetlb/hugetlb.2MB.limit_in_bytes: ${4 * MIB}`,
        `hugetlb/hugetlb.2MB.rsvd.limit_in_bytes: ${4 * MIB}`,
        "net_cls/net_cls.classid: 1048577",
        "lo 7",
        "cpuset/cpuset.cpus: 0-1",
        "cpuset/cpuset.mems: 0",
        `     ${v1} 1`,
        "0-1",
        expect.stringContaining("linux.resources.unified: names files of cgroup v2"),
        "code 125",
        "",
      ]);
    },
  );
}

testUnless(lacksMachine())(
  "v1: controllers that are mounted together have one cgroup, also of a compiled file",
  async () => {
    const network = { classID: 1_048_577, priorities: [{ name: "lo", priority: 7 }] };
    const script = `${MAKE_ROOT}${SHOW}
cd /sys/fs/cgroup; umount net_cls net_prio; rmdir net_cls net_prio; mkdir net_cls,net_prio
mount -t cgroup -o net_cls,net_prio cgroup net_cls,net_prio
for name in net_cls net_prio; do ln -s net_cls,net_prio $name; done; cd /box
hutch run web; hutch compile --bundle . -o /web && /web; echo code $?
mkdir /sys/fs/cgroup/net_cls/web; hutch compile --bundle . -o /web && /web; echo code $?
find /sys/fs/cgroup/net_cls,net_prio -mindepth 1 -type d`;
    const of = "/sys/fs/cgroup/net_cls";
    const show = `cat ${of}/net_cls.classid; grep -h lo ${of}/net_prio.ifpriomap`;
    for (const path of [undefined, "/web"]) {
      const { output } = await runInMachine({
        script: plain(script),
        files: files(configOf(show, { network }, path)),
        cgroups: "v1",
      });
      const seen = ["1048577", "lo 7"];
      const own = path === undefined ? ["web"] : [];
      expect(output.split("\n")).toEqual([
        ...seen,
        ...seen,
        "code 0",
        ...seen,
        "code 0",
        ...own.map(() => "/sys/fs/cgroup/net_cls,net_prio/web"),
        "",
      ]);
    }
  },
  120_000,
);

testUnless(lacksMachine())(
  "v2: a cgroup that is there is taken when nobody uses it, and nobody in it is ended else",
  async () => {
    const script = `${MAKE_ROOT}
web=/sys/fs/cgroup/web; echo +pids >/sys/fs/cgroup/cgroup.subtree_control
mkdir $web; echo 77 >$web/pids.max; hutch run a; ls -d $web
mkdir $web; echo 1 >$web/cgroup.freeze; hutch run a; echo 0 >$web/cgroup.freeze
sleep 100 & echo $! >$web/cgroup.procs; hutch run a; hutch run --detach a; hutch delete --force a
kill -0 $! && echo lives; kill $!; wait $! 2>/dev/null; mkdir $web/below; hutch run a; rmdir $web/below
echo 55 >$web/pids.max; hutch compile --bundle . -o /a && /a; ls -d $web`;
    const { output } = await runInMachine({
      script: plain(script),
      files: files(configOf("cat /sys/fs/cgroup/pids.max", {}, "/web")),
    });
    const refused = (reason: string): string => `hutch: take the cgroup /sys/fs/cgroup/web: ${reason}`;
    const gone = "ls: /sys/fs/cgroup/web: No such file or directory";
    expect(output.split("\n").filter((line) => !/^Terminated|^$/.test(line))).toEqual([
      "77",
      gone,
      refused("it is frozen"),
      refused("it has processes"),
      refused("it has processes"),
      "lives",
      refused("it has cgroups below it"),
      "55",
      gone,
    ]);
  },
  120_000,
);
