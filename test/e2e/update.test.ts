/** update, against what the kernel says of the cgroup. */
import { afterAll, expect } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Resources } from "../../src/spec/resources.ts";
import { anyReason, lacksCgroup, lacksRoot, testUnless } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { type Box, boxOf, detached, limitedBox } from "./support-detached.ts";
import { output, withLinux } from "./support-inside.ts";
import { asRoot } from "./support-lifecycle.ts";

const place = detached();
const { call } = place;
afterAll(place.end);

const memoryLimit = ({ file }: Box): string => file("memory.limit_in_bytes") || file("memory.max");

asRoot("changes the limits of its flags, and no other", async () => {
  const own = await limitedBox(place);
  const flags = ["--memory", "32m", "--pids-limit=17", "--cpu-share", "512", "--cpu-quota", "50000"];
  expect(await call(["update", ...flags, own.id])).toMatchObject({ code: 0, stdout: "", stderr: "" });
  expect(memoryLimit(own)).toBe(`${32 * 2 ** 20}`);
  expect(own.file("pids.max")).toBe("17");
  expect(own.file("cpu.shares") || own.file("cpu.weight")).toMatch(/^(512|59)$/);
  expect(own.file("cpu.cfs_quota_us") || own.file("cpu.max")).toMatch(/^50000( 100000)?$/);
  output(await call(["update", own.id, "--pids-limit", "-1"]));
  expect(own.file("pids.max")).toBe("max");
  expect(memoryLimit(own)).toBe(`${32 * 2 ** 20}`);
});

asRoot("takes resources as engines write them, from a file and from standard input", async () => {
  const own = await limitedBox(place);
  const engine = {
    memory: { limit: 48 * 2 ** 20, reservation: 0, kernel: 0 },
    cpu: { shares: 256, quota: 0, period: 0, cpus: "", mems: "" },
    pids: { limit: 9 },
    blockIO: { weight: 0 },
  };
  output(await call(["update", "--resources=-", own.id], { input: JSON.stringify(engine) }));
  expect(memoryLimit(own)).toBe(`${48 * 2 ** 20}`);
  expect(own.file("pids.max")).toBe("9");
  const file = join(temporaryDirectory("resources"), "resources.json");
  writeFileSync(file, JSON.stringify({ pids: { limit: 11 } }));
  output(await call(["update", "-r", file, own.id]));
  expect(own.file("pids.max")).toBe("11");
});

/** What runc 1.1.5 makes of the same, which was tried one by one. */
const ZEROS = [
  [["-r", "-"], { pids: { limit: 0 } }, "5", 64],
  [["-r", "-"], { memory: { limit: 0 } }, "5", 64],
  [["--pids-limit", "0", "--memory", "0"], undefined, "5", 64],
  [["-r", "-"], { pids: { limit: -1 } }, "max", 64],
  [["--pids-limit", "9"], undefined, "9", 64],
  [["--pids-limit", "-1"], undefined, "max", 64],
  [["-r", "-"], { memory: { limit: -1 } }, "max", undefined],
  [["--memory", "50m"], undefined, "max", 50],
  [["--memory", "-1"], undefined, "max", undefined],
] as const;

asRoot("a limit of 0 is not given, and -1 is none; for a new container both are none", async () => {
  const isLimited = (box: Box): boolean => /^\d{1,10}$/.test(memoryLimit(box));
  for (const limit of [0, -1]) {
    const resources = { memory: { limit }, pids: { limit } };
    const id = await place.run("sleep 300", (name) => withLinux({ cgroupsPath: `/${name}`, resources }));
    const box = boxOf(place, id);
    expect([limit, box.file("pids.max"), isLimited(box)]).toEqual([limit, "max", false]);
  }
  const own = await limitedBox(place);
  output(await call(["update", "--pids-limit", "5", own.id]));
  for (const [words, resources, pids, memory] of ZEROS) {
    const input = JSON.stringify(resources) ?? "";
    output(await call(["update", ...words, own.id], { input }));
    const limit = isLimited(own) ? Number(memoryLimit(own)) / 2 ** 20 : undefined;
    expect([words, input, own.file("pids.max"), limit]).toEqual([words, input, pids, memory]);
  }
});

testUnless(anyReason(lacksRoot(), lacksCgroup(1)))(
  "raises and lowers memory and swap in whatever order the kernel wants",
  async () => {
    const own = await limitedBox(place);
    const limits = (): string[] => [
      own.file("memory.limit_in_bytes"),
      own.file("memory.memsw.limit_in_bytes"),
    ];
    for (const [memory, swap] of [
      [100, 120],
      [200, 240],
      [50, 60],
      [51, 300],
    ]) {
      output(await call(["update", `--memory=${memory}m`, `--memory-swap=${swap}m`, own.id]));
      expect(limits()).toEqual([`${(memory ?? 0) * 2 ** 20}`, `${(swap ?? 0) * 2 ** 20}`]);
    }
    output(await call(["update", "--memory=-1", own.id]));
    expect(limits().map(Number)).toEqual([2 ** 63 - 4096, 2 ** 63 - 4096]);
    output(await call(["update", "--memory=51m", own.id]));
    output(await call(["update", "--memory-swap=400m", own.id]));
    expect(limits()).toEqual([`${51 * 2 ** 20}`, `${400 * 2 ** 20}`]);
  },
);

asRoot("refuses by name what it cannot act upon, and then changes nothing", async () => {
  const own = await limitedBox(place);
  const refused = async (input: object, message: string): Promise<void> => {
    const { code, stderr } = await call(["update", "-r", "-", own.id], { input: JSON.stringify(input) });
    expect({ code, stderr }).toEqual({ code: 1, stderr: `hutch: ${message}\n` });
  };
  await refused(
    { pids: { limit: 5 }, blockIO: { leafWeight: 5 } },
    "update: blockIO.leafWeight: Linux has leaf weights no more: they went with the CFQ scheduler in 5.0",
  );
  await refused(
    { pids: { limit: "5" } },
    'update: pids.limit: expected an integer from -9223372036854775808 to 9223372036854775807, received "5"',
  );
  await refused(
    { cpu: { shares: 999_999_999 } },
    "update: cpu.shares: expected an integer from 0 to 262144, received 999999999",
  );
  expect(own.file("pids.max")).toBe("max");
  for (const option of ["l3-cache-schema", "mem-bw-schema"]) {
    const flag = await call(["update", `--${option}`, "L3:0=f", own.id]);
    expect(flag).toMatchObject({ code: 1, stderr: `hutch: update --${option}: not supported yet\n` });
  }
  const both = await call(["update", "--pids-limit", "5", "-r", "-", own.id], { input: "{}" });
  expect(both.stderr).toContain("expected --resources or single limits, not both");
});

asRoot("puts back what it has written when the kernel refuses a later limit", async () => {
  const own = await limitedBox(place);
  const before = memoryLimit(own);
  // The kernel takes no quota of more than its own most.
  const input = JSON.stringify({ memory: { limit: 33 * 2 ** 20 }, cpu: { quota: 9_000_000_000_000_000 } });
  const { code, stderr } = await call(["update", "-r", "-", own.id], { input });
  expect(code).toBe(1);
  expect(stderr).toMatch(/^hutch: update container \S+: write \S+cpu\S+: E(INVAL|RANGE)/);
  expect(memoryLimit(own)).toBe(before);
});

/** A device that root may open for writing without any capability, if the rules let it. */
const KMSG = { type: "c", major: 1, minor: 11 } as const;

asRoot("exchanges the device rules, and leaves them when a limit is refused", async () => {
  const id = await place.run("sleep 300", (name) =>
    withLinux({
      cgroupsPath: `/${name}`,
      devices: [{ path: "/dev/kmsg", ...KMSG }],
      resources: { devices: [{ allow: false }] },
    }),
  );
  const opens = async (): Promise<string> => {
    const script = "(: >/dev/kmsg) 2>/dev/null && echo kmsg; (: >/dev/null) && echo null";
    return output(await call(["exec", id, "sh", "-c", script]));
  };
  const update = (resources: Resources) =>
    call(["update", "-r", "-", id], { input: JSON.stringify(resources) });
  expect(await opens()).toBe("null\n");
  output(await update({ devices: [{ allow: false }, { allow: true, ...KMSG, access: "w" }] }));
  expect(await opens()).toBe("kmsg\nnull\n");
  const refused = await update({ devices: [{ allow: false }], cpu: { quota: 9_000_000_000_000_000 } });
  expect(refused.code).toBe(1);
  expect(await opens()).toBe("kmsg\nnull\n");
  output(await update({ devices: [{ allow: true }, { allow: false, ...KMSG }] }));
  expect(await opens()).toBe("null\n");
  output(await update({ devices: [{ allow: true }] }));
  expect(await opens()).toBe("kmsg\nnull\n");
  output(await update({ devices: [{ allow: false }] }));
  expect(await opens()).toBe("null\n");
});

testUnless(anyReason(lacksRoot(), lacksCgroup(1)))(
  "device rules that were applied before are left as they are, with what others have added",
  async () => {
    const devices = [{ allow: false }];
    const id = await place.run("sleep 300", (name) =>
      withLinux({ cgroupsPath: `/${name}`, resources: { devices } }),
    );
    const record: { cgroups: string[] } = JSON.parse(
      readFileSync(join(place.root, id, "record.json"), "utf8"),
    );
    const directory = record.cgroups.find((path) => path.includes("/devices/")) ?? "";
    writeFileSync(join(directory, "devices.allow"), "c 195:0 rw");
    const update = (rules: object) => call(["update", "-r", "-", id], { input: JSON.stringify(rules) });
    const list = (): string => readFileSync(join(directory, "devices.list"), "utf8");
    output(await update({ devices, pids: { limit: 7 } }));
    expect(list()).toContain("c 195:0 rw\n");
    output(await update({ devices: [...devices, { allow: true, ...KMSG, access: "w" }] }));
    expect(list()).not.toContain("c 195:0");
    expect(list()).toContain("c 1:11 w\n");
  },
);
