/** What the planner asks of the machine, with a machine that answers as it is told. */
import { describe, expect, test } from "bun:test";
import { gatherCgroups, gatherHost } from "../../src/container/host.ts";
import { PLAIN, planFor } from "../../src/container/plan.ts";
import type { Look } from "../../src/host/look.ts";
import { printPlan } from "../../src/plan/print.ts";
import { HOST, lines, spec } from "../plan/fixture.ts";

const ANSWERS: Readonly<Record<string, string>> = {
  user: "1000",
  group: "100",
  uidMap: "         0       1000          1\n",
  nofile: "1024:18446744073709551615",
  bounding: "000001ffffffffff",
  cgroupMounts: "40 1 0:30 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
  cgroups: "0::/user\n",
};

/** Answers from a table; `asked` tells which questions there were. */
function machine(answers: Readonly<Record<string, string | undefined>> = ANSWERS) {
  const asked: string[] = [];
  const look: Look = (question) => {
    asked.push(question);
    return answers[question];
  };
  return { look, asked };
}

describe("the host", () => {
  test("is read from answers that are text", () => {
    const host = gatherHost(machine().look);
    expect(host).toMatchObject({
      uid: 1000,
      gid: 100,
      nested: true,
      nofile: { soft: 1024n, hard: 2n ** 64n - 1n },
    });
    expect(host.bounding()).toBe(0x1ffffffffffn);
  });

  test("with the map of the first user namespace is not nested", () => {
    const { look } = machine({ ...ANSWERS, uidMap: "         0          0 4294967295\n" });
    expect(gatherHost(look).nested).toBe(false);
  });

  test("without a known RLIMIT_NOFILE has none to restore", () => {
    expect(gatherHost(machine({ ...ANSWERS, nofile: undefined }).look).nofile).toBeUndefined();
  });

  test("knows directories, and calls everything else a file", () => {
    const kind = (answer: string | undefined) =>
      gatherHost(machine({ ...ANSWERS, kind: answer }).look).kind("/x");
    expect([kind("directory"), kind("file"), kind("character"), kind(undefined)]).toEqual([
      "directory",
      "file",
      "file",
      undefined,
    ]);
  });

  test("tells which cgroups there are", () => {
    expect(gatherCgroups(machine().look)).toMatchObject({ version: "v2" });
    expect(gatherCgroups(machine({}).look)).toMatchObject({ version: "none" });
  });
});

describe("the plan", () => {
  const launch = { ...PLAIN, id: () => "box" };
  const without = spec({}, {}, { mounts: [] });

  test("of a container without limits does not look at cgroups", async () => {
    const { look, asked } = machine();
    const { resources: _, ...linux } = without.linux ?? {};
    await planFor({ ...without, linux }, HOST, launch, look);
    expect(asked).toEqual([]);
  });

  test("of a container with limits makes a cgroup and removes it", async () => {
    const limited = spec({}, { resources: { pids: { limit: 5 } } }, { mounts: [] });
    const text = printPlan(await planFor(limited, HOST, launch, machine().look), "x86_64");
    expect(text).toContain("pids.max");
    expect(text).toContain("unlinkat(");
  });

  test("with limits is refused where there are no cgroups", async () => {
    const limited = spec({}, { resources: { pids: { limit: 5 } } }, { mounts: [] });
    await expect(planFor(limited, HOST, launch, machine({}).look)).rejects.toThrow(
      "no cgroup file system is mounted",
    );
  });

  test("has the filter of the spec, unless it was compiled before", async () => {
    const filtered = spec({}, { seccomp: { defaultAction: "SCMP_ACT_ALLOW" } }, { mounts: [] });
    const loads = async (wish: Partial<typeof launch>) =>
      lines(await planFor(filtered, HOST, { ...launch, ...wish }, machine().look)).filter((line) =>
        line.startsWith("seccomp("),
      );
    expect(await loads({})).toHaveLength(1);
    expect(await loads({ filter: { program: new Uint8Array(8 * 77), flags: 0 } })).toEqual([
      expect.stringContaining("77 BPF instructions"),
    ]);
    expect(lines(await planFor(without, HOST, launch, machine().look)).join("\n")).not.toContain("seccomp(");
  });
});
