/** update and events, against what the kernel says of the cgroup. */
import { afterAll, describe, expect } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { HUTCH } from "../support/hutch.ts";
import { anyReason, lacksCgroup, lacksProgram, lacksRoot, testUnless } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { detached } from "./support-detached.ts";
import { output, withLinux } from "./support-inside.ts";
import { asRoot } from "./support-lifecycle.ts";

const { root, call, run, end } = detached();
afterAll(end);

interface Box {
  readonly id: string;
  /** The text of a file of one of its cgroups. */
  readonly file: (name: string) => string;
}

async function box(script = "sleep 300", memory = 64 * 2 ** 20): Promise<Box> {
  const id = await run(script, (name) =>
    withLinux({ cgroupsPath: `/${name}`, resources: { memory: { limit: memory } } }),
  );
  const record: { cgroups: string[] } = JSON.parse(readFileSync(join(root, id, "record.json"), "utf8"));
  return {
    id,
    file: (name) => {
      for (const directory of record.cgroups) {
        try {
          return readFileSync(join(directory, name), "utf8").trim();
        } catch {
          // Another of them has it.
        }
      }
      return "";
    },
  };
}

const memoryLimit = ({ file }: Box): string => file("memory.limit_in_bytes") || file("memory.max");

describe("update", () => {
  asRoot("changes the limits of its flags, and no other", async () => {
    const own = await box();
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
    const own = await box();
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

  testUnless(anyReason(lacksRoot(), lacksCgroup(1)))(
    "raises and lowers memory and swap in whatever order the kernel wants",
    async () => {
      const own = await box();
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
      output(await call(["update", "--memory-swap=400m", own.id]));
      expect(limits()).toEqual([`${51 * 2 ** 20}`, `${400 * 2 ** 20}`]);
    },
  );

  asRoot("refuses by name what it cannot act upon, and then changes nothing", async () => {
    const own = await box();
    const refused = async (input: object, message: string): Promise<void> => {
      const { code, stderr } = await call(["update", "-r", "-", own.id], { input: JSON.stringify(input) });
      expect({ code, stderr }).toEqual({ code: 1, stderr: `hutch: ${message}\n` });
    };
    await refused({ pids: { limit: 5 }, cpu: { cpus: "0" } }, "update: cpu.cpus: not supported yet");
    await refused(
      { pids: { limit: 5 }, unified: { "memory.high": "1" } },
      "update: unified: not supported yet",
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
    const flag = await call(["update", "--cpuset-cpus", "0", own.id]);
    expect(flag).toMatchObject({ code: 1, stderr: "hutch: update: cpu.cpus: not supported yet\n" });
    const both = await call(["update", "--pids-limit", "5", "-r", "-", own.id], { input: "{}" });
    expect(both.stderr).toContain("expected --resources or single limits, not both");
  });

  asRoot("puts back what it has written when the kernel refuses a later limit", async () => {
    const own = await box();
    const before = memoryLimit(own);
    // The kernel takes no quota of more than its own most.
    const input = JSON.stringify({ memory: { limit: 33 * 2 ** 20 }, cpu: { quota: 9_000_000_000_000_000 } });
    const { code, stderr } = await call(["update", "-r", "-", own.id], { input });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^hutch: update container \S+: write \S+cpu\S+: E(INVAL|RANGE)/);
    expect(memoryLimit(own)).toBe(before);
  });
});

describe("events", () => {
  asRoot("--stats is one line with what the container uses and may use", async () => {
    const own = await box();
    const { code, stdout } = await call(["events", "--stats", own.id]);
    expect(code).toBe(0);
    expect(stdout.trim()).not.toContain("\n");
    const event = JSON.parse(stdout);
    expect(event).toMatchObject({
      type: "stats",
      id: own.id,
      data: { memory: { usage: { limit: 64 * 2 ** 20 } }, pids: { current: 1 }, network_interfaces: null },
    });
    expect(event.data.cpu.usage.total).toBeGreaterThan(0);
    expect(event.data.memory.usage.usage).toBeGreaterThan(0);
  });

  const peer = lacksProgram("runc");
  testUnless(anyReason(peer, lacksRoot()))("--stats has no member that runc's does not have", async () => {
    const own = await box();
    const known =
      /"(type|id|data|cpu|usage|total|percpu|percpu_kernel|percpu_user|kernel|user|throttling|periods|throttledPeriods|throttledTime|cpuset|cpus|mems|cpu_exclusive|mem_hardwall|mem_exclusive|memory_\w+|sched_\w+|memory|cache|swap|kernelTCP|raw|limit|max|failcnt|pids|current|blkio|hugetlb|intel_rdt|network_interfaces|io\w+Recursive|major|minor|op|value)":/g;
    const { stdout } = await call(["events", "--stats", own.id]);
    const rest = stdout.replace(/"raw":\{[^}]*\}/, '"raw":{}').replaceAll(known, "");
    expect(rest).not.toMatch(/"\w+":/);
  });

  asRoot("is a line each interval, and ends with the container", async () => {
    const own = await box("sleep 1.2");
    const { code, stdout } = await call(["events", "--interval", "200ms", own.id]);
    expect(code).toBe(0);
    const types = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).type);
    expect(types.length).toBeGreaterThanOrEqual(3);
    expect(new Set(types)).toEqual(new Set(["stats"]));
  });

  asRoot("tells of a process that was killed for want of memory", async () => {
    // What dd wants is more than there is; the shell goes on.
    const script = "sleep 1; dd if=/dev/zero of=/dev/null bs=100M count=1; sleep 1";
    const own = await box(script, 16 * 2 ** 20);
    const child = Bun.spawn([HUTCH, "--root", root, "events", "--interval", "60s", own.id], {
      stdout: "pipe",
    });
    const text = await child.stdout.text();
    expect(JSON.parse(text.split("\n")[0] ?? "{}")).toEqual({ type: "oom", id: own.id });
  });

  asRoot("of a container that has ended, or is not there, is an error", async () => {
    const own = await box("true");
    await Bun.sleep(300);
    expect((await call(["events", "--stats", own.id])).stderr).toContain("container not running");
    expect((await call(["events", "--stats", "nobody"])).stderr).toContain("does not exist");
  });
});
