/** What is told of a container's end: on standard error, in a report, and in its state. */
import { describe, expect } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { HUTCH, type HutchOptions, hutch, lacksHutch, run } from "../support/hutch.ts";
import { lacksBusybox } from "../support/rootfs.ts";
import { anyReason, testUnless } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { bundle, freshId, sharedRoot, withLinux } from "./support-inside.ts";
import { asRoot, place, reach, read, remains } from "./support-lifecycle.ts";

const withBusybox = testUnless(anyReason(lacksBusybox(), lacksHutch()));

const MIB = 2 ** 20;
const GREEDY = "tail /dev/zero";
const TOLD = /^hutch: killed: out of memory \(limit 32 MiB, peak (3[12]) MiB\)\n$/m;

/** Runs a script, and gives the report with the rest. */
async function reported(options: readonly string[], script: string, special?: HutchOptions) {
  const file = join(temporaryDirectory("report"), "report.json");
  const words = ["in", "--report", file, ...options, await sharedRoot(), "sh", "-c", script];
  const result = await hutch(words, special);
  const text = read(file);
  return { ...result, report: text === "" ? undefined : JSON.parse(text) };
}

describe("a container that was killed for want of memory", () => {
  asRoot("says so, with the limit and the peak, and exits with 137", async () => {
    for (const options of [[], ["--init"]]) {
      const { code, stderr } = await hutch([
        "in",
        "--memory",
        "32m",
        ...options,
        await sharedRoot(),
        "tail",
        "/dev/zero",
      ]);
      expect(code).toBe(137);
      expect(stderr).toMatch(TOLD);
    }
  });

  asRoot(
    "is told apart from one of whose processes one was killed, and from one that was killed by others",
    async () => {
      const inside = await hutch([
        "in",
        "--memory",
        "32m",
        await sharedRoot(),
        "sh",
        "-c",
        `${GREEDY} 2>/dev/null; exit 3`,
      ]);
      expect(inside.code).toBe(3);
      expect(inside.stderr).toMatch(
        /^hutch: a process of the container was killed: out of memory \(limit 32 MiB, peak 3[12] MiB\)$/m,
      );
      // The kernel does not say which; that it was pid 1 itself would be a guess.
      const killed = await reported(
        ["--memory", "32m"],
        `(${GREEDY}) 2>/dev/null; kill -9 $$; exec ${GREEDY}`,
      );
      expect(killed.code).toBe(137);
      expect(killed.stderr).toMatch(
        /^hutch: a process of the container was killed: out of memory \(limit 32 MiB/m,
      );
      const other = await reported(["--memory", "32m", "--init"], "kill -9 $$");
      expect(other).toMatchObject({ code: 137, stderr: "", report: { code: 137, oom: false } });
    },
  );

  asRoot("is told of by run, and its kept state says so", async () => {
    const { directory } = await bundle(GREEDY, withLinux({ resources: { memory: { limit: 32 * MIB } } }));
    const root = join(temporaryDirectory("state"), "root");
    const id = freshId();
    const { code, stderr } = await hutch(["--root", root, "run", "--keep", "--bundle", directory, id]);
    expect(code).toBe(137);
    expect(stderr).toMatch(TOLD);
    const state = JSON.parse((await hutch(["--root", root, "state", id])).stdout);
    expect(state).toMatchObject({ status: "stopped", oom: true });
    expect((await hutch(["--root", root, "delete", id])).code).toBe(0);
    expect(remains({ root, bundle: directory }, id)).toEqual([]);
  });

  asRoot("says so in its state when it was created, and only once it has stopped", async () => {
    const where = await place(`(${GREEDY}) 2>/dev/null; read line </fifo; exit 1`, (spec) =>
      withLinux({ resources: { memory: { limit: 32 * MIB } } })(spec),
    );
    const quiet = await place("true");
    for (const [box, oom] of [
      [where, true],
      [quiet, undefined],
    ] as const) {
      const id = freshId();
      await box.ok(...box.create(id).slice(2));
      expect(JSON.parse(await box.ok("state", id)).oom).toBeUndefined();
      await box.ok("start", id);
      await reach(box, id, "stopped");
      expect(JSON.parse(await box.ok("state", id)).oom).toBe(oom);
      await box.ok("delete", id);
    }
  });

  asRoot("is none where another was killed in a container before", async () => {
    await hutch(["in", "--memory", "32m", await sharedRoot(), "tail", "/dev/zero"]);
    const next = await hutch([
      "in",
      "--memory",
      "32m",
      await sharedRoot(),
      "sh",
      "-c",
      "kill -9 $$; exit 137",
    ]);
    expect(next).toMatchObject({ code: 137, stderr: "" });
  });
});

describe("--report", () => {
  asRoot("tells what the container has used, as root", async () => {
    const script =
      "dd if=/dev/zero of=/dev/null bs=1M count=3000 2>/dev/null; sleep 0.3 & sleep 0.3 & wait; exit 7";
    const { code, report } = await reported(["--memory", "64m"], script);
    expect(code).toBe(7);
    expect(report).toMatchObject({
      code: 7,
      signal: null,
      oom: false,
      timeout: false,
      memoryLimit: 64 * MIB,
    });
    expect(report.wallNs).toBeGreaterThan(300e6);
    expect(report.wallNs).toBeLessThan(30e9);
    expect(report.cpuNs).toBeGreaterThan(5e6);
    expect(report.cpuNs).toBeLessThan(report.wallNs * 2);
    expect(report.memoryPeak).toBeGreaterThan(MIB);
    expect(report.memoryPeak).toBeLessThanOrEqual(64 * MIB);
    expect(report.pidsPeak).toBe(3);
    expect(report.bytesRead).toBeGreaterThanOrEqual(0);
    expect(report.bytesWritten).toBeGreaterThanOrEqual(0);
  });

  asRoot("tells of memory, signals and time, each by a member of its own", async () => {
    expect(await reported(["--memory", "32m"], `exec ${GREEDY}`)).toMatchObject({
      report: { code: 137, signal: 9, oom: true, timeout: false, memoryLimit: 32 * MIB },
    });
    expect(await reported(["--init", "--timeout", "200ms"], "sleep 10")).toMatchObject({
      code: 124,
      report: { code: 124, oom: false, timeout: true, memoryLimit: null },
    });
  });

  withBusybox("of an ordinary user has null for what no cgroup counts, and the time by rusage", async () => {
    const uid = process.getuid?.() === 0 ? { uid: 1000, env: { XDG_RUNTIME_DIR: undefined } } : {};
    const directory = temporaryDirectory("report-user");
    const file = join(directory, "report.json");
    writeFileSync(file, "", { mode: 0o666 });
    Bun.spawnSync(["chmod", "666", file]);
    const script = "i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done; exit 4";
    const { code, stderr } = await hutch(
      ["in", "--report", file, await sharedRoot(), "sh", "-c", script],
      uid,
    );
    expect({ code, stderr }).toEqual({ code: 4, stderr: "" });
    const { wallNs, cpuNs, ...rest } = JSON.parse(read(file));
    expect(rest).toEqual({
      code: 4,
      signal: null,
      oom: null,
      timeout: false,
      memoryLimit: null,
      memoryPeak: null,
      pidsPeak: null,
      bytesRead: null,
      bytesWritten: null,
    });
    expect(cpuNs).toBeGreaterThan(1e6);
    expect(cpuNs).toBeLessThan(wallNs * 2);
  });

  withBusybox("goes to a pipe as well, and the container holds nothing of it", async () => {
    const root = await sharedRoot();
    const line = `{ ${HUTCH} in --report /dev/fd/5 ${root} echo x >/dev/null; } 5>&1 | cat`;
    const { stdout, stderr } = await run(["sh", "-c", line]);
    expect(stderr).toBe("");
    expect(JSON.parse(stdout)).toMatchObject({ code: 0 });
    const { stdout: inside } = await hutch(["in", "--report", "/dev/null", root, "ls", "/proc/self/fd"]);
    expect(inside).toBe("0\n1\n2\n3\n");
  });

  withBusybox("that cannot be written is refused before anything is done", async () => {
    const mark = join(temporaryDirectory("mark"), "mark");
    const words = ["in", "--report", "/nowhere/r", "--bind", `${join(mark, "..")}:/mnt`, await sharedRoot()];
    const { code, stderr } = await hutch([...words, "touch", "/mnt/mark"]);
    expect({ code, stderr }).toEqual({
      code: 125,
      stderr:
        "hutch: open the report /nowhere/r: openat: ENOENT (no such file or directory); hint: the report's directory does not exist\n",
    });
    expect(existsSync(mark)).toBe(false);
    expect((await hutch(["in", "--report=", "/", "true"])).stderr).toContain("expected the name of a file");
  });

  asRoot("of a failure of hutch's own has its code; run writes one too, but not after --detach", async () => {
    expect(await reported([], "exec /nowhere")).toMatchObject({ report: { code: 127, signal: null } });
    const { directory } = await bundle("exit 5");
    const file = join(directory, "report.json");
    const words = ["run", "--bundle", directory, "--report", file];
    expect((await hutch([...words, freshId()])).code).toBe(5);
    expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({ code: 5, oom: false, pidsPeak: 1 });
    expect(await hutch([...words, "--detach", freshId()])).toMatchObject({
      code: 125,
      stderr: expect.stringContaining("--report: nobody would write it after --detach"),
    });
  });

  asRoot(
    "of a compiled file is where the compiler was told, and messages begin with the file's name",
    async () => {
      const directory = temporaryDirectory("compiled");
      const [file, report] = [join(directory, "greedy"), join(directory, "report.json")];
      const words = [
        "compile",
        "--memory",
        "32m",
        "--report",
        report,
        await sharedRoot(),
        "tail",
        "/dev/zero",
      ];
      expect(await hutch([...words, "-o", file])).toMatchObject({ code: 0, stderr: "" });
      const { code, stderr } = await run([file]);
      expect(code).toBe(137);
      // On version 1 it has cgroups of the controllers of its limits alone: nobody counts its processes.
      expect(stderr).toMatch(
        /^greedy: (a process of the container was )?killed: out of memory \(limit 32 MiB, peak 3\d MiB\)\n$/,
      );
      expect(JSON.parse(readFileSync(report, "utf8"))).toMatchObject({ code: 137, oom: true });
    },
  );

  asRoot("of a container with hooks is written by its supervisor", async () => {
    const hooks = { poststart: [{ path: "/bin/true" }] };
    const { directory } = await bundle(GREEDY, (spec) => ({
      ...withLinux({ resources: { memory: { limit: 32 * MIB } } })(spec),
      hooks,
    }));
    const file = join(directory, "report.json");
    const { code, stderr } = await hutch(["run", "--bundle", directory, "--report", file, freshId()]);
    expect(code).toBe(137);
    expect(stderr).toMatch(TOLD);
    expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({ code: 137, signal: 9, oom: true });
  });
});
