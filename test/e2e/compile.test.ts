/** hutch compile: the files are run, and what the kernel shows is compared with what they were to be. */
import { beforeAll, describe, expect } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import { HUTCH, hutch, lacksHutch, run } from "../support/hutch.ts";
import { lacksBusybox, rootfs } from "../support/rootfs.ts";
import { anyReason, lacksCgroup, lacksRoot, testUnless } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { inTerminal, lacksTerminal } from "../support/terminal.ts";
import { ordinaryUser } from "../support/user.ts";
import { compiledIn } from "./support-compile.ts";

const REASON = anyReason(lacksHutch(), lacksBusybox(), lacksRoot());
const withRoot = testUnless(REASON);
const withPty = testUnless(anyReason(REASON, lacksTerminal()));
const withV1 = testUnless(anyReason(REASON, lacksCgroup(1)));

/** The names that such files choose. */
const OWN_CGROUP = /^hutch-\d+-\d{10}$/;

let root = "";
let place = "";

beforeAll(async () => {
  if (REASON !== undefined) return;
  root = await rootfs();
  place = temporaryDirectory("compile");
  chmodSync(place, 0o755);
  chmodSync(root, 0o755);
});

const compiled = (...args: string[]): Promise<string> => compiledIn(place, ...args);

const cgroups = (): string[] =>
  readdirSync("/sys/fs/cgroup").flatMap((name) => {
    const path = join("/sys/fs/cgroup", name);
    return statSync(path).isDirectory() ? readdirSync(path).filter((each) => OWN_CGROUP.test(each)) : [];
  });

describe("a compiled file", () => {
  withRoot("runs its command in a container, and exits as it does", async () => {
    const file = await compiled(root, "sh", "-c", "echo $$ $(hostname) $(id -u); exit 7");
    expect(await run([file])).toMatchObject({ code: 7, stdout: "1 hutch 0\n", stderr: "" });
  });

  withRoot("goes to standard output with -o -, and is the same file, but for its name", async () => {
    const box = join(place, "hutch");
    const args = [root, "sh", "-c", "echo from a pipe"];
    const command = `"$@" -o - ${args.map((arg) => `'${arg}'`).join(" ")} | cat > '${box}'; chmod 755 '${box}'`;
    expect(await run(["sh", "-c", command, "sh", HUTCH, "compile"])).toMatchObject({ code: 0, stderr: "" });
    expect(await run([box])).toMatchObject({ code: 0, stdout: "from a pipe\n", stderr: "" });
    const named = join(temporaryDirectory("named"), "hutch");
    expect(await hutch(["compile", "-o", named, ...args])).toMatchObject({ code: 0 });
    expect(readFileSync(named).equals(readFileSync(box))).toBe(true);
  });

  withRoot("is not lost where standard output is closed", async () => {
    for (const option of [["-o", "-"], ["--json"]]) {
      const command = `exec "$@" ${option.join(" ")} "$0" id >&-`;
      const { code, stderr } = await run(["sh", "-c", command, root, HUTCH, "compile"]);
      expect(stderr).toContain("write standard output: EBADF");
      expect(code).toBe(125);
    }
  });

  withPty("does not go to a terminal", async () => {
    await using terminal = inTerminal([HUTCH, "compile", "-o", "-", root, "id"]);
    expect(await terminal.exited).toBe(125);
    await terminal.shows("-o -: standard output is a terminal");
  });

  withRoot("with the root from the environment takes no WHERE", async () => {
    const { code, stderr } = await hutch([
      "compile",
      "-o",
      join(place, "no"),
      "--rootfs-from-env",
      "R",
      root,
      "id",
    ]);
    expect({ code, stderr }).toEqual({
      code: 125,
      stderr: `hutch: compile: --rootfs-from-env R: expected a command, received the directory ${root}; hint: WHERE is left out\n`,
    });
  });

  withV1("names no hutch where it is told who may make cgroups", async () => {
    const { code, stderr } = await run([await compiled("--memory", "64m", root, "id")], ordinaryUser());
    expect(code).toBe(125);
    expect(stderr).toMatch(/ EACCES .*; hint: this user may not make cgroups here;/);
    expect(stderr).toEndWith("start it by systemd-run --user --scope\n");
  });

  withRoot("takes -o at the end, as a compiler does", async () => {
    const file = join(place, "last.box");
    expect((await hutch(["compile", root, "true", "-o", file])).code).toBe(0);
    expect((await run([file])).code).toBe(0);
  });

  withRoot("leaves a pipe that it is written to where it is", async () => {
    const pipe = join(place, "pipe");
    Bun.spawnSync(["mkfifo", pipe]);
    const reader = Bun.spawn(["head", "-c", "4", pipe], { stdout: "pipe" });
    expect((await hutch(["compile", root, "true", "-o", pipe])).stderr).toBe("");
    expect(await new Response(reader.stdout).text()).toBe("\x7fELF");
    expect(statSync(pipe).isFIFO()).toBe(true);
    expect((await hutch(["compile", "--pack", root, "true", "-o", pipe])).stderr).toContain(
      "a packed root takes a regular file",
    );
  });

  withRoot("needs nothing but the kernel: no hutch, no library", async () => {
    const file = await compiled(root, "true");
    expect(readFileSync(file).includes("ld-linux")).toBe(false);
    expect((await run([file], { env: { PATH: "/nonexistent" } })).code).toBe(0);
  });

  withRoot("is the same for the same input", async () => {
    const args = ["--memory", "64m", "--init", root, "sh"];
    const names = ["one", "two"].map((name) => join(place, name, "same.box"));
    for (const name of names) {
      mkdirSync(join(name, ".."));
      expect((await hutch(["compile", ...args, "-o", name])).code).toBe(0);
    }
    expect(readFileSync(names[0] ?? "")).toEqual(readFileSync(names[1] ?? ""));
  });

  withRoot("adds its own arguments with --args, and ignores them without", async () => {
    const without = await compiled(root, "echo", "a");
    expect((await run([without, "b"])).stdout).toBe("a\n");
    const file = await compiled("--args", root, "echo", "a");
    expect((await run([file, "b c", "d"])).stdout).toBe("a b c d\n");
  });

  withRoot("adds as many arguments as xargs gives", async () => {
    const file = await compiled("--args", root, "sh", "-c", "echo $#", "sh");
    const { stdout, stderr } = await run([file, ...Array.from({ length: 20_000 }, String)]);
    expect({ stdout, stderr }).toEqual({ stdout: "20000\n", stderr: "" });
  });

  withRoot("hands the caller's environment on, with what --env sets", async () => {
    const file = await compiled("--env", "A=1", root, "env");
    const { stdout } = await run(["/usr/bin/env", "-i", "A=0", "B=2", "PATH=/host", file]);
    const path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    expect(stdout.trim().split("\n").sort()).toEqual(["A=1", "B=2", path, "container=hutch"]);
    const clear = await compiled("--clear-env", root, "env");
    expect((await run([clear], { env: { B: "2" } })).stdout).not.toContain("B=2");
  });

  withRoot("is started by an ordinary user as well, whoever that is", async () => {
    const user = ordinaryUser();
    const file = await compiled("--user", "5:6", root, "sh", "-c", "id -u; id -g; cat /proc/self/uid_map");
    const asUser = await run([file], user);
    expect(asUser).toMatchObject({ code: 0, stderr: "" });
    expect(asUser.stdout).toBe(
      `5\n6\n${"5".padStart(10)}${String(user.uid).padStart(11)}${"1".padStart(11)}\n`,
    );
    expect((await run([file])).stdout).toStartWith("5\n6\n");
  });

  withRoot("is root's alone where an ordinary user could not do it, and says why", async () => {
    for (const [options, reason] of [
      [["--overlay"], "--overlay /: an ordinary user cannot put a layer over"],
      [["--share", "user"], "in: --share user: an ordinary user needs a user namespace"],
    ] as const) {
      const file = await compiled(...options, "/", "sh", "-c", "echo done");
      expect(await run([file])).toMatchObject({ stdout: "done\n", stderr: "" });
      const { code, stderr } = await run([file], ordinaryUser());
      expect(stderr).toContain(`: start the container: it takes root; hint: ${reason}`);
      expect(code).toBe(125);
    }
  });

  withRoot(
    "tells of a limit on the size of files that it does not fit into; its command is ended by it",
    async () => {
      const file = await compiled(
        "--tmpfs",
        "/tmp",
        root,
        "sh",
        "-c",
        "head -c 2000000 /dev/zero >/tmp/x; echo $?",
      );
      const limited = (blocks: number) => run(["sh", "-c", `ulimit -f ${blocks}; exec "$0"`, file]);
      expect(await limited(0)).toMatchObject({
        code: 125,
        stderr: expect.stringMatching(
          /: go on in a copy in memory: sendfile: EFBIG .*hint: RLIMIT_FSIZE is smaller/,
        ),
      });
      // 128 + SIGXFSZ, whose default action it has.
      expect(await limited(1000)).toMatchObject({ code: 0, stdout: "153\n" });
    },
  );

  /** Starts a file that has no name any more twice, and tells its mode. */
  const NAMELESS =
    'exec 3</dev/null 9<"$0"; rm "$0"; /proc/self/fd/9 && /proc/self/fd/9; stat -Lc %a /proc/self/fd/9';

  withRoot("starts without a name too, as often as it is wanted", async () => {
    const file = await compiled(root, "echo", "a");
    expect(await run(["sh", "-c", NAMELESS, file])).toMatchObject({ stdout: "a\na\n755\n", stderr: "" });
  });

  withRoot("without a name has no directory that --relative could mean", async () => {
    const file = join(place, "nameless");
    expect(await hutch(["compile", "-o", file, "--relative", root, "true"])).toMatchObject({ code: 0 });
    const { stdout, stderr } = await run(["sh", "-c", NAMELESS, file]);
    expect(stderr).toContain(
      "9: go to the directory of this program: it was started from memory, or has been removed",
    );
    expect(stdout).toBe("755\n");
  });

  withRoot("finds its root in the environment: --rootfs-from-env", async () => {
    const file = await compiled("--rootfs-from-env", "BOX_ROOT", "cat", "/etc/group");
    const { code, stdout } = await run([file], { env: { BOX_ROOT: root } });
    expect({ code, first: stdout.split("\n")[0] }).toEqual({ code: 0, first: "root:x:0:" });
    const without = await run([file], { env: { BOX_ROOT: undefined } });
    expect(without).toMatchObject({
      code: 125,
      stderr: `${file.split("/").at(-1)}: the environment has no BOX_ROOT, which is to hold the path of the root\n`,
    });
  });

  withRoot("says what is wrong with a root that is no directory", async () => {
    const file = await compiled("--rootfs-from-env", "BOX_ROOT", "true");
    const { code, stderr } = await run([file], { env: { BOX_ROOT: "/etc/passwd" } });
    expect(stderr).toMatch(/: attach the root \$BOX_ROOT \/etc\/passwd: .*; hint: a root is a directory\n$/);
    expect(code).toBe(125);
    const nowhere = await run([file], { env: { BOX_ROOT: "/nowhere" } });
    expect(nowhere.stderr).toContain(": attach the root $BOX_ROOT /nowhere: open_tree: ENOENT ");
    const empty = await run([file], { env: { BOX_ROOT: "" } });
    expect(empty.stderr).toEndWith(
      ": BOX_ROOT is empty in the environment; it is to hold the path of the root\n",
    );
  });

  withV1("limits what it was told to, and leaves no cgroup behind", async () => {
    const file = await compiled(
      ...["--memory", "64m", "--pids", "20", root],
      ...["sh", "-c", "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/pids/pids.max"],
    );
    expect(await run([file])).toMatchObject({ code: 0, stdout: "67108864\n20\n", stderr: "" });
    expect(cgroups()).toEqual([]);
  });

  withV1("says which hierarchy is not mounted where it is started", async () => {
    const file = await compiled("--memory", "64m", root, "id");
    const hidden = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs none /sys/fs/cgroup && exec "$0"', file];
    const { code, stderr } = await run(hidden);
    expect(stderr).toMatch(
      / the cgroup \/sys\/fs\/cgroup\/memory: openat: ENOENT .*; hint: this hierarchy is not mounted here\n$/,
    );
    expect(code).toBe(125);
  });

  withRoot("ends in time, and says so by its exit code", async () => {
    const file = await compiled("--timeout", "200ms", "--init", root, "sleep", "60");
    expect((await run([file])).code).toBe(124);
  });

  withRoot("says in words what went wrong, under its own name", async () => {
    const gone = await compiled(root, "no-such-command");
    const missing = await run([gone]);
    expect(missing.code).toBe(127);
    expect(missing.stderr).toStartWith(`${gone.split("/").at(-1)}: execute no-such-command: ENOENT`);
    const home = temporaryDirectory("gone");
    const file = await compiled("--memory", "64m", home, "true");
    renameSync(home, `${home}.away`);
    const failure = await run([file]);
    renameSync(`${home}.away`, home);
    expect(failure.code).toBe(125);
    expect(failure.stderr).toContain(
      `: attach the root ${home}: open_tree: ENOENT (no such file or directory); hint: `,
    );
    if (existsSync("/sys/fs/cgroup/memory")) expect(cgroups()).toEqual([]);
  });

  withRoot("cannot be overwritten by its container through /proc/self/exe", async () => {
    // A command that leads to the program itself is what CVE-2019-5736 was made of.
    const file = await compiled(root, "/proc/self/exe");
    const before = readFileSync(file);
    const { code, stderr } = await run([file]);
    expect(code).toBe(126);
    expect(stderr).toContain("execute /proc/self/exe: execve: EACCES");
    expect(readFileSync(file)).toEqual(before);
  });

  withRoot("tells its plan to hutch explain, unless it was stripped", async () => {
    const file = await compiled(root, "echo", "told");
    const { code, stdout } = await hutch(["explain", file]);
    expect(code).toBe(0);
    expect(stdout).toContain(`open_tree(AT_FDCWD, "${root}"`);
    expect(stdout).toContain('["echo", "told"]');
    const stripped = await compiled("--strip", root, "echo", "told");
    expect(statSync(stripped).size).toBeLessThan(statSync(file).size);
    expect((await run([stripped])).stdout).toBe("told\n");
    expect((await hutch(["explain", stripped])).stderr).toContain("it carries no text of its plan");
    for (const [name, told] of [
      ["/bin/sh", "explain /bin/sh: no file that hutch compile has made"],
      [
        "nosuch.box",
        "explain nosuch.box: ENOENT (no such file or directory); hint: expected a file of hutch compile",
      ],
    ] as const)
      expect(await hutch(["explain", name])).toMatchObject({
        code: 125,
        stderr: expect.stringContaining(told),
      });
  });

  withRoot("tells an ordinary user what he may not read, write or start", async () => {
    const user = ordinaryUser();
    const closed = await compiled(root, "id");
    chmodSync(closed, 0o711);
    expect((await run([closed], user)).stderr).toContain(
      ": open this program: openat: EACCES (permission denied); hint: who starts it must be allowed to read it: chmod a+r",
    );
    const report = await compiled("--report", "/no/where/report.json", root, "id");
    expect((await run([report])).stderr).toContain("hint: the report's directory does not exist");
  });

  withRoot("is data with --json", async () => {
    const { code, stdout } = await hutch(["compile", "--json", root, "true"]);
    expect(code).toBe(0);
    const { version, steps }: { version: number; steps: { kind: string }[] } = JSON.parse(stdout);
    expect(version).toBe(1);
    expect(steps.length).toBeGreaterThan(100);
  });
});

describe("a bundle as a file", () => {
  const bundle = async (...spec: string[]): Promise<string> => {
    const directory = temporaryDirectory("bundle");
    await hutch(["spec", ...spec, "--bundle", directory]);
    renameSync(await rootfs(), join(directory, "rootfs"));
    const path = join(directory, "config.json");
    const config = await Bun.file(path).json();
    config.process.terminal = false;
    // On version 2 hutch run has controllers counted that a file without limits does not ask for.
    const cgroups = "ls /sys/fs/cgroup | grep -vE '^(cpu|cpuset|hugetlb|io|memory|misc|pids|rdma)[.]'";
    config.process.args = ["sh", "-c", `id -u; hostname; touch /x; ${cgroups}`];
    await Bun.write(path, JSON.stringify(config));
    chmodSync(directory, 0o755);
    return directory;
  };

  withRoot("does what hutch run does", async () => {
    const directory = await bundle();
    const file = await compiled("--bundle", directory);
    const [own, ofRun] = [
      await run([file]),
      await hutch(["run", "--bundle", directory, `hutch-compile-${process.pid}`]),
    ];
    expect(own).toEqual(ofRun);
    expect(own.stdout).toStartWith("0\nhutch\n");
    const refused = await run([file], ordinaryUser());
    expect(refused.code).toBe(125);
    expect(refused.stderr).toContain("start the container: it takes root");
  });

  withRoot("with a user namespace is for an ordinary user too", async () => {
    const file = await compiled("--bundle", await bundle("--rootless"));
    expect(await run([file], ordinaryUser())).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("0\nhutch\n"),
    });
  });

  withRoot("takes what run takes beside config.json, and refuses the other options of in", async () => {
    const directory = await bundle();
    const report = join(place, "bundle.json");
    const file = await compiled("--bundle", directory, "--init", "--report", report);
    const { code } = await run([file]);
    expect(await Bun.file(report).json()).toMatchObject({ code, signal: null });
    const { stdout } = await hutch(["explain", file]);
    expect(stdout).toContain("reap");
    for (const option of [
      "--memory=nonsense",
      "--overlay",
      "--env=A=1",
      "--read-only",
      "--tty",
      "--timeout=1",
    ])
      expect(await hutch(["compile", "--bundle", directory, option, "-o", join(place, "no")])).toMatchObject({
        code: 125,
        stderr: `hutch: compile: ${option.split("=")[0]}: --bundle takes --init and --report alone of the options of in; hint: what a bundle is made of stands in its config.json\n`,
      });
    expect(existsSync(join(place, "no"))).toBe(false);
  });
});
