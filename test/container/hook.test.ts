/** Hooks of the host, with real processes. */
import { afterEach, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runHook, runHooks, runHooksAndWarn } from "../../src/container/hook.ts";
import { inheritedNofile } from "../../src/host/exec.ts";
import type { Hook } from "../../src/spec/hooks.ts";
import { eventually } from "../support/patience.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const cwd = temporaryDirectory("hook");
const STATE = JSON.stringify({ ociVersion: "1.3.0", id: "box", pid: 7, status: "creating", bundle: cwd });
const context = { state: STATE, cwd };

let count = 0;
/** A script that writes to the file whose path it is followed by. */
function script(text: string): { hook: Hook; out: string } {
  count += 1;
  const [path, out] = [join(cwd, `hook-${count}`), join(cwd, `out-${count}`)];
  writeFileSync(path, `#!/bin/sh\n${text.replaceAll("OUT", out)}\n`);
  chmodSync(path, 0o755);
  return { hook: { path }, out };
}

const run = (hook: Hook): Promise<void> => runHook("createRuntime", 3, hook, context);
const message = async (promise: Promise<void>): Promise<string> =>
  promise.then(
    () => "nothing failed",
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );

const left: number[] = [];
afterEach(() => {
  for (const pid of left.splice(0)) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has ended, as it should.
    }
  }
});

const pidIn = (file: string): number => {
  const pid = Number(readFileSync(file, "utf8"));
  left.push(pid);
  return pid;
};
const isRunning = (pid: number): boolean =>
  existsSync(`/proc/${pid}/stat`) && !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));

describe("what a hook is given", () => {
  test("the state is its standard input, whole, and then comes the end", async () => {
    const { hook, out } = script("cat > OUT");
    await run(hook);
    expect(readFileSync(out, "utf8")).toBe(STATE);
  });

  test("a state longer than a pipe holds arrives whole, and may be left unread", async () => {
    const state = JSON.stringify({ annotations: { long: "x".repeat(300_000) } });
    const { hook, out } = script("cat > OUT");
    await runHook("prestart", 0, hook, { state, cwd });
    expect(readFileSync(out, "utf8")).toBe(state);
    await runHook("prestart", 0, script("exit 0").hook, { state, cwd });
  });

  test("an absent environment is an empty one (CVE-2025-23266)", async () => {
    process.env["HUTCH_SECRET"] = "1";
    const { hook, out } = script("cat /proc/self/environ > OUT");
    // A shell would set PWD of its own, and export nothing else.
    await run({ path: "/bin/sh", args: ["sh", "-c", `tr '\\0' '\\n' < /proc/$$/environ > ${out}`] });
    expect(readFileSync(out, "utf8")).toBe("");
    await run({ ...hook, env: [] });
    expect(readFileSync(out, "utf8")).not.toContain("HUTCH_SECRET");
    delete process.env["HUTCH_SECRET"];
  });

  test("its environment is what it is given, and nothing else", async () => {
    const { out } = script("");
    const args = ["sh", "-c", `tr '\\0' '\\n' < /proc/$$/environ > ${out}`];
    await run({ path: "/bin/sh", args, env: ["A=1=2", "EMPTY=", "LD_PRELOAD=/nowhere/x.so"] });
    expect(readFileSync(out, "utf8").trim().split("\n")).toEqual([
      "A=1=2",
      "EMPTY=",
      "LD_PRELOAD=/nowhere/x.so",
    ]);
  });

  test("args are its whole argument list, the first its name", async () => {
    const { out } = script("");
    await run({ path: "/bin/sh", args: ["other name", "-c", `echo "$0|$1|$#" > ${out}`, "zero", "one"] });
    expect(readFileSync(out, "utf8")).toBe("zero|one|1\n");
    await run({ path: "/bin/sh", args: ["other name", "-c", `head -c 10 /proc/$$/cmdline > ${out}`] });
    expect(readFileSync(out, "utf8")).toBe("other name");
  });

  test("it starts in the bundle, in a process group of its own, without ignored signals", async () => {
    const { hook, out } = script('pwd > OUT; cut -d" " -f5 /proc/$$/stat >> OUT; echo $$ >> OUT');
    await run(hook);
    const [directory, group, pid] = readFileSync(out, "utf8").trim().split("\n");
    expect(directory).toBe(cwd);
    expect(group).toBe(pid ?? "");
    const { hook: signals, out: ignored } = script("grep SigIgn /proc/$$/status > OUT");
    await run(signals);
    expect(readFileSync(ignored, "utf8")).toMatch(/^SigIgn:\t0+$/m);
  });

  test("its output may be opened by name, and its limit of open files is the caller's", async () => {
    const { hook, out } = script("echo no such device > /dev/stderr; ulimit -Sn > OUT; exit 1");
    expect(await message(run(hook))).toEndWith("ended with exit code 1: no such device");
    const expected = inheritedNofile();
    if (expected !== undefined) expect(readFileSync(out, "utf8").trim()).toBe(`${expected.soft}`);
  });

  test("its pipes are closed afterwards, also when it could not be started", async () => {
    const target = (fd: string): string => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`);
      } catch {
        return ""; // the one that has listed them
      }
    };
    const open = (): string[] =>
      readdirSync("/proc/self/fd")
        .map(target)
        .filter((name) => name.startsWith("pipe:"));
    await run({ path: "/bin/true" });
    const before = open();
    for (let round = 0; round < 5; round += 1) {
      await run({ path: "/bin/true" });
      await message(run({ path: "/nowhere/hook" }));
    }
    expect(open()).toEqual(before);
  });
});

describe("a hook that fails", () => {
  test("is named with its place, its exit code and what it complained of", async () => {
    const { hook } = script("echo out; echo 'no such device' >&2; exit 3");
    expect(await message(run(hook))).toBe(
      `hook createRuntime[3] ${hook.path}: ended with exit code 3: no such device`,
    );
  });

  test("is told by what it wrote when it did not complain, and by the end of it when that is long", async () => {
    expect(await message(run(script("echo what; exit 1").hook))).toEndWith("ended with exit code 1: what");
    const long = await message(run(script("yes wrong | head -n 100000 >&2; echo the end >&2; exit 1").hook));
    expect(long).toEndWith("the end");
    expect(long.length).toBeLessThan(3000);
  });

  test("by a signal is told by the signal's name", async () => {
    expect(await message(run(script("kill -TERM $$").hook))).toEndWith("was ended by SIGTERM");
  });

  test("because it is not there, or cannot be executed, is told with the errno", async () => {
    expect(await message(run({ path: "/nowhere/hook" }))).toBe(
      "hook createRuntime[3] /nowhere/hook: ENOENT (no such file or directory)",
    );
    writeFileSync(join(cwd, "plain"), "");
    chmodSync(join(cwd, "plain"), 0o644);
    expect(await message(run({ path: join(cwd, "plain") }))).toContain("EACCES (permission denied)");
  });
});

describe("a timeout", () => {
  const quick = async (promise: Promise<void>): Promise<string> => {
    const begin = Date.now();
    const text = await message(promise);
    expect(Date.now() - begin).toBeLessThan(3000);
    return text;
  };

  test("ends the hook and every process of its group, though they hold the pipes and ignore signals", async () => {
    const { hook, out } = script("trap '' TERM HUP INT\nsleep 60 &\necho $! > OUT\nwait\nsleep 60");
    expect(await quick(run({ ...hook, timeout: 1 }))).toContain("took longer than 1 s, and was killed");
    // SIGKILL has been sent to all of the group; only the end of the hook itself has been waited for.
    const pid = pidIn(out);
    expect(await eventually(() => !isRunning(pid))).toBe(true);
  });

  test("does not wait for a grandchild in another session that holds the pipes", async () => {
    const { hook, out } = script("setsid sh -c 'echo $$ > OUT; exec sleep 60' &\nsleep 60");
    expect(await quick(run({ ...hook, timeout: 1 }))).toContain("took longer than 1 s");
    // It has left the group by its own will.
    expect(isRunning(pidIn(out))).toBe(true);
  });

  test("that is not reached changes nothing, and leaves a daemon alone", async () => {
    const { hook, out } = script("sleep 60 &\necho $! > OUT");
    expect(await quick(run({ ...hook, timeout: 30 }))).toBe("nothing failed");
    expect(isRunning(pidIn(out))).toBe(true);
  });
});

describe("several hooks", () => {
  const line = (text: string, file: string): Hook => ({
    path: "/bin/sh",
    args: ["sh", "-c", `${text}; echo ${text.length} >> ${file}`],
  });
  const fails: Hook = { path: "/bin/sh", args: ["sh", "-c", "exit 4"] };

  test("run in their order, and none after one that fails", async () => {
    const file = join(cwd, "order");
    const hooks = [line(":", file), line("sleep 0.1", file), fails, line("true", file)];
    expect(await message(runHooks("prestart", hooks, context))).toContain("hook prestart[2] /bin/sh: ended");
    expect(readFileSync(file, "utf8")).toBe("1\n9\n");
    await runHooks("prestart", undefined, context);
  });

  test("that only warn all run, and each failure is told", async () => {
    const file = join(cwd, "warned");
    const told: string[] = [];
    await runHooksAndWarn("poststop", [fails, line(":", file), fails], context, (text) => told.push(text));
    expect(told).toEqual([
      "hook poststop[0] /bin/sh: ended with exit code 4",
      "hook poststop[2] /bin/sh: ended with exit code 4",
    ]);
    expect(readFileSync(file, "utf8")).toBe("1\n");
  });
});
