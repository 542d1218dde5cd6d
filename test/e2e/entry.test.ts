/**
 * `start`, `delete` and `exec` by the entry program (src/plan/entry.ts), and by Bun where that does not suffice;
 * `exec` as engines call it is in entry-detach.test.ts.
 */
import { expect } from "bun:test";
import { chmodSync, chownSync, copyFileSync, existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { SUMMARY } from "../../src/plan/summary.ts";
import { HUTCH, lacksHutch, run } from "../support/hutch.ts";
import { rootfs } from "../support/rootfs.ts";
import { anyReason, lacksFile, lacksProgram, lacksUserNamespaces, testUnless } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { ordinaryUser } from "../support/user.ts";
import { DONE, SELF, withoutBun } from "./support-entry.ts";
import { freshId, withProcess } from "./support-inside.ts";
import {
  asRoot,
  change,
  isLive,
  limited,
  type Place,
  place,
  reach,
  remains,
  stateOf,
  unavailable,
} from "./support-lifecycle.ts";

const built = testUnless(lacksHutch());

/** Makes a container. */
async function created(where: Place): Promise<string> {
  const id = freshId();
  await where.ok("create", "--bundle", where.bundle, id);
  return id;
}

built("Bun does not begin without memory, and begins with it", () => {
  expect(withoutBun(["--version"]).code).not.toBe(0);
  expect(Bun.spawnSync([HUTCH, "--version"]).exitCode).toBe(0);
});

asRoot("start and delete do without Bun, in the words of conmon, containerd and docker", async () => {
  const where = await place("exit 0");
  const log = join(temporaryDirectory("log"), "log.json");
  const { root } = where;
  const containerd = ["--root", root, "--log", log, "--log-format", "json"];
  const conmon = [`--root=${root}`, `--log=${log}`, "--log-format=json"];
  for (const [globals, flags] of [
    [["--root", root], []],
    [containerd, ["--force"]],
    [conmon, ["-f"]],
  ] as const) {
    const id = await created(where);
    expect(withoutBun([...globals, "start", id])).toEqual(DONE);
    await reach(where, id, "stopped");
    expect(withoutBun([...globals, "delete", ...flags, id])).toEqual(DONE);
    expect(remains(where, id)).toEqual([]);
  }
  expect(existsSync(log)).toBeFalse();
});

asRoot("what is not as it should be is left to Bun, and nothing has happened then", async () => {
  const where = await place("sleep 1000");
  const id = await created(where);
  const words = ["--root", where.root];
  const { pid } = await stateOf(where, id);
  expect(withoutBun([...words, "delete", id]).code).not.toBe(0);
  expect(withoutBun([...words, "delete", "--force", id]).code).not.toBe(0);
  expect(await stateOf(where, id)).toEqual({ status: "created", pid });
  expect(withoutBun([...words, "start", id])).toEqual(DONE);
  expect(withoutBun([...words, "start", id]).code).not.toBe(0);
  expect(withoutBun([...words, "delete", "--force", id]).code).not.toBe(0);
  expect(await stateOf(where, id)).toEqual({ status: "running", pid });
  expect(isLive(pid)).toBeTrue();
  await where.ok("delete", "--force", id);
  expect(remains(where, id)).toEqual([]);
});

asRoot("exec does without Bun what it has done before, and the process is the same", async () => {
  const where = await place("sleep 1000");
  const id = await created(where);
  await where.ok("start", id);
  const words = ["--root", where.root, "exec", id, "sh", "-c", SELF];
  const env = { HUTCH_CACHE: join(temporaryDirectory("cache"), "programs") };
  expect(withoutBun(words, { env }).code).not.toBe(3);
  const first = Bun.spawnSync([HUTCH, ...words], { stdin: "ignore", env: { ...process.env, ...env } });
  expect(first.exitCode).toBe(3);
  const again = withoutBun(words, { env });
  expect(again).toEqual({ code: 3, said: first.stdout.toString() });
  expect(again.said).toContain("CapEff");
  // Whoever wants nothing to be kept, and whoever asks for something else, is served by Bun.
  expect(withoutBun(words, { env: { HUTCH_CACHE: "off" } }).code).not.toBe(3);
  expect(withoutBun([...words, "more"], { env }).code).not.toBe(3);
  await where.ok("delete", "--force", id);
  expect(remains(where, id)).toEqual([]);
});

asRoot("what was kept for exec is not used for a paused container, nor for another of its name", async () => {
  const where = await place("sleep 1000");
  const id = await created(where);
  await where.ok("start", id);
  const env = { HUTCH_CACHE: join(temporaryDirectory("cache"), "programs") };
  const words = ["--root", where.root, "exec", id, "true"];
  const call = () => {
    const { exitCode, stderr } = Bun.spawnSync([HUTCH, ...words], { env: { ...process.env, ...env } });
    return [exitCode, stderr.toString().trim()];
  };
  expect(call()).toEqual([0, ""]);
  expect(withoutBun(words, { env })).toEqual(DONE);
  const hasPaused = (await where.call("pause", id)).code === 0;
  if (hasPaused) {
    expect(withoutBun(words, { env }).code).not.toBe(0);
    expect(call()[1]).toContain("container is paused");
    await where.ok("resume", id);
    expect(withoutBun(words, { env })).toEqual(DONE);
  }
  await where.ok("kill", id, "KILL");
  await reach(where, id, "stopped");
  expect(withoutBun(words, { env }).code).not.toBe(0);
  expect(call()[1]).toContain("container not running");
  await where.ok("delete", id);
  expect(call()[1]).toContain("does not exist");
  await where.ok("create", "--bundle", where.bundle, id);
  expect(call()[1]).toContain("container not running, but created");
  await where.ok("start", id);
  expect(withoutBun(words, { env }).code).not.toBe(0);
  expect(call()).toEqual([0, ""]);
  await where.ok("delete", "--force", id);
  expect(remains(where, id)).toEqual([]);
});

asRoot("without a summary, or with one of another form, Bun does all of it", async () => {
  const where = await place("exit 0");
  for (const spoil of [
    (path: string) => rmSync(path),
    (path: string) => Bun.write(path, "hutch 0\0"),
    (path: string) => Bun.write(path, ""),
  ]) {
    const id = await created(where);
    await spoil(join(where.root, id, SUMMARY));
    expect(withoutBun(["--root", where.root, "start", id]).code).not.toBe(0);
    await where.ok("start", id);
    await reach(where, id, "stopped");
    expect(withoutBun(["--root", where.root, "delete", id]).code).not.toBe(0);
    await where.ok("delete", id);
    expect(remains(where, id)).toEqual([]);
  }
});

asRoot("a container whose hooks come later has no summary, and they run", async () => {
  const directory = temporaryDirectory("hooks");
  const hook = (name: string) => [{ path: "/bin/sh", args: ["sh", "-c", `cat > ${directory}/${name}`] }];
  const hooks = { poststart: hook("poststart"), poststop: hook("poststop") };
  for (const some of [hooks, { poststart: hooks.poststart }, { poststop: hooks.poststop }]) {
    const where = await place("exit 0", (spec) => ({ ...limited(spec), hooks: some }));
    const id = await created(where);
    expect(readdirSync(join(where.root, id))).not.toContain(SUMMARY);
    await where.ok("start", id);
    await reach(where, id, "stopped");
    await where.ok("delete", id);
    const names = readdirSync(directory).sort();
    expect(names).toEqual(Object.keys(some).sort());
    for (const name of names) rmSync(join(directory, name));
  }
});

testUnless(anyReason(unavailable, lacksUserNamespaces()))(
  "an ordinary user's containers are found in the user's own directory",
  async () => {
    const { uid, env } = ordinaryUser();
    const home = temporaryDirectory("home");
    const program = join(home, "hutch");
    copyFileSync(HUTCH, program);
    chmodSync(program, 0o755);
    const files = await rootfs(join(home, "rootfs"));
    for (const path of [home, files]) chownSync(path, uid, uid);
    const as = { uid, gid: uid, env: { ...process.env, ...env } };
    const call = (...words: string[]) => {
      const { exitCode, stderr } = Bun.spawnSync([program, ...words], { ...as, stdout: "ignore" });
      expect([words, exitCode, stderr.toString()]).toEqual([words, 0, ""]);
    };
    call("spec", "--rootless", "--bundle", home);
    change(home, withProcess({ terminal: false, args: ["true"] }));
    const id = freshId();
    const child = Bun.spawn([program, "create", "--bundle", home, id], {
      ...as,
      stdio: ["ignore", "ignore", "inherit"],
    });
    expect(await child.exited).toBe(0);
    expect(withoutBun(["start", id], { program, uid, env })).toEqual(DONE);
    const where = { root: join(env.XDG_RUNTIME_DIR, "hutch"), bundle: home };
    let last = withoutBun(["delete", id], { program, uid, env });
    for (let tries = 0; last.code !== 0 && tries < 100; tries += 1) {
      await Bun.sleep(10);
      last = withoutBun(["delete", id], { program, uid, env });
    }
    expect(last).toEqual(DONE);
    expect(remains(where, id)).toEqual([]);
  },
);

const LINKER = process.arch === "arm64" ? "/lib/ld-linux-aarch64.so.1" : "/lib64/ld-linux-x86-64.so.2";

testUnless(anyReason(unavailable, lacksFile(LINKER)))(
  "hutch runs as a copy with another name, and by its dynamic linker",
  async () => {
    const copy = join(temporaryDirectory("copy"), "other name");
    copyFileSync(HUTCH, copy);
    chmodSync(copy, 0o755);
    const version = Bun.spawnSync([HUTCH, "--version"]).stdout.toString();
    const libraries = ["--library-path", "/lib/x86_64-linux-gnu:/lib/aarch64-linux-gnu:/lib64:/usr/lib64"];
    for (const command of [
      [copy],
      [LINKER, ...libraries, copy],
      ["busybox", "sh", "-c", `exec "$0" "$@"`, copy],
    ]) {
      const { exitCode, stdout } = Bun.spawnSync([...command, "--version"]);
      expect([exitCode, stdout.toString()]).toEqual([0, version]);
    }
    const where = await place("exit 0");
    for (const start of [[copy], [LINKER, ...libraries, copy]]) {
      const id = await created(where);
      expect(Bun.spawnSync([...start, "--root", where.root, "start", id]).exitCode).toBe(0);
      await reach(where, id, "stopped");
      expect(Bun.spawnSync([...start, "--root", where.root, "delete", id]).exitCode).toBe(0);
      expect(remains(where, id)).toEqual([]);
    }
  },
);

testUnless(anyReason(unavailable, lacksProgram("unshare")))(
  "where /proc is not mounted hutch says that it needs it, instead of Bun's crash report",
  async () => {
    const result = await run([
      "unshare",
      "--mount",
      "sh",
      "-c",
      `umount -l /proc && exec "$0" --version`,
      HUTCH,
    ]);
    const hint = "mount -t proc proc /proc; hutch and Bun need it";
    expect(result).toEqual({
      code: 125,
      signal: null,
      stdout: "",
      stderr: `hutch: /proc: faccessat: ENOENT (no such file or directory); hint: ${hint}\n`,
    });
  },
);

built("what is said to Bun in its environment is for no one else", () => {
  const env = { A: "b", PATH: process.env["PATH"], C: "d", HUTCH_CACHE: "off" };
  const { exitCode, stdout } = Bun.spawnSync([HUTCH, "in", "/", "--", "env"], { env });
  expect(exitCode).toBe(0);
  const names = stdout
    .toString()
    .trim()
    .split("\n")
    .map((line) => line.split("=")[0]);
  expect(names.filter((name) => name?.startsWith("BUN"))).toEqual([]);
  expect(names).toContain("A");
  expect(names).toContain("C");
});
