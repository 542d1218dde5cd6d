/** hutch exec: a process more in a running container. */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readlinkSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Spec } from "../../src/spec/spec.ts";
import { HUTCH, hutch, run } from "../support/hutch.ts";
import { eventually } from "../support/patience.ts";
import { anyReason, lacksProgram, testUnless } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { asRoot, type Box, box, EXEC_REASON, namespacesOf, textOf } from "./support-exec.ts";
import { childrenOf, freshId, output, status, withLinux, withProcess } from "./support-inside.ts";
import { change, place } from "./support-lifecycle.ts";

let one: Box;
beforeAll(async () => {
  if (EXEC_REASON === undefined) one = await box();
});
afterAll(async () => {
  if (EXEC_REASON === undefined) await one[Symbol.asyncDispose]();
});

/** Exec'd commands write into files that are their own. */
const file = (name: string): string => join(temporaryDirectory("exec"), name);

describe("the command", () => {
  asRoot("is in all namespaces of the container, and in its root", async () => {
    const script = "for n in cgroup ipc mnt net pid user uts time; do readlink /proc/self/ns/$n; done; pwd";
    const lines = (await one.shell(script)).trim().split("\n");
    expect(lines).toEqual([...Object.values(namespacesOf(one.pid)), "/"]);
    expect(lines[4]).not.toBe(namespacesOf("self")["pid"]);
  });

  asRoot("is in all cgroups of the container, and its supervisor in none of them", async () => {
    const child = Bun.spawn([HUTCH, "--root", one.root, "exec", one.id, "sleep", "20"], {
      stdio: ["ignore", "ignore", "inherit"],
    });
    const isThere = () => textOf(`/proc/${childrenOf(child.pid)[0]}/comm`) === "sleep\n";
    expect(await eventually(isThere)).toBe(true);
    const [member = 0] = childrenOf(child.pid);
    expect(textOf(`/proc/${member}/cgroup`)).toBe(textOf(`/proc/${one.pid}/cgroup`));
    expect(textOf(`/proc/${child.pid}/cgroup`)).toBe(textOf("/proc/self/cgroup"));
    child.kill("SIGTERM");
    expect(await child.exited).toBe(128 + 15);
  });

  for (const [script, code] of [
    ["exit 0", 0],
    ["exit 7", 7],
    ["kill -KILL $$", 137],
  ] as const) {
    asRoot(`gives its exit code: ${script}`, async () => {
      expect((await one.exec(["ID", "sh", "-c", script])).code).toBe(code);
    });
  }

  asRoot("has the caller's standard streams", async () => {
    const result = await one.exec(["ID", "sh", "-c", "cat; echo two >&2"], { input: "one" });
    expect(result).toMatchObject({ code: 0, stdout: "one", stderr: "two\n" });
  });

  asRoot("has the container's own environment, and what is added to it, the later counts", async () => {
    const text = await one.shell("env", "-e", "A=1", "--env", "A=2", "--env=TERM=dumb");
    const lines = text.trim().split("\n");
    expect(lines.filter((line) => /^(A|TERM)=/.test(line)).sort()).toEqual(["A=2", "TERM=dumb"]);
    expect(text).toContain("PATH=/usr/local/sbin:");
  });

  asRoot("is the user, with the groups and in the directory that are asked for", async () => {
    const text = await one.shell(
      "id -u; id -g; id -G; pwd",
      "-u",
      "1000:10",
      "-g",
      "7",
      "-g",
      "8",
      "--cwd",
      "/tmp",
    );
    expect(text).toBe("1000\n10\n10 7 8\n/tmp\n");
  });

  asRoot("has the container's capabilities, and those that are added", async () => {
    const own = textOf(`/proc/${one.pid}/status`);
    const plain = await one.shell("cat /proc/self/status");
    expect(status(plain, "CapEff")).toBe(status(own, "CapEff"));
    expect(status(plain, "NoNewPrivs")).toBe(status(own, "NoNewPrivs"));
    const more = await one.shell("cat /proc/self/status", "-c", "NET_ADMIN", "--cap", "CAP_SYS_PTRACE");
    const added = (1n << 12n) | (1n << 19n);
    const before = BigInt(`0x${status(own, "CapEff")}`);
    expect(BigInt(`0x${status(more, "CapEff")}`)).toBe(before | added);
    const other = await one.shell("cat /proc/self/status", "-c", "NET_ADMIN", "-u", "1000");
    expect(BigInt(`0x${status(other, "CapEff")}`)).toBe(1n << 12n);
  });

  asRoot("has signals, descriptors and session of its own", async () => {
    const text = await one.shell("cat /proc/self/status; ls /proc/$$/fd; true");
    expect(status(text, "SigIgn")).toBe("0000000000000000");
    expect(status(text, "SigBlk")).toBe("0000000000000000");
    expect(text.trim().split("\n").slice(-3)).toEqual(["0", "1", "2"]);
    expect(status(text, "NSsid")).not.toBe("1");
  });

  asRoot("is described whole by --process", async () => {
    const path = file("process.json");
    const process = {
      args: ["sh", "-c", "id -u; pwd; umask; ulimit -n; echo $B; cat /proc/self/oom_score_adj; echo $A"],
      cwd: "/home",
      env: ["PATH=/bin", "B=2"],
      user: { uid: 65534, gid: 65534, umask: 0o77 },
      rlimits: [{ type: "RLIMIT_NOFILE", soft: 77, hard: 77 }],
      oomScoreAdj: 321,
    };
    writeFileSync(path, JSON.stringify(process));
    expect((await one.exec(["--process", path, "ID"])).stdout).toBe("65534\n/home\n0077\n77\n2\n321\n\n");
  });

  asRoot("runs on the processors that are asked for", async () => {
    const path = file("process.json");
    const script = "grep Cpus_allowed_list /proc/self/status";
    const description = { args: ["sh", "-c", script], cwd: "/", env: ["PATH=/bin"] };
    // Who enters a cpuset of its own, as on version 2, has all its processors until it is told otherwise.
    const first = existsSync("/sys/fs/cgroup/cgroup.controllers") ? [] : [{ initial: "0" }];
    for (const execCPUAffinity of [...first, { initial: "0-1", final: "0" }]) {
      writeFileSync(path, JSON.stringify({ ...description, execCPUAffinity }));
      expect((await one.exec(["-p", path, "ID"])).stdout).toBe("Cpus_allowed_list:\t0\n");
    }
    writeFileSync(path, JSON.stringify({ ...description, execCPUAffinity: { final: "3-1" } }));
    expect((await one.exec(["-p", path, "ID"])).stderr).toContain("process.execCPUAffinity");
  });

  asRoot("is under the container's seccomp filter", async () => {
    const seccomp = {
      defaultAction: "SCMP_ACT_ALLOW",
      syscalls: [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 95 }],
    } satisfies NonNullable<NonNullable<Spec["linux"]>["seccomp"]>;
    await using other = await box(withLinux({ seccomp }));
    const { stderr } = await other.exec(["ID", "mkdir", "/tmp/x"]);
    expect(stderr).toMatch(/not supported/i);
  });
});

describe("a command that cannot run", () => {
  for (const [name, args, code, text] of [
    ["is not in PATH", ["ID", "nosuch"], 127, "executable file not found"],
    ["is not there", ["ID", "/bin/nosuch"], 127, "no such file or directory"],
    ["may not be executed", ["ID", "/etc/passwd"], 126, "permission denied"],
    ["has no working directory", ["--cwd", "/nosuch", "ID", "true"], 125, "no such file or directory"],
    ["has a working directory of the host", ["--cwd", "/proc/self/fd/1", "ID", "true"], 125, "hutch: "],
  ] as const) {
    asRoot(`${name}: exit code ${code}, detached or not`, async () => {
      const front = await one.exec(args);
      expect(front.code).toBe(code);
      expect(front.stderr).toContain(text);
      const pidFile = file("pid");
      const back = await one.exec(["--detach", "--pid-file", pidFile, ...args]);
      expect(back.code).toBe(code);
      expect(back.stderr).toContain(text);
      expect(existsSync(pidFile)).toBe(false);
    });
  }

  for (const [name, args, text] of [
    ["no id", [], "expected the container's ID"],
    ["no command", ["ID"], "expected a COMMAND"],
    ["a container that is not there", ["nosuch", "true"], "does not exist"],
    ["a detached terminal without a socket", ["-d", "-t", "ID", "true"], "--console-socket"],
    ["a variable without a value", ["-e", "A", "ID", "true"], "NAME=VALUE"],
    ["a process file that is not there", ["-p", "/nosuch", "ID"], "no such file or directory"],
    ["a relative working directory", ["--cwd", "tmp", "ID", "true"], "absolute"],
    ["a cgroup that leads out", ["--cgroup", "../x", "ID", "true"], "leads out"],
  ] as const) {
    asRoot(`is refused: ${name}`, async () => {
      const { code, stdout, stderr } = await one.exec(args);
      expect({ code, stdout }).toEqual({ code: 125, stdout: "" });
      expect(stderr).toContain(text);
    });
  }
});

describe("--detach", () => {
  asRoot("comes back when the command runs, which is then its caller's", async () => {
    const pidFile = file("pid");
    const { code } = await one.exec([
      "--detach",
      "--pid-file",
      pidFile,
      "ID",
      "sh",
      "-c",
      "exec sleep 30 >&- 2>&-",
    ]);
    expect(code).toBe(0);
    const pid = Number(textOf(pidFile));
    expect(readlinkSync(`/proc/${pid}/ns/pid`)).toBe(readlinkSync(`/proc/${one.pid}/ns/pid`));
    expect(await eventually(() => textOf(`/proc/${pid}/comm`) === "sleep\n")).toBe(true);
    expect(readlinkSync(`/proc/${pid}/exe`)).not.toContain("memfd");
    const parent = Number(status(textOf(`/proc/${pid}/status`), "PPid"));
    expect(textOf(`/proc/${parent}/cmdline`)).not.toContain(one.id);
    process.kill(pid, "SIGKILL");
  });

  asRoot("leaves no process behind when the command cannot run", async () => {
    const before = readdirSync("/proc").filter((pid) => textOf(`/proc/${pid}/cmdline`).includes(one.id));
    expect((await one.exec(["--detach", "ID", "nosuch"])).code).toBe(127);
    const after = readdirSync("/proc").filter((pid) => textOf(`/proc/${pid}/cmdline`).includes(one.id));
    expect(after).toEqual(before);
  });
});

describe("a hutch that is killed before the command runs", () => {
  asRoot("leaves no command behind", async () => {
    await using other = await box();
    output(await other.call("pause", other.id));
    const words = ["--root", other.root, "exec", "--detach", "--ignore-paused", other.id, "sleep", "77"];
    const child = Bun.spawn([HUTCH, ...words], { stdio: ["ignore", "ignore", "ignore"] });
    // The supervisor, and below it the joiner, which the pause holds.
    const [supervisor, joiner] = [() => childrenOf(child.pid)[0] ?? 0, () => childrenOf(supervisor())[0]];
    expect(await eventually(() => supervisor() !== 0 && joiner() !== undefined)).toBe(true);
    const outer = supervisor();
    child.kill("SIGKILL");
    await child.exited;
    output(await other.call("resume", other.id));
    expect(await eventually(() => !existsSync(`/proc/${outer}`))).toBe(true);
    expect(output(await other.exec(["ID", "ps", "-o", "args"]))).not.toContain("sleep 77");
  });
});

describe("the container must run", () => {
  asRoot("a created one is refused", async () => {
    await using other = await box(undefined, "sleep 1000", false);
    const { code, stderr } = await other.exec(["ID", "true"]);
    expect(code).toBe(125);
    expect(stderr).toContain("container not running");
  });

  asRoot("a stopped one is refused", async () => {
    await using other = await box(undefined, "true");
    expect(await eventually(() => !/^\S+ \S+ [^ZX]/.test(textOf(`/proc/${other.pid}/stat`)))).toBe(true);
    const { code, stderr } = await other.exec(["ID", "true"]);
    expect(code).toBe(125);
    expect(stderr).toContain("container not running");
  });

  asRoot("a paused one is refused, unless that is to be ignored: then it waits", async () => {
    await using other = await box();
    expect((await other.call("pause", other.id)).code).toBe(0);
    const refused = await other.exec(["ID", "true"]);
    expect(refused.code).toBe(125);
    expect(refused.stderr).toContain("paused");
    let isDone = false;
    const waits = other.exec(["--ignore-paused", "ID", "echo", "done"]).finally(() => {
      isDone = true;
    });
    await Bun.sleep(300);
    expect(isDone).toBe(false);
    expect((await other.call("resume", other.id)).code).toBe(0);
    expect(await waits).toMatchObject({ code: 0, stdout: "done\n" });
  });
});

describe("containers of other kinds", () => {
  const without = (...kinds: readonly string[]) =>
    withLinux({
      namespaces: (["pid", "network", "ipc", "uts", "mount", "cgroup"] as const)
        .filter((type) => !kinds.includes(type))
        .map((type) => ({ type })),
    });

  asRoot("one without a pid namespace can be joined", async () => {
    await using other = await box(without("pid"));
    const text = await other.shell("readlink /proc/self/ns/pid; readlink /proc/self/ns/mnt; ls -d /bin");
    expect(text).toBe(`${namespacesOf("self")["pid"]}\n${namespacesOf(other.pid)["mnt"]}\n/bin\n`);
  });

  asRoot("one with a user namespace can be joined, and its ids are meant", async () => {
    const map = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
    await using other = await box((spec) => ({
      ...spec,
      linux: {
        ...spec.linux,
        namespaces: [...(spec.linux?.namespaces ?? []), { type: "user" }],
        uidMappings: map,
        gidMappings: map,
      },
    }));
    expect(await other.shell("id -u; id -g")).toBe("0\n0\n");
    expect(await other.shell("id -u; readlink /proc/self/ns/user", "-u", "33:33")).toBe(
      `33\n${namespacesOf(other.pid)["user"]}\n`,
    );
  });

  asRoot("limits of the container hold for the command", async () => {
    await using other = await box(withLinux({ resources: { pids: { limit: 7 } } }));
    const { stderr } = await other.exec([
      "ID",
      "sh",
      "-c",
      "for i in 1 2 3 4 5 6 7 8; do sleep 1 & done; wait",
    ]);
    expect(stderr).toMatch(/fork|resource/i);
  });

  const cgroups = "/sys/fs/cgroup/pids";
  testUnless(
    anyReason(EXEC_REASON, existsSync(cgroups) ? undefined : "needs the pids controller of cgroup v1"),
  )("--cgroup enters one below the container's", async () => {
    await using other = await box(withLinux({ resources: { pids: { limit: 100 } } }));
    const own = /^\d+:pids:(.*)$/m.exec(textOf(`/proc/${other.pid}/cgroup`))?.[1] ?? "";
    const sub = join(cgroups, own, "sub");
    mkdirSync(sub);
    const text = await other.shell("cat /proc/self/cgroup", "--cgroup", "pids:sub");
    expect(/^\d+:pids:(.*)$/m.exec(text)?.[1]).toBe("/sub");
    rmdirSync(sub);
  });

  asRoot("rlimits of the container hold where nothing else is said", async () => {
    await using other = await box(withProcess({ rlimits: [{ type: "RLIMIT_NOFILE", soft: 55, hard: 66 }] }));
    expect(await other.shell("ulimit -n; ulimit -Hn")).toBe("55\n66\n");
  });
});

describe("descriptors and files", () => {
  testUnless(anyReason(EXEC_REASON, lacksProgram("bash")))(
    "as many descriptors as --preserve-fds says go through, detached or not",
    async () => {
      const target = file("out");
      for (const detach of ["", "--detach"]) {
        const line = `exec 3>>${target} 4>>${target} 5>>${target}; ${HUTCH} --root ${one.root} exec ${detach} --preserve-fds 2 ${one.id} sh -c 'echo ${detach}three >&3; echo ${detach}four >&4; (ls /proc/$$/fd >&4); :'`;
        expect((await run(["bash", "-c", line])).stderr).toBe("");
      }
      expect(await eventually(() => textOf(target).includes("--detachfour\n0\n1\n2\n3\n4\n"))).toBe(true);
      expect(textOf(target)).toStartWith("three\nfour\n0\n1\n2\n3\n4\n--detachthree\n");
    },
  );

  asRoot(
    "a limit on descriptors that is too small is told by its name, and just enough is enough",
    async () => {
      const limited = (limit: number) =>
        run(["sh", "-c", `ulimit -n ${limit}; exec ${HUTCH} --root ${one.root} exec ${one.id} echo ran`]);
      for (const limit of [64, 103, 105]) {
        const { code, stderr } = await limited(limit);
        expect({ limit, code }).toEqual({ limit, code: 125 });
        expect(stderr).toMatch(/E(INVAL|MFILE) .*hint: RLIMIT_NOFILE must be above 105/);
      }
      // What the container's process is to have may be more than the caller's.
      expect((await limited(106)).stderr).not.toContain("must be above");
    },
  );

  asRoot("--pid-file is written in the foreground too, with the command's pid", async () => {
    const path = file("pid");
    const text = await one.shell(
      "sleep 0.1; awk '/^NSpid/{print $NF}' /proc/$$/status; echo $$",
      "--pid-file",
      path,
    );
    const [inner, shell] = text.trim().split("\n");
    expect(inner).toBe(shell ?? "");
    expect(Number(textOf(path))).toBeGreaterThan(1);
    expect(existsSync(`${path}.hutch`)).toBe(false);
  });

  asRoot("help names every option that engines give", async () => {
    const { stdout } = await hutch(["exec", "--help"]);
    const named = [
      "process",
      "detach",
      "pid-file",
      "console-socket",
      "preserve-fds",
      "cwd",
      "env",
      "tty",
      "user",
    ];
    const more = [
      "additional-gids",
      "cap",
      "apparmor",
      "process-label",
      "no-new-privs",
      "cgroup",
      "ignore-paused",
    ];
    for (const name of [...named, ...more, "pidfd-socket"]) expect(stdout).toContain(`--${name}`);
  });
});

asRoot(
  "exec goes by the configuration that the container was made by, whatever the bundle is now",
  async () => {
    const where = await place("sleep 1000", withProcess({ env: ["PATH=/bin", "MADE=before"] }));
    const id = freshId();
    await where.ok("run", "--detach", "--bundle", where.bundle, id);
    try {
      change(where.bundle, withProcess({ env: ["PATH=/bin", "MADE=after"], cwd: "/nowhere" }));
      expect(await where.ok("exec", id, "/bin/sh", "-c", "echo $MADE; pwd")).toBe("before\n/\n");
      rmSync(join(where.bundle, "config.json"));
      expect(await where.ok("exec", id, "/bin/sh", "-c", "echo $MADE")).toBe("before\n");
    } finally {
      await where.ok("delete", "--force", id);
    }
  },
);
