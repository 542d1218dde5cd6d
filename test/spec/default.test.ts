import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defaultSpec, rootlessSpec } from "../../src/spec/default.ts";
import { parseSpec, parseSpecText } from "../../src/spec/parse.ts";
import { ABSENT, mutated, type Path } from "./mutate.ts";

const runc = Bun.which("runc");
const lacksRunc = runc === null ? " (needs runc)" : "";

/** What `runc spec` writes. */
function runcSpec(...options: string[]): unknown {
  const directory = mkdtempSync(join(tmpdir(), "hutch-spec-"));
  try {
    Bun.spawnSync([runc ?? "runc", "spec", ...options], { cwd: directory });
    return JSON.parse(readFileSync(join(directory, "config.json"), "utf8"));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Without the fields in which versions of runc differ among themselves, or hutch from all of them. */
function comparable(spec: unknown): unknown {
  const differing: readonly Path[] = [
    ["ociVersion"],
    ["hostname"],
    // runc before 1.2 asks for ambient capabilities, which without inheritable ones nobody gets.
    ["process", "capabilities", "ambient"],
    // hutch masks more; runc has a cgroup namespace on cgroup v2 only.
    ["linux", "maskedPaths"],
    ["linux", "namespaces"],
  ];
  return differing.reduce((rest, path) => mutated(rest, path, ABSENT), spec);
}

test.skipIf(runc === null)(`the default configuration is that of runc${lacksRunc}`, () => {
  const theirs = runcSpec();
  expect(comparable(defaultSpec())).toEqual(comparable(theirs));
  const { linux } = parseSpec(theirs);
  expect(defaultSpec().linux?.maskedPaths).toEqual(expect.arrayContaining(linux?.maskedPaths ?? []));
  expect(defaultSpec().linux?.namespaces).toEqual(expect.arrayContaining(linux?.namespaces ?? []));
});

test.skipIf(runc === null)(`the rootless configuration is that of runc${lacksRunc}`, () => {
  const theirs = runcSpec("--rootless");
  const ours = rootlessSpec(process.geteuid?.() ?? 0, process.getegid?.() ?? 0);
  expect(comparable(ours)).toEqual(comparable(theirs));
  expect(ours.linux?.namespaces).toEqual(expect.arrayContaining(parseSpec(theirs).linux?.namespaces ?? []));
});

test.skipIf(runc === null)(`a configuration of runc is accepted${lacksRunc}`, () => {
  expect(parseSpec(runcSpec()).process?.args).toEqual(["sh"]);
});

test("the default configuration passes its own parser and loses nothing", () => {
  expect(parseSpecText(JSON.stringify(defaultSpec()))).toEqual(defaultSpec());
  expect(parseSpecText(JSON.stringify(rootlessSpec(1000, 100)))).toEqual(rootlessSpec(1000, 100));
});

test("the default configuration hides what tells about the host or measures its power", () => {
  expect(defaultSpec().linux?.maskedPaths).toEqual(
    expect.arrayContaining(["/proc/interrupts", "/sys/firmware", "/sys/devices/virtual/powercap"]),
  );
});

test("the rootless configuration maps one user and one group and leaves the network namespace out", () => {
  const { linux, mounts } = rootlessSpec(1000, 100);
  expect(linux?.uidMappings).toEqual([{ containerID: 0, hostID: 1000, size: 1 }]);
  expect(linux?.gidMappings).toEqual([{ containerID: 0, hostID: 100, size: 1 }]);
  expect(linux?.namespaces?.map(({ type }) => type)).toEqual([
    "pid",
    "ipc",
    "uts",
    "mount",
    "cgroup",
    "user",
  ]);
  expect(linux?.resources).toBeUndefined();
  const devpts = mounts?.find(({ type }) => type === "devpts");
  expect(devpts?.options?.filter((option) => option.startsWith("gid="))).toEqual([]);
});

test("a default configuration can be changed without changing the next", () => {
  const first = defaultSpec();
  first.mounts?.[1]?.options?.push("ro");
  first.process?.capabilities?.bounding?.pop();
  first.linux?.maskedPaths?.pop();
  expect(defaultSpec().mounts?.[1]?.options).not.toContain("ro");
  expect(defaultSpec().process?.capabilities?.bounding).toHaveLength(3);
  expect(defaultSpec().linux?.maskedPaths).toContain("/sys/devices/virtual/powercap");
});
