import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { defaultSpec, rootlessSpec } from "../../src/spec/default.ts";
import { parseSpec, parseSpecText } from "../../src/spec/parse.ts";
import { refuseUnsupported, unsupportedPaths } from "../../src/spec/supported.ts";
import { keysOf, messageOf, mutated } from "./mutate.ts";

const sampleFile = `${import.meta.dir}/../oci/samples/config/good/spec-example.json`;
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
};

/** Values that ask for nothing, as container managers write them. */
const EMPTY: readonly (readonly [path: string, value: unknown])[] = [
  ["linux.intelRdt", {}],
  ["linux.netDevices", {}],
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

test("every field of the specification's largest sample is supported", () => {
  const spec = parseSpecText(readFileSync(sampleFile, "utf8"));
  expect(messageOf(() => refuseUnsupported(spec))).toBe("");
});

test("execCPUAffinity is for exec alone: of the first process the specification wants it ignored", () => {
  const spec = parseSpec(mutated(defaultSpec(), ["process", "execCPUAffinity"], { initial: "0" }));
  expect(messageOf(() => refuseUnsupported(spec))).toBe("");
});
