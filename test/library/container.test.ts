/** Containers of the library, and what the kernel says of them. */
import { describe, expect, test } from "bun:test";
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { container, HutchError } from "../../src/index.ts";

import { eventually } from "../support/patience.ts";
import { boxOf, errorOf, isAlive, sharedRoot, withLimits, withRoot } from "./support.ts";

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

const openFiles = (): number => readdirSync("/proc/self/fd").length;

describe("a description", () => {
  test("that is wrong is refused at once, with a HutchError that has a code", () => {
    const wrong = (options: Parameters<typeof container>[0]) => () => container(options);
    expect(wrong({ root: "/nowhere", command: ["sh"] })).toThrow(HutchError);
    expect(wrong({ root: "/nowhere", command: ["sh"] })).toThrow(expect.objectContaining({ code: "ENOENT" }));
    expect(wrong({ root: "/", command: ["sh"], memory: "64x" })).toThrow(
      expect.objectContaining({
        code: "ERR_HUTCH",
        message: expect.stringContaining("container: memory 64x"),
      }),
    );
    expect(wrong({ root: "/", command: ["sh"], rlimit: "nofile=9:1" })).toThrow(
      "container: rlimit nofile=9:1: expected a SOFT of at most HARD",
    );
    expect(wrong({ bundle: "/nowhere" })).toThrow("bundle /nowhere: ENOENT");
  });

  test("tells its configuration and its calls without starting anything", async () => {
    const box = container({ root: "/", command: ["true"], hostname: "blue", env: { A: "1" } });
    expect(box.spec).toMatchObject({ hostname: "blue", process: { args: ["true"], noNewPrivileges: true } });
    expect(box.spec.process?.env).toContain("A=1");
    expect(box.spec.process?.env).not.toContain(`HOME=${process.env["HOME"]}`);
    const text = await box.explain();
    expect(text).toContain("pivot_root");
    expect(text).not.toContain("tell hutch");
  });

  withRoot("is compiled to an executable that is the container", async () => {
    const box = await boxOf(["sh", "-c", "hostname; exit 5"], { hostname: "blue" });
    const file = `${await sharedRoot()}/program`;
    await Bun.write(file, await box.compile());
    Bun.spawnSync(["chmod", "+x", file]);
    const done = Bun.spawnSync([file]);
    expect([done.exitCode, done.stdout.toString()]).toEqual([5, "blue\n"]);
  });
});

describe("a start", () => {
  withRoot("gives streams, and the exit once the command has ended", async () => {
    const box = await boxOf(["sh", "-c", "cat; echo to stderr >&2; exit 7"]);
    const running = await box.start({ stdin: "pipe", stdout: "pipe", stderr: "pipe" });
    running.stdin.write("to the container");
    running.stdin.end();
    const [out, err] = await Promise.all([running.stdout.text(), running.stderr.text()]);
    expect([out, err]).toEqual(["to the container", "to stderr\n"]);
    expect(await running.exited).toMatchObject({ code: 7, signal: null, timedOut: false, warnings: [] });
  });

  withRoot("keeps a container waiting that writes what nobody reads, and loses nothing", async () => {
    const size = 50_000_000;
    const box = await boxOf(["sh", "-c", `head -c ${size} /dev/zero`]);
    const running = await box.start({ stdout: "pipe" });
    const before = process.memoryUsage.rss();
    await Bun.sleep(500);
    expect(process.memoryUsage.rss() - before).toBeLessThan(size / 2);
    expect(isAlive(running.pid)).toBe(true);
    expect((await running.stdout.bytes()).length).toBe(size);
    expect(await running.exited).toMatchObject({ code: 0 });
  });

  withRoot("keeps no descriptor for what nobody has read, nor for what was cancelled", async () => {
    const box = await boxOf(["sh", "-c", "yes"]);
    const end = async (isCancelled: boolean): Promise<void> => {
      const running = await box.start({ stdin: "pipe", stdout: "pipe", stderr: "pipe" });
      if (isCancelled) await running.stdout.cancel();
      running.kill("SIGKILL");
      await running.exited;
    };
    await end(false);
    const before = openFiles();
    for (let index = 0; index < 20; index++) await end(index % 2 === 0);
    const isLetGo = () => {
      Bun.gc(true);
      return openFiles() < before + 10;
    };
    expect(await eventually(isLetGo)).toBe(true);
  });

  withRoot("may use descriptors of the caller's", async () => {
    const path = `${await sharedRoot()}/output`;
    const file = openSync(path, "w");
    const running = await (await boxOf(["echo", "written"])).start({ stdout: file });
    await running.exited;
    closeSync(file);
    expect(readFileSync(path, "utf8")).toBe("written\n");
  });

  withRoot("uses one program for many containers, also at once", async () => {
    const box = await boxOf(["sh", "-c", "echo $$; hostname"]);
    await (await box.start({ stdout: "ignore" })).exited;
    const before = openFiles();
    const texts = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const running = await box.start({ stdout: "pipe" });
        const text = await running.stdout.text();
        expect(await running.exited).toMatchObject({ code: 0 });
        return text;
      }),
    );
    expect(new Set(texts)).toEqual(new Set(["1\nhutch\n"]));
    // Bun closes its own a moment later.
    expect(await eventually(() => openFiles() <= before)).toBe(true);
  });

  withRoot("is compiled once also when the first starts come at once", async () => {
    const programs = () =>
      readdirSync("/proc/self/fd")
        .map((fd) => `/proc/self/fd/${fd}`)
        .filter((path) => linkOf(path).startsWith("/memfd:hutch"))
        .map((path) => statSync(path).ino);
    // Those of tests before may go meanwhile.
    const before = new Set(programs());
    const added = () => programs().filter((program) => !before.has(program));
    const box = await boxOf(["true"]);
    const starts = Array.from({ length: 10 }, async () => (await (await box.start()).exited).code);
    expect(new Set(await Promise.all(starts))).toEqual(new Set([0]));
    expect(added()).toHaveLength(1);
    box[Symbol.dispose]();
    expect(await eventually(() => added().length === 0)).toBe(true);
  });

  withRoot("leaves no descriptor of the library in the container", async () => {
    const running = await (await boxOf(["ls", "/proc/self/fd"])).start({ stdout: "pipe" });
    // The last is that of the listing.
    expect((await running.stdout.text()).split("\n")).toEqual(["0", "1", "2", "3", ""]);
  });

  withRoot("has the environment that is given, and nothing of the caller's", async () => {
    const running = await (await boxOf(["env"], { env: { A: "x=y" } })).start({ stdout: "pipe" });
    const text = (await running.stdout.text()).trim().split("\n").sort();
    expect(text.map((line) => line.split("=")[0])).toEqual(["A", "PATH", "container"]);
    expect(text).toContain("A=x=y");
  });

  withRoot("that fails is rejected with the step it failed at, and leaves nothing", async () => {
    const before = openFiles();
    const error = await errorOf((await boxOf(["nothing"])).start());
    expect(error).toBeInstanceOf(HutchError);
    expect(error).toMatchObject({
      message: expect.stringContaining("execute nothing: ENOENT"),
      exitCode: 127,
    });
    const other = await errorOf((await boxOf(["true"], { workdir: "/etc/passwd" })).start());
    expect(other).toMatchObject({ code: "ENOTDIR", message: expect.stringContaining("/etc/passwd") });
    // Each description keeps its program.
    expect(await eventually(() => openFiles() <= before + 2)).toBe(true);
  });

  withRoot("with a profile that is not there is refused, and goes on when it is", async () => {
    const profile = `${await sharedRoot()}/profile.json`;
    const box = await boxOf(["true"], { seccomp: profile });
    expect(await errorOf(box.start())).toMatchObject({ code: "ENOENT" });
    await Bun.write(profile, JSON.stringify({ defaultAction: "SCMP_ACT_ALLOW" }));
    expect(await (await box.start()).exited).toMatchObject({ code: 0 });
  });

  withRoot("with an option that there is not is refused", async () => {
    const options = { stdot: "pipe", stdin: "ignore" } as const;
    const error = await errorOf((await boxOf(["true"])).start(options));
    expect(error).toMatchObject({ message: expect.stringContaining("did you mean stdout?") });
  });

  withRoot("with streams that are none is refused", async () => {
    const start = (await boxOf(["true"])).start as (options: unknown) => Promise<unknown>;
    const refused = async (options: unknown) => errorOf(start(options));
    expect(await refused({ stdin: "pip" })).toMatchObject({
      message: expect.stringContaining("start: stdin"),
    });
    expect(await refused(null)).toMatchObject({ message: "start: expected an object" });
    expect(await refused({ stdout: 999 })).toMatchObject({ code: "EBADF" });
  });

  withRoot("with an id that none can be is refused", async () => {
    const error = await errorOf((await boxOf(["true"])).start({ id: "../x" }));
    expect(error).toMatchObject({ message: expect.stringContaining("container id ../x") });
  });

  withRoot("does not keep the event loop", async () => {
    let ticks = 0;
    const timer = setInterval(() => ++ticks, 10);
    await (await (await boxOf(["sleep", "0.5"])).start()).exited;
    clearInterval(timer);
    expect(ticks).toBeGreaterThan(10);
  });

  withRoot("of a description that was disposed of compiles its program anew", async () => {
    const box = await boxOf(["true"]);
    for (const _ of [1, 2]) {
      expect(await (await box.start()).exited).toMatchObject({ code: 0 });
      box[Symbol.dispose]();
    }
  });
});

describe("a bundle", () => {
  withRoot("is started as hutch run starts it", async () => {
    const bundle = await sharedRoot();
    const config = `${bundle}/config.json`;
    const spec = { ...(await boxOf(["sh", "-c", "cat /proc/mounts; exit 3"])).spec, root: { path: "." } };
    await Bun.write(
      config,
      JSON.stringify(spec, (_, value) => (typeof value === "bigint" ? Number(value) : value)),
    );
    const running = await container({ bundle }).start({ stdout: "pipe" });
    expect(await running.stdout.text()).toContain("proc /proc proc");
    expect(await running.exited).toMatchObject({ code: 3 });
  });
});

describe("limits", () => {
  withLimits("are kept, counted, and their cgroup is removed", async () => {
    const box = await boxOf(["sleep", "60"], { memory: "64m", pids: 20 });
    const running = await box.start();
    const stats = running.stats();
    expect(stats.memory.limit).toBe(2 ** 26);
    expect(stats.memory.usage).toBeGreaterThan(0);
    expect(stats.pids).toEqual({ current: 1, limit: 20 });
    const paths = readFileSync(`/proc/${running.pid}/cgroup`, "utf8").split("\n");
    const own = paths.find((line) => line.includes(`hutch-${running.id}`))?.split(":")[2] ?? "";
    expect(own).toContain(running.id);
    running.kill("SIGKILL");
    expect((await running.exited).signal).toBe("SIGKILL");
    const found = Bun.spawnSync(["find", "/sys/fs/cgroup", "-maxdepth", "6", "-name", `hutch-${running.id}`]);
    expect(found.stdout.toString()).toBe("");
  });

  withLimits("of memory are told of when they were reached, and of what was used", async () => {
    const greedy = await boxOf(["sh", "-c", "tail -c 100m /dev/zero | tail | wc -c"], { memory: "16m" });
    const exit = await (await greedy.start({ stdout: "ignore", stderr: "ignore" })).exited;
    expect(exit.oom).toBe(true);
    expect(exit.memoryPeak).toBeGreaterThan(2 ** 23);
    const modest = await (await (await boxOf(["true"], { memory: "16m" })).start()).exited;
    expect(modest.oom).toBe(false);
    expect(modest.memoryPeak).toBeLessThan(2 ** 23);
    const free = await (await (await boxOf(["true"])).start()).exited;
    expect([free.oom, free.memoryPeak]).toEqual([undefined, undefined]);
  });

  withLimits("that a process of exec has reached are counted, and not told of its own end", async () => {
    await using box = await (await boxOf(["sleep", "60"], { memory: "16m" })).start();
    const greedy = await box.exec(["sh", "-c", "exec tail /dev/zero"], { stderr: "ignore" });
    expect(await greedy.exited).toMatchObject({ signal: "SIGKILL", oom: undefined });
    expect(box.stats().oomKills).toBe(1);
    box.kill("SIGKILL");
    await box.exited;
    expect(() => box.stats()).toThrow("the container has ended");
  });

  withRoot("that are missing leave nothing to be counted", async () => {
    await using running = await (await boxOf(["sleep", "60"])).start();
    expect(() => running.stats()).toThrow("the container has no cgroup of its own");
  });
});
