import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { defaultSpec, rootlessSpec } from "../../src/spec/default.ts";
import { parseSpec, parseSpecText } from "../../src/spec/parse.ts";
import { refuseUnsupported, unsupportedPaths } from "../../src/spec/supported.ts";
import { keysOf, messageOf, mutated } from "./mutate.ts";

const sampleFile = `${import.meta.dir}/../oci/samples/config/good/spec-example.json`;
const device = { major: 8, minor: 0 };
const seccomp = (more: object) => ({ defaultAction: "SCMP_ACT_ALLOW", ...more });

/** A value for each path of the table that asks for something. */
const WISHES: Readonly<Record<string, unknown>> = {
  "linux.intelRdt": { closID: "c" },
  "linux.memoryPolicy": { mode: "MPOL_BIND" },
  "linux.netDevices": { eth0: {} },
  "linux.seccomp.listenerPath": "/s",
  "linux.seccomp.defaultAction": "SCMP_ACT_NOTIFY",
  "linux.seccomp.syscalls": [{ names: ["read"], action: "SCMP_ACT_NOTIFY" }],
  "linux.seccomp.flags": ["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"],
  "linux.resources.blockIO": { throttleReadBpsDevice: [{ ...device, rate: 1 }] },
  "linux.resources.hugepageLimits": [{ pageSize: "2MB", limit: 0 }],
  "linux.resources.rdma": { mlx: { hcaHandles: 1 } },
  "linux.resources.unified": { "memory.high": "1" },
  "linux.resources.network.classID": 1,
  "linux.resources.network.priorities": [{ name: "eth0", priority: 0 }],
  "linux.resources.memory.kernel": 4096,
  "linux.resources.memory.kernelTCP": 4096,
  "linux.resources.memory.swappiness": 0,
  "linux.resources.memory.disableOOMKiller": true,
  "linux.resources.memory.useHierarchy": true,
  "linux.resources.memory.checkBeforeUpdate": true,
  "linux.resources.cpu.burst": 1,
  "linux.resources.cpu.realtimeRuntime": 1,
  "linux.resources.cpu.realtimePeriod": 1,
  "linux.resources.cpu.cpus": "0",
  "linux.resources.cpu.mems": "0",
  "linux.resources.cpu.idle": 1,
};

/** Values that ask for nothing, as container managers write them. */
const EMPTY: readonly (readonly [path: string, value: unknown])[] = [
  ["linux.intelRdt", {}],
  ["linux.netDevices", {}],
  ["linux.resources.blockIO", { weight: 0, weightDevice: [] }],
  ["linux.resources.hugepageLimits", []],
  ["linux.resources.network", {}],
  ["linux.resources.memory.kernel", -1],
  ["linux.resources.memory.disableOOMKiller", false],
  ["linux.resources.cpu", { cpus: "", mems: "", realtimeRuntime: 0, idle: 0 }],
  ["linux.seccomp", seccomp({ flags: ["SECCOMP_FILTER_FLAG_LOG"], syscalls: [] })],
];

describe("a field that nothing acts upon is refused by its name", () => {
  for (const [path, value] of Object.entries(WISHES)) {
    test(path, () => {
      const base = path.startsWith("linux.seccomp")
        ? mutated(defaultSpec(), ["linux", "seccomp"], seccomp({}))
        : defaultSpec();
      const spec = parseSpec(mutated(base, keysOf(path), value));
      expect(messageOf(() => refuseUnsupported(spec))).toBe(`config.json: ${path}: not supported yet`);
    });
  }
});

test("each path of the table is tried above", () => {
  expect(unsupportedPaths().sort()).toEqual(Object.keys(WISHES).sort());
});

describe("an empty field asks for nothing", () => {
  for (const [path, value] of EMPTY) {
    test(`${path} = ${JSON.stringify(value)}`, () => {
      const spec = parseSpec(mutated(defaultSpec(), keysOf(path), value));
      expect(messageOf(() => refuseUnsupported(spec))).toBe("");
    });
  }
});

test("what hutch itself writes is supported", () => {
  expect(messageOf(() => refuseUnsupported(parseSpec(defaultSpec())))).toBe("");
  expect(messageOf(() => refuseUnsupported(parseSpec(rootlessSpec(1000, 100))))).toBe("");
});

test("every unsupported field of the specification's largest sample is told", () => {
  const spec = parseSpecText(readFileSync(sampleFile, "utf8"));
  const [first, ...rest] = messageOf(() => refuseUnsupported(spec)).split("\n");
  expect(first).toBe("config.json: 10 problems");
  expect(rest).toHaveLength(10);
});

test("execCPUAffinity is for exec alone: of the first process the specification wants it ignored", () => {
  const spec = parseSpec(mutated(defaultSpec(), ["process", "execCPUAffinity"], { initial: "0" }));
  expect(messageOf(() => refuseUnsupported(spec))).toBe("");
});
