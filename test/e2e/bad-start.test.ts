/** Starts that fail half-way, and callers who give hutch little: a clear message, and nothing left. */
import { beforeAll, describe, expect } from "bun:test";
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Mount } from "../../src/spec/spec.ts";
import { type Changes, configOf, hostBefore, leftBehind, runConfig, writeBundle } from "../support/attack.ts";
import { HUTCH, hutch, lacksHutch, run } from "../support/hutch.ts";
import { lacksBusybox, rootfs } from "../support/rootfs.ts";
import { anyReason, lacksCgroup, lacksFile, lacksProgram, lacksRoot, testUnless } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { ordinaryUser } from "../support/user.ts";

const ready = anyReason(lacksHutch(), lacksBusybox());
const anyone = testUnless(ready);
const rooted = testUnless(anyReason(ready, lacksRoot()));

let root = "";

beforeAll(async () => {
  if (ready === undefined) root = await rootfs();
});

const NAMESPACES = ["pid", "network", "ipc", "uts", "mount", "cgroup"] as const;
const withUser = {
  namespaces: [...NAMESPACES, "user" as const].map((type) => ({ type })),
  uidMappings: [{ containerID: 0, hostID: 100_000, size: 10 }],
  gidMappings: [{ containerID: 0, hostID: 100_000, size: 10 }],
};

async function expectFailure(config: unknown, message: RegExp): Promise<void> {
  const before = hostBefore();
  const { code, stdout, stderr } = await runConfig(config);
  expect(stderr).toMatch(message);
  expect(stderr).toMatch(/^hutch: [^\n]*\n$/);
  expect({ code, stdout }).toEqual({ code: 125, stdout: "" });
  expect(await leftBehind(before)).toEqual([]);
}

/** The third mount is the one that fails: proc and /dev are there by then. */
const third = (mount: Mount): Changes => ({
  mounts: [
    { destination: "/proc", type: "proc", source: "proc" },
    { destination: "/dev", type: "tmpfs", source: "tmpfs" },
    mount,
  ],
  linux: { resources: { memory: { limit: 64 * 2 ** 20 }, pids: { limit: 20 } } },
});

/** What goes wrong, the changes that make it go wrong, and the message: operation, path, errno by name. */
const FAILURES: readonly (readonly [name: string, changes: () => Changes, message: RegExp])[] = [
  [
    "an unknown file system",
    () => third({ destination: "/mnt", type: "nosuchfs", source: "x" }),
    /mount nosuchfs on \/mnt: fsopen: ENODEV \(.*\); hint: the kernel does not know this file system/,
  ],
  [
    "an option that a file system does not know",
    () => third({ destination: "/mnt", type: "tmpfs", source: "x", options: ["nosuchoption=1"] }),
    /mount tmpfs on \/mnt \(nosuchoption=1\): option nosuchoption=1: fsconfig: EINVAL .*hint: an option/,
  ],
  [
    "an option value that is out of range",
    () => third({ destination: "/mnt", type: "tmpfs", source: "x", options: ["mode=99999"] }),
    /mount tmpfs on \/mnt .*mode=99999.*EINVAL/,
  ],
  [
    "an option of 256 bytes, more than fsconfig takes",
    () => third({ destination: "/mnt", type: "tmpfs", source: "x", options: [`size=${"0".repeat(256)}1m`] }),
    /mount tmpfs on \/mnt .*at most 255 bytes/,
  ],
  [
    "a file where a directory is to be mounted",
    () => third({ destination: "/etc/passwd", type: "tmpfs", source: "x" }),
    /mount tmpfs on \/etc\/passwd: .*(ENOTDIR|EINVAL)/,
  ],
  [
    "a file above a mount point",
    () => third({ destination: "/etc/passwd/below", type: "tmpfs", source: "x" }),
    /mount tmpfs on \/etc\/passwd\/below.*ENOTDIR/,
  ],
  [
    "a block device that is none",
    () => third({ destination: "/mnt", type: "ext4", source: "/no/such/device" }),
    /mount ext4 on \/mnt: .*: (ENOENT|ENODEV|ENOTBLK|EINVAL)/,
  ],
  [
    "a kernel parameter that does not exist",
    () => ({ linux: { sysctl: { "net.no.such": "1" } } }),
    /set net\.no\.such to 1: openat: ENOENT .*hint: the kernel has no such parameter/,
  ],
  [
    "a kernel parameter that takes no such value",
    () => ({ linux: { sysctl: { "net.ipv4.ip_default_ttl": "9999" } } }),
    /set net\.ipv4\.ip_default_ttl to 9999: write: EINVAL .*hint: the value is out of range/,
  ],
  [
    "a user that is not mapped",
    () => ({ linux: withUser, process: { user: { uid: 4000, gid: 0 } } }),
    /become the user 4000: setresuid: EINVAL .*hint: the id is not mapped/,
  ],
  [
    "a group that is not mapped",
    () => ({ linux: withUser, process: { user: { uid: 0, gid: 4000 } } }),
    /become the group 4000: setresgid: EINVAL .*hint: the id is not mapped/,
  ],
  [
    "an additional group that is not mapped",
    () => ({ linux: withUser, process: { user: { uid: 0, gid: 0, additionalGids: [1, 77_777] } } }),
    /join the groups 1,77777: setgroups: EINVAL .*hint: the id is not mapped/,
  ],
  [
    "a working directory that the user may not enter",
    () => {
      mkdirSync(join(root, "closed/inner"), { recursive: true, mode: 0o700 });
      return { process: { cwd: "/closed/inner", user: { uid: 1000, gid: 1000 } } };
    },
    /enter the working directory \/closed\/inner: \w+: EACCES .*hint: the user of the process may not search/,
  ],
  [
    "a working directory that is a file",
    () => ({ process: { cwd: "/etc/passwd" } }),
    /enter the working directory \/etc\/passwd: \w+: ENOTDIR/,
  ],
  [
    "a device over a file of the image",
    () => ({
      mounts: [{ destination: "/proc", type: "proc", source: "proc" }],
      linux: { devices: [{ path: "/etc/passwd", type: "c", major: 1, minor: 3 }] },
    }),
    /make the device \/etc\/passwd \(c 1:3\): mknodat: EEXIST .*hint: /,
  ],
  [
    "a namespace to join that is none",
    () => ({
      linux: { namespaces: [{ type: "mount" }, { type: "uts" }, { type: "network", path: "/etc/passwd" }] },
    }),
    /join the network namespace \/etc\/passwd: setns: EINVAL .*hint: /,
  ],
  [
    "a terminal without a devpts",
    () => ({
      process: { terminal: true },
      mounts: [{ destination: "/proc", type: "proc", source: "proc" }],
    }),
    /open a terminal in the container's devpts: openat2: ENOENT .*hint: a terminal needs a devpts/,
  ],
  [
    "arguments that the kernel finds too long",
    () => ({ process: { args: ["true", ...Array.from({ length: 60 }, () => "x".repeat(120_000))] } }),
    /execute .*true: execve: E2BIG \(argument list too long\)/,
  ],
];

describe("a start that fails half-way, for", () => {
  for (const [name, changes, message] of FAILURES) {
    rooted(`${name}: says operation, path and errno, and leaves nothing`, async () => {
      const config = configOf(root, changes());
      if (name.startsWith("arguments")) {
        const { code, stderr } = await runConfig(config);
        expect(stderr).toMatch(message);
        expect([125, 126]).toContain(code ?? 0);
      } else await expectFailure(config, message);
    });
  }

  testUnless(anyReason(ready, lacksRoot(), lacksCgroup(1)))(
    "a limit that the kernel refuses: no cgroup stays",
    () =>
      expectFailure(
        configOf(root, {
          linux: {
            resources: { memory: { limit: 64 * 2 ** 20 }, cpu: { quota: 10_000, period: 2_000_000 } },
          },
        }),
        /cpu.*(EINVAL|period)/,
      ),
  );

  testUnless(anyReason(ready, lacksRoot(), lacksCgroup(1)))(
    "limits and a command that is not there: no cgroup stays",
    async () => {
      const before = hostBefore();
      const limits = ["--memory", "64m", "--pids", "10", "--cpus", "0.5"];
      expect(await hutch(["in", ...limits, root, "no-such-command"])).toMatchObject({ code: 127 });
      expect(await leftBehind(before)).toEqual([]);
    },
  );

  anyone("a container killed by its timeout: nothing stays", async () => {
    const before = hostBefore();
    const result = await hutch(["in", "--timeout", "200ms", root, "sh", "-c", "sleep 60 & sleep 60"]);
    expect(result).toMatchObject({ code: 124 });
    expect(await leftBehind(before)).toEqual([]);
  });
});

/** Runs hutch from a shell that takes something away first. */
const starved = (before: string, line: string, after = "") =>
  run(["sh", "-c", `${before} "$0" ${line} ${after}`, HUTCH, root]);

const clear = (stderr: string): void => {
  expect(stderr).toMatch(/^(hutch: [^\n]*\n)?$/);
};

describe("a caller who", () => {
  anyone("closed standard input is served", async () => {
    expect(await starved("exec", "in $1 echo ok", "<&-")).toMatchObject({
      code: 0,
      stdout: "ok\n",
      stderr: "",
    });
  });

  anyone("closed standard output loses the output, and nothing else", async () => {
    const line = "in $1 sh -c '(readlink /proc/1/fd/1 >&2); echo lost'";
    expect(await starved("exec", line, ">&-")).toMatchObject({ code: 0, stdout: "", stderr: "/dev/null\n" });
  });

  anyone("closed standard error still gets the exit code of a failure", async () => {
    expect(await starved("exec", "in $1 no-such-command", "2>&-")).toMatchObject({ code: 127, stderr: "" });
    expect(await starved("exec", "nonsense", "2>&-")).toMatchObject({ code: 125, stderr: "" });
  });

  anyone("asks for a terminal with standard input closed gets one", async () => {
    const { code, stdout, stderr } = await starved("exec", "in -t $1 echo ok", "<&-");
    expect({ code, stdout: stdout.trim(), stderr }).toEqual({ code: 0, stdout: "ok", stderr: "" });
  });

  testUnless(anyReason(ready, lacksFile("/dev/full")))("writes to a full disk is told so", async () => {
    for (const line of ["explain $1 true", "--help", "in --help", "--version"]) {
      const { code, stderr } = await starved("exec", line, "> /dev/full");
      expect({ code, stderr }).toEqual({
        code: 125,
        stderr: "hutch: write standard output: ENOSPC (no space left on device)\n",
      });
    }
  });

  anyone("stops reading is no reason for a stack trace", async () => {
    const { stderr } = await run(["sh", "-c", `"$0" explain "$1" true | head -n 1 > /dev/null`, HUTCH, root]);
    clear(stderr);
  });

  anyone("stands in a directory that is gone gets an answer in words, not a trace", async () => {
    const gone = 'd=$(mktemp -d); cd "$d"; rmdir "$d"; exec';
    const { code, stderr } = await starved(gone, "in $1 echo ok");
    expect(stderr).not.toMatch(/\n {4}at /);
    expect(code === 0 || stderr !== "").toBe(true);
  });

  anyone("has few descriptors to give is served, or told which limit is in the way", async () => {
    for (const limit of [6, 16, 64, 101, 256]) {
      const { code, stdout, stderr } = await starved(`ulimit -n ${limit};`, "in $1 echo ok");
      clear(stderr);
      if (code === 0) expect(stdout).toBe("ok\n");
      else expect({ code, stderr }).toEqual({ code: 125, stderr: expect.stringContaining("RLIMIT_NOFILE") });
    }
  });

  anyone("may not write files (RLIMIT_FSIZE 0) is told with the errno", async () => {
    const { code, stderr } = await starved("ulimit -f 0;", "in $1 echo ok");
    clear(stderr);
    expect(code === 0 || /EFBIG \(file too large\)/.test(stderr)).toBe(true);
  });

  anyone("has no executable memory is told in one line, without a trace", async () => {
    const { code, stderr } = await starved("ulimit -v 500000;", "in $1 echo ok");
    expect(code).not.toBe(0);
    expect(stderr).not.toMatch(/HutchError|\n +at /);
  });

  testUnless(anyReason(ready, lacksRoot(), lacksProgram("prlimit")))(
    "has no processes left is told of the limit",
    async () => {
      const user = ordinaryUser();
      const program = join(temporaryDirectory("nproc"), "hutch");
      copyFileSync(HUTCH, program);
      // Threads count too: Bun runs with fewer than it likes, the container's first process is one too many.
      const { code, stdout, stderr } = await run(
        ["prlimit", "--nproc=1:1", program, "in", root, "echo", "ok"],
        user,
      );
      if (code === 0) expect(stdout).toBe("ok\n");
      else if (stderr.startsWith("hutch: ")) expect(stderr).toMatch(/clone3: EAGAIN .*hint: .*RLIMIT_NPROC/);
      else expect(stderr).not.toBe("");
    },
  );

  testUnless(anyReason(ready, lacksRoot(), lacksProgram("unshare"), lacksFile("/proc/sys/vm/memfd_noexec")))(
    "forbids executable memory files (vm.memfd_noexec=2) is served all the same",
    async () => {
      const script = 'echo 2 > /proc/sys/vm/memfd_noexec && exec "$0" in "$1" echo ok';
      const inner = ["unshare", "--pid", "--fork", "--mount-proc", "sh", "-c", script, HUTCH, root];
      const before = hostBefore();
      expect(await run(inner)).toMatchObject({ code: 0, stdout: "ok\n", stderr: "" });
      expect(await leftBehind(before)).toEqual([]);
    },
  );

  anyone(
    "passes bytes that are no UTF-8 has them kept, or is refused: they are never replaced in silence",
    async () => {
      const asked = `printf '%s' "$1" | od -An -tx1`;
      const line = `exec "$0" in "$1" sh -c '${asked}' sh "$(printf '\\377\\376')"`;
      const { code, stdout, stderr } = await run(["sh", "-c", line, HUTCH, root]);
      if (code === 0) expect(stdout.trim()).toBe("ff fe");
      else expect({ code, stderr }).toEqual({ code: 125, stderr: expect.stringMatching(/^hutch: .*UTF-8/) });
    },
  );

  rooted("runs two containers of one id, at one cgroup path, has the first one untouched", async () => {
    const bundle = writeBundle(
      configOf(root, {
        process: { args: ["sh", "-c", "echo up; read go; echo alive"] },
        linux: { resources: { pids: { limit: 10 } } },
      }),
    );
    const before = hostBefore();
    const words = ["run", "--bundle", bundle, `twin-${process.pid}`];
    const one = Bun.spawn([HUTCH, ...words], { stdin: "pipe", stdout: "pipe" });
    const reader = one.stdout.getReader();
    const reads = async () => new TextDecoder().decode((await reader.read()).value);
    expect(await reads()).toBe("up\n");
    expect(await hutch(words)).toEqual({
      code: 125,
      signal: null,
      stdout: "",
      stderr: expect.stringMatching(/^hutch: .*already exists/),
    });
    one.stdin.write("go\n");
    await one.stdin.end();
    expect({ said: await reads(), code: await one.exited }).toEqual({ said: "alive\n", code: 0 });
    expect(await leftBehind(before)).toEqual([]);
  });
});

rooted("a bundle of which the root goes away between two starts is refused at the second", async () => {
  const own = await rootfs();
  const bundle = writeBundle(configOf(own, { process: { args: ["true"] } }));
  expect(await hutch(["run", "--bundle", bundle, `first-${process.pid}`])).toMatchObject({
    code: 0,
    stderr: "",
  });
  await run(["mv", own, `${own}.away`]);
  writeFileSync(own, "");
  const second = await hutch(["run", "--bundle", bundle, `second-${process.pid}`]);
  await run(["rm", own]);
  await run(["mv", `${own}.away`, own]);
  expect(second.code).toBe(125);
  expect(second.stderr).toMatch(/^hutch: root\.path .*ENOTDIR/);
});

rooted("what a step was about is told by create and by a compiled file as by run", async () => {
  const own = await rootfs();
  symlinkSync("loop", join(own, "loop"));
  const bundle = writeBundle(
    configOf(own, { process: { args: ["true"] }, linux: { maskedPaths: ["/proc/kcore", "/loop"] } }),
  );
  const told = "mask /loop: openat2: ELOOP (too many levels of symbolic links)\n";
  const id = `subject-${process.pid}`;
  for (const [verb, exit] of [
    ["run", 125],
    ["create", 1],
  ] as const) {
    const { code, stderr } = await hutch([verb, "--bundle", bundle, id]);
    expect({ verb, code, stderr }).toEqual({ verb, code: exit, stderr: `hutch: ${told}` });
  }
  const file = join(bundle, "box");
  expect(await hutch(["compile", "--bundle", bundle, "-o", file])).toMatchObject({ code: 0 });
  expect(await run([file])).toMatchObject({ code: 125, stderr: `box: ${told}` });
});
