import { describe, expect, test } from "bun:test";
import { defaultSpec } from "../../src/spec/default.ts";
import { parseProcess, parseSpec } from "../../src/spec/parse.ts";
import { ABSENT, keysOf, messageOf, mutated } from "./mutate.ts";

/** A change of the default configuration (path, new value; several in turn) and what is said about it. */
type Row = readonly [
  message: string,
  path: string,
  value: unknown,
  ...more: readonly (readonly [string, unknown])[],
];

const NUMBER = "expected an integer from 0 to 4294967295";
const NO_MOUNT_NAMESPACE = [{ type: "uts" }];
const map = (containerID: number, hostID: number, size: number) => ({ containerID, hostID, size });
const scheduler = (path: string, value: unknown): Row[2] =>
  mutated({ policy: "SCHED_FIFO", priority: 1 }, keysOf(path), value);

const TYPES: readonly Row[] = [
  ["ociVersion: expected a value (it is required), received nothing", "ociVersion", ABSENT],
  ["ociVersion: expected a string, received 1", "ociVersion", 1],
  ["root.path: expected a value (it is required), received nothing", "root.path", ABSENT],
  ['root.readonly: expected true or false, received "yes"', "root.readonly", "yes"],
  ["root: expected an object, received an empty array", "root", []],
  ["linux: expected an object, received an array", "linux", [1]],
  ["process: expected an object, received null", "process", null],
  ["process.cwd: expected a value (it is required), received nothing", "process.cwd", ABSENT],
  ['process.args: expected an array, received "sh"', "process.args", "sh"],
  ["process.args[1]: expected a string, received 2", "process.args[1]", 2],
  [
    'process.args[0]: expected a string of valid Unicode without NUL, received "s\\u0000h"',
    "process.args[0]",
    "s\0h",
  ],
  [
    'process.env[0]: expected a string of valid Unicode without NUL, received "A=\ufffd"',
    "process.env[0]",
    "A=\ud800",
  ],
  ['process.terminal: expected true or false, received "true"', "process.terminal", "true"],
  [`process.user.uid: ${NUMBER}, received -1`, "process.user.uid", -1],
  [`process.user.uid: ${NUMBER}, received 4294967296`, "process.user.uid", 4294967296],
  [`process.user.gid: ${NUMBER}, received 1.5`, "process.user.gid", 1.5],
  [`process.user.additionalGids[0]: ${NUMBER}, received "5"`, "process.user.additionalGids", ["5"]],
  [
    "process.consoleSize.height: expected a value (it is required), received nothing",
    "process.consoleSize",
    { width: 80 },
  ],
  [
    'process.rlimits[0].type: expected a known name (did you mean RLIMIT_NOFILE?), received "RLIMIT_NOFILES"',
    "process.rlimits[0].type",
    "RLIMIT_NOFILES",
  ],
  [
    "process.rlimits[0].hard: expected an integer from 0 to 18446744073709551615, received -1",
    "process.rlimits[0].hard",
    -1,
  ],
  [
    'process.ioPriority.class: expected a known name (did you mean IOPRIO_CLASS_IDLE?), received "IOPRIO_CLASS_IDEL"',
    "process.ioPriority",
    { class: "IOPRIO_CLASS_IDEL" },
  ],
  [
    `process.scheduler.policy: expected one of SCHED_OTHER, SCHED_FIFO, SCHED_RR, SCHED_BATCH, SCHED_ISO, SCHED_IDLE, SCHED_DEADLINE, received "fair"`,
    "process.scheduler",
    { policy: "fair" },
  ],
  [
    'process.execCPUAffinity.initial: expected a list of CPUs such as 0-3,7, received "all"',
    "process.execCPUAffinity",
    { initial: "all" },
  ],
  [
    "mounts[0].destination: expected a value (it is required), received nothing",
    "mounts[0].destination",
    ABSENT,
  ],
  ['mounts[1].options: expected an array, received "ro"', "mounts[1].options", "ro"],
  [
    `mounts[2].uidMappings[0].size: ${NUMBER}, received true`,
    "mounts[2].uidMappings",
    [{ ...map(0, 0, 1), size: true }],
  ],
  [
    "hooks.poststart[0].timeout: expected an integer from 1 to 9007199254740991, received 0",
    "hooks",
    { poststart: [{ path: "/bin/true", timeout: 0 }] },
  ],
  ["annotations.key: expected a string, received 1", "annotations", { key: 1 }],
  [
    'annotations["org.example/key"]: expected a string, received false',
    "annotations",
    { "org.example/key": false },
  ],
  [
    "annotations: expected an object without the keys __proto__, constructor, prototype, received an object",
    "annotations",
    { constructor: "x" },
  ],
  [
    `linux.namespaces[0].type: expected one of user, cgroup, ipc, uts, network, pid, mount, time, received "net"`,
    "linux.namespaces[0].type",
    "net",
  ],
  [
    'linux.timeOffsets: expected one of the clocks monotonic, boottime, received "realtime"',
    "linux.timeOffsets",
    { realtime: { secs: 1 } },
  ],
  [
    "linux.resources.memory.limit: expected an integer from -9223372036854775808 to 9223372036854775807, received 1e+300",
    "linux.resources.memory",
    { limit: 1e300 },
  ],
  [
    "linux.resources.devices[0].allow: expected a value (it is required), received nothing",
    "linux.resources.devices[0].allow",
    ABSENT,
  ],
  ["linux.resources.unified: expected an object, received an empty array", "linux.resources.unified", []],
  [
    "linux.resources.blockIO.weight: expected an integer from 0 to 65535, received 70000",
    "linux.resources.blockIO",
    { weight: 70000 },
  ],
  [
    'linux.seccomp.defaultAction: expected a known name (did you mean SCMP_ACT_ALLOW?), received "SCMP_ACT_ALOW"',
    "linux.seccomp",
    { defaultAction: "SCMP_ACT_ALOW" },
  ],
  [
    "linux.seccomp.syscalls[0].names: expected at least one name, received an empty array",
    "linux.seccomp",
    { defaultAction: "SCMP_ACT_ALLOW", syscalls: [{ names: [], action: "SCMP_ACT_KILL" }] },
  ],
  [
    "linux.devices[0].fileMode: expected an integer from 0 to 65535, received 65536",
    "linux.devices",
    [{ type: "c", path: "/dev/x", major: 1, minor: 3, fileMode: 65536 }],
  ],
  [
    'linux.rootfsPropagation: expected a known name (did you mean shared?), received "share"',
    "linux.rootfsPropagation",
    "share",
  ],
  [
    'linux.intelRdt.memBwSchema: expected one line that starts with MB:, received "L3:0=f"',
    "linux.intelRdt",
    { memBwSchema: "L3:0=f" },
  ],
  ["linux.netDevices.eth0.name: expected a string, received 23", "linux.netDevices", { eth0: { name: 23 } }],
];

const RULES: readonly Row[] = [
  ['ociVersion: expected a version below 2.0.0, received "2.0.0"', "ociVersion", "2.0.0"],
  ['ociVersion: expected a version such as 1.3.0, received "1.3"', "ociVersion", "1.3"],
  ['ociVersion: expected a version such as 1.3.0, received "1.03.0"', "ociVersion", "1.03.0"],
  ["root: expected an object (it is required), received nothing", "root", ABSENT],
  ['root.path: expected the path of the root file system, received ""', "root.path", ""],
  ['process.cwd: expected an absolute path, received "tmp"', "process.cwd", "tmp"],
  ["process.args: expected at least one string, received an empty array", "process.args", []],
  ["process.args: expected at least one string, received nothing", "process.args", ABSENT],
  ['process.args[0]: expected the name of a program, received ""', "process.args[0]", ""],
  ['process.env[1]: expected NAME=value, received "TERM"', "process.env[1]", "TERM"],
  ['process.env[1]: expected NAME=value, received "=xterm"', "process.env[1]", "=xterm"],
  [
    "process.consoleSize.width: expected an integer up to 65535, received 65536",
    "process.consoleSize",
    { width: 65536, height: 25 },
  ],
  [
    "process.user.uid: expected an id below 4294967295, which the kernel takes for no change, received 4294967295",
    "process.user.uid",
    4294967295,
  ],
  [
    "process.user.additionalGids: expected at most 65536 groups, received 65537",
    "process.user.additionalGids",
    Array.from({ length: 65537 }, () => 5),
  ],
  [
    "process.user.umask: expected permission bits up to 511 (octal 0777), received 512",
    "process.user.umask",
    0o1000,
  ],
  ["process.rlimits[0].soft: expected a value ≤ hard (1024), received 4096", "process.rlimits[0].soft", 4096],
  [
    'process.rlimits[1].type: expected every type once, received "RLIMIT_NOFILE"',
    "process.rlimits[1]",
    { type: "RLIMIT_NOFILE", soft: 1, hard: 1 },
  ],
  ["process.oomScoreAdj: expected an integer from -1000 to 1000, received 1001", "process.oomScoreAdj", 1001],
  [
    "process.ioPriority.priority: expected an integer from 0 to 7, received 8",
    "process.ioPriority",
    { class: "IOPRIO_CLASS_BE", priority: 8 },
  ],
  [
    "process.scheduler.nice: expected an integer from -20 to 19, received 20",
    "process.scheduler",
    scheduler("nice", 20),
  ],
  [
    "process.scheduler.priority: expected an integer from 1 to 99 for SCHED_FIFO, received 0",
    "process.scheduler",
    scheduler("priority", 0),
  ],
  [
    "process.scheduler.priority: expected 0 or nothing for SCHED_BATCH, received 1",
    "process.scheduler",
    scheduler("policy", "SCHED_BATCH"),
  ],
  [
    "process.scheduler.deadline: expected 0 or nothing for SCHED_FIFO, received 5",
    "process.scheduler",
    scheduler("deadline", 5),
  ],
  [
    'process.scheduler.policy: expected a policy that Linux implements, received "SCHED_ISO"',
    "process.scheduler",
    { policy: "SCHED_ISO" },
  ],
  [
    "process.scheduler.deadline: expected a value ≥ runtime (5000), received 4000",
    "process.scheduler",
    { policy: "SCHED_DEADLINE", runtime: 5000, deadline: 4000 },
  ],
  [
    'process.capabilities.bounding[3]: expected a known name (did you mean CAP_SYS_ADMIN?), received "CAP_SYSADMIN"',
    "process.capabilities.bounding[3]",
    "CAP_SYSADMIN",
  ],
  [
    'process.capabilities.effective[3]: expected a capability that is also permitted, received "CAP_CHOWN"',
    "process.capabilities.effective[3]",
    "CAP_CHOWN",
  ],
  [
    'process.capabilities.inheritable[0]: expected a capability that is also bounding, received "CAP_CHOWN"',
    "process.capabilities.inheritable",
    ["CAP_CHOWN"],
  ],
  ['linux.namespaces[1].type: expected every type once, received "pid"', "linux.namespaces[1].type", "pid"],
  [
    'linux.namespaces[1].path: expected an absolute path, received "ns/net"',
    "linux.namespaces[1].path",
    "ns/net",
  ],
  ['linux.namespaces[1].path: expected an absolute path, received ""', "linux.namespaces[1].path", ""],
  ["hostname: expected a uts namespace in linux.namespaces, received nothing", "linux.namespaces[3]", ABSENT],
  [
    "domainname: expected a uts namespace in linux.namespaces, received nothing",
    "linux.namespaces[3]",
    ABSENT,
    ["hostname", ABSENT],
    ["domainname", "example"],
  ],
  [`hostname: expected at most 64 bytes, received "${"ü".repeat(33)}"`, "hostname", "ü".repeat(33)],
  [
    "linux.uidMappings: expected a user namespace in linux.namespaces, received nothing",
    "linux.uidMappings",
    [map(0, 1000, 1)],
  ],
  [
    "linux.gidMappings: expected at least one mapping for the new user namespace, received nothing",
    "linux.uidMappings",
    [map(0, 1000, 1)],
    ["linux.namespaces[6]", { type: "user" }],
  ],
  [
    "linux.uidMappings[1].containerID: expected a range that does not overlap linux.uidMappings[0], received 9",
    "linux.uidMappings",
    [map(0, 1000, 10), map(9, 5000, 1)],
    ["linux.gidMappings", [map(0, 0, 1)]],
    ["linux.namespaces[6]", { type: "user" }],
  ],
  [
    "linux.uidMappings[0].hostID: expected a range that does not overlap linux.uidMappings[1], received 1005",
    "linux.uidMappings",
    [map(0, 1005, 10), map(10, 1000, 6)],
    ["linux.gidMappings", [map(0, 0, 1)]],
    ["linux.namespaces[6]", { type: "user" }],
  ],
  [
    "linux.uidMappings[0].size: expected at least 1, received 0",
    "linux.uidMappings",
    [map(0, 0, 0)],
    ["linux.gidMappings", [map(0, 0, 1)]],
    ["linux.namespaces[6]", { type: "user" }],
  ],
  [
    "linux.uidMappings[0].size: expected a range of hostID that ends below 4294967295, received 2",
    "linux.uidMappings",
    [map(0, 4294967294, 2)],
    ["linux.gidMappings", [map(0, 0, 1)]],
    ["linux.namespaces[6]", { type: "user" }],
  ],
  [
    "linux.uidMappings: expected at most 340 mappings, received 341",
    "linux.uidMappings",
    Array.from({ length: 341 }, (_, id) => map(id, id, 1)),
    ["linux.gidMappings", [map(0, 0, 1)]],
    ["linux.namespaces[6]", { type: "user" }],
  ],
  [
    "linux.timeOffsets: expected a new time namespace in linux.namespaces, received nothing",
    "linux.timeOffsets",
    { boottime: { secs: 1 } },
  ],
  [
    'linux.timeOffsets: expected a new time namespace in linux.namespaces, received "/proc/1/ns/time"',
    "linux.timeOffsets",
    { boottime: { secs: 1 } },
    ["linux.namespaces[6]", { type: "time", path: "/proc/1/ns/time" }],
  ],
  [
    "linux.timeOffsets.boottime.nanosecs: expected an integer below 1000000000, received 1000000000",
    "linux.timeOffsets",
    { boottime: { nanosecs: 1000000000 } },
    ["linux.namespaces[6]", { type: "time" }],
  ],
  [
    "mounts: expected a mount namespace in linux.namespaces, received nothing",
    "linux",
    { namespaces: NO_MOUNT_NAMESPACE },
  ],
  [
    "linux.maskedPaths: expected a mount namespace in linux.namespaces, received nothing",
    "linux",
    { namespaces: NO_MOUNT_NAMESPACE, maskedPaths: ["/proc/kcore"] },
    ["mounts", []],
  ],
  [
    'mounts[0].destination: expected a path without .. components, received "/proc/../etc"',
    "mounts[0].destination",
    "/proc/../etc",
  ],
  ['mounts[0].destination: expected an absolute path, received ""', "mounts[0].destination", ""],
  ["mounts[0].type: expected a file system type, received nothing", "mounts[0].type", ABSENT],
  [
    "mounts[0].source: expected the file or directory to bind, received nothing",
    "mounts[0]",
    { destination: "/x", options: ["rbind"] },
  ],
  [
    "mounts[0].gidMappings: expected mappings, because uidMappings are given, received nothing",
    "mounts[0]",
    { destination: "/x", source: "/y", options: ["bind"], uidMappings: [map(0, 0, 1)] },
  ],
  [
    "mounts[0].uidMappings: expected mappings, or a user namespace in linux.namespaces, received nothing",
    "mounts[0]",
    { destination: "/x", source: "/y", options: ["bind", "idmap"] },
  ],
  [
    'mounts[0].options: expected bind or rbind with id mappings, received "ro"',
    "mounts[0]",
    {
      ...{ destination: "/x", type: "tmpfs", options: ["ro"] },
      ...{ uidMappings: [map(0, 0, 1)], gidMappings: [map(0, 0, 1)] },
    },
  ],
  [
    'hooks.prestart[0].path: expected an absolute path, received "hook"',
    "hooks",
    { prestart: [{ path: "hook" }] },
  ],
  [
    'hooks.poststop[0].env[0]: expected NAME=value, received "A"',
    "hooks",
    { poststop: [{ path: "/hook", env: ["A"] }] },
  ],
  [
    'linux.maskedPaths[0]: expected an absolute path, received "proc/kcore"',
    "linux.maskedPaths[0]",
    "proc/kcore",
  ],
  [
    'linux.readonlyPaths[0]: expected a path without .. components, received "/proc/.."',
    "linux.readonlyPaths[0]",
    "/proc/..",
  ],
  [
    'linux.cgroupsPath: expected a path without .. components, received "/a/../b"',
    "linux.cgroupsPath",
    "/a/../b",
  ],
  ["linux.personality.domain: expected LINUX or LINUX32, received nothing", "linux.personality", {}],
  [
    'linux.personality.flags: expected no flags (the specification defines none), received "ADDR_NO_RANDOMIZE"',
    "linux.personality",
    { domain: "LINUX", flags: ["ADDR_NO_RANDOMIZE"] },
  ],
  [
    "linux.devices[0].major: expected an integer from 0 to 4095, received nothing",
    "linux.devices",
    [{ type: "c", path: "/dev/x", minor: 1 }],
  ],
  [
    "linux.devices[0].minor: expected an integer from 0 to 1048575, received -1",
    "linux.devices",
    [{ type: "b", path: "/dev/x", major: 8, minor: -1 }],
  ],
  [
    'linux.devices[0].path: expected an absolute path, received "dev/x"',
    "linux.devices",
    [{ type: "p", path: "dev/x" }],
  ],
  [
    'linux.sysctl["kernel.panic"]: expected a parameter of a namespace, not of the whole host, received "kernel.panic"',
    "linux.sysctl",
    { "kernel.panic": "1" },
  ],
  [
    'linux.sysctl["kernel.hostname"]: expected the field hostname instead, received "kernel.hostname"',
    "linux.sysctl",
    { "kernel.hostname": "x" },
  ],
  [
    'linux.sysctl["net.//.kernel.panic"]: expected the name of a kernel parameter, received "net.//.kernel.panic"',
    "linux.sysctl",
    { "net.//.kernel.panic": "1" },
  ],
  [
    'linux.sysctl["net.ipv4.ip_forward"]: expected a network namespace in linux.namespaces, received nothing',
    "linux.sysctl",
    { "net.ipv4.ip_forward": "1" },
    ["linux.namespaces[1]", ABSENT],
  ],
  [
    'linux.sysctl["fs/mqueue/msg_max"]: expected an ipc namespace in linux.namespaces, received nothing',
    "linux.sysctl",
    { "fs/mqueue/msg_max": "1" },
    ["linux.namespaces[2]", ABSENT],
  ],
  [
    'linux.resources.devices[0].type: expected one of a, b, c, received "p"',
    "linux.resources.devices[0].type",
    "p",
  ],
  [
    'linux.resources.devices[0].access: expected letters of rwm, received "rx"',
    "linux.resources.devices[0].access",
    "rx",
  ],
  [
    "linux.resources.devices[0].major: expected an integer from 0 to 4294967295, or -1 for all, received -2",
    "linux.resources.devices[0].major",
    -2,
  ],
  [
    "linux.resources.memory.limit: expected a number of bytes, or -1 for no limit, received -2",
    "linux.resources.memory",
    { limit: -2 },
  ],
  [
    "linux.resources.memory.swap: expected a value ≥ limit (4096), received 1024",
    "linux.resources.memory",
    { limit: 4096, swap: 1024 },
  ],
  [
    "linux.resources.memory.swap: expected memory.limit to be set too, received 1024",
    "linux.resources.memory",
    { swap: 1024 },
  ],
  [
    "linux.resources.memory.swappiness: expected an integer from 0 to 100, received 101",
    "linux.resources.memory",
    { swappiness: 101 },
  ],
  [
    "linux.resources.cpu.shares: expected an integer from 0 to 262144, received 262145",
    "linux.resources.cpu",
    { shares: 262145 },
  ],
  [
    "linux.resources.cpu.period: expected an integer from 1000 to 1000000 microseconds, received 999",
    "linux.resources.cpu",
    { period: 999 },
  ],
  [
    "linux.resources.cpu.quota: expected at least 1000 microseconds, or -1 for no limit, received 999",
    "linux.resources.cpu",
    { quota: 999 },
  ],
  [
    "linux.resources.cpu.burst: expected a value ≤ quota (5000), received 5001",
    "linux.resources.cpu",
    { quota: 5000, burst: 5001 },
  ],
  ["linux.resources.cpu.idle: expected 0 or 1, received 2", "linux.resources.cpu", { idle: 2 }],
  [
    'linux.resources.cpu.mems: expected a list such as 0-3,8, received "0;1"',
    "linux.resources.cpu",
    { mems: "0;1" },
  ],
  [
    "linux.resources.blockIO.weight: expected an integer from 0 to 1000, received 1001",
    "linux.resources.blockIO",
    { weight: 1001 },
  ],
  [
    "linux.resources.blockIO.weightDevice[0].weight: expected an integer from 0 to 1000, received 1001",
    "linux.resources.blockIO",
    { weightDevice: [{ major: 8, minor: 0, weight: 1001 }] },
  ],
  [
    "linux.resources.blockIO.throttleReadBpsDevice[0].minor: expected an integer from 0 to 4294967295, received -1",
    "linux.resources.blockIO",
    { throttleReadBpsDevice: [{ major: 8, minor: -1, rate: 1 }] },
  ],
  [
    'linux.resources.network.priorities[0].name: expected the name of an interface, received "a b"',
    "linux.resources.network",
    { priorities: [{ name: "a b", priority: 1 }] },
  ],
  [
    'linux.resources.rdma: expected the name of a device, received "a b"',
    "linux.resources.rdma",
    { "a b": { hcaHandles: 1 } },
  ],
  [
    'linux.resources.unified: expected names of files, without a slash, received "../memory.high"',
    "linux.resources.unified",
    { "../memory.high": "1" },
  ],
  [
    "linux.seccomp.defaultErrnoRet: expected nothing, because SCMP_ACT_ALLOW returns no errno, received 1",
    "linux.seccomp",
    { defaultAction: "SCMP_ACT_ALLOW", defaultErrnoRet: 1 },
  ],
  [
    "linux.seccomp.syscalls[0].errnoRet: expected an integer from 0 to 4095, received 4096",
    "linux.seccomp",
    {
      defaultAction: "SCMP_ACT_ALLOW",
      syscalls: [{ names: ["a"], action: "SCMP_ACT_ERRNO", errnoRet: 4096 }],
    },
  ],
  [
    "linux.seccomp.syscalls[0].args[0].index: expected an integer from 0 to 5, received 6",
    "linux.seccomp",
    {
      defaultAction: "SCMP_ACT_ALLOW",
      syscalls: [
        { names: ["a"], action: "SCMP_ACT_KILL", args: [{ index: 6, value: 0, op: "SCMP_CMP_EQ" }] },
      ],
    },
  ],
  [
    "linux.seccomp.listenerPath: expected a path, because listenerMetadata is given, received nothing",
    "linux.seccomp",
    { defaultAction: "SCMP_ACT_ALLOW", listenerMetadata: "x" },
  ],
  ['annotations: expected keys that are not empty, received ""', "annotations", { "": "x" }],
];

for (const [title, rows] of Object.entries({ "a wrong type": TYPES, "a broken rule": RULES })) {
  describe(`${title} is named with its path, what was expected and what came`, () => {
    for (const [message, path, value, ...more] of rows) {
      test(message, () => {
        let spec = mutated(defaultSpec(), keysOf(path), value);
        for (const [otherPath, other] of more) spec = mutated(spec, keysOf(otherPath), other);
        expect(messageOf(() => parseSpec(spec))).toBe(`config.json: ${message}`);
      });
    }
  });
}

test("every problem is told, one a line, the first ten in full", () => {
  const env = Array.from({ length: 12 }, (_, index) => index);
  const lines = messageOf(() => parseSpec(mutated(defaultSpec(), ["process", "env"], env))).split("\n");
  expect(lines[0]).toBe("config.json: 12 problems");
  expect(lines[1]).toBe("  process.env[0]: expected a string, received 0");
  expect(lines[10]).toBe("  process.env[9]: expected a string, received 9");
  expect(lines.slice(11)).toEqual(["  and 2 more"]);
});

test("rules of different sections are told together", () => {
  const spec = mutated(mutated(defaultSpec(), ["process", "cwd"], "x"), ["linux", "cgroupsPath"], "..");
  expect(messageOf(() => parseSpec(spec)).split("\n")).toEqual([
    "config.json: 2 problems",
    '  process.cwd: expected an absolute path, received "x"',
    '  linux.cgroupsPath: expected a path without .. components, received ".."',
  ]);
});

test("a long value is cut and control characters are escaped, so that a message stays on its line", () => {
  const message = messageOf(() =>
    parseSpec(mutated(defaultSpec(), ["process", "cwd"], `a\n${"b".repeat(5000)}`)),
  );
  expect(message).toBe(
    `config.json: process.cwd: expected an absolute path, received "a\\n${"b".repeat(78)}…"`,
  );
});

test("a process of its own is told about with paths that begin at it", () => {
  const { process } = defaultSpec();
  expect(parseProcess(process).args).toEqual(["sh"]);
  expect(messageOf(() => parseProcess(mutated(process, ["cwd"], "x")))).toBe(
    'process.json: cwd: expected an absolute path, received "x"',
  );
  expect(messageOf(() => parseProcess(mutated(process, ["cwd"], 1)))).toBe(
    "process.json: cwd: expected a string, received 1",
  );
});

test("the document's name can be another", () => {
  expect(messageOf(() => parseSpec([], { name: "/bundle/config.json" }))).toBe(
    "/bundle/config.json: expected an object, received an empty array",
  );
});
