/** What a container asks of the kernel and must not get: mounts, devices, settings, other processes. */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { AT_FDCWD, O_CLOEXEC, O_RDONLY, O_RDWR } from "../../src/linux/fcntl.ts";
import { MNT_DETACH, MS_BIND, MS_REMOUNT } from "../../src/linux/mount.ts";
import { CLONE_NEWNS, CLONE_NEWUSER } from "../../src/linux/sched.ts";
import { SIGNALS } from "../../src/linux/signal.ts";
import { makedev, S_IFBLK, S_IFCHR } from "../../src/linux/stat.ts";
import { buffer, bytes, struct } from "../../src/plan/build.ts";
import {
  type Attempt,
  answersInside,
  configOf,
  readAnswers,
  runConfig,
  writeAttempts,
} from "../support/attack.ts";
import { hutch, lacksHutch, run } from "../support/hutch.ts";
import { lacksBusybox, rootfs } from "../support/rootfs.ts";
import {
  anyReason,
  lacksCgroup,
  lacksProgram,
  lacksRoot,
  lacksUserNamespaces,
  testUnless,
} from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { ordinaryUser } from "../support/user.ts";

const ready = anyReason(lacksHutch(), lacksBusybox());
const anyone = testUnless(ready);
const rooted = testUnless(anyReason(ready, lacksRoot()));
const rootless = testUnless(anyReason(ready, lacksUserNamespaces()));

let root = "";

beforeAll(async () => {
  if (ready === undefined) root = await rootfs();
});

const TIOCSTI = 0x5412;
const TIOCLINUX = 0x541c;
const AF_PACKET = 17;
const AF_INET = 2;
const AF_VSOCK = 40;
const SOCK_RAW = 3;
const SOCK_STREAM = 1;
const PTRACE_ATTACH = 16;

/** The host's first disk and its memory, as mknod would name them. */
const DISK = makedev(254, 0);
const MEM = makedev(1, 1);

/** Refused, whoever asks. */
const FORBIDDEN: readonly Attempt[] = [
  ["mount a tmpfs", "mount", "none", "/tmp", "tmpfs", 0, 0],
  ["bind a directory", "mount", "/etc", "/tmp", 0, MS_BIND, 0],
  ["remount the root", "mount", 0, "/", 0, MS_BIND | MS_REMOUNT, 0],
  ["unmount a mask", "umount2", "/proc/keys", 0],
  ["unmount /proc", "umount2", "/proc", MNT_DETACH],
  ["open a file system", "fsopen", "tmpfs", 0],
  ["clone a mount", "open_tree", AT_FDCWD, "/proc", 1],
  ["change a mount", "mount_setattr", AT_FDCWD, "/sys", 0, buffer("attr", 32), 32],
  ["move the root", "pivot_root", ".", "."],
  ["a user namespace", "unshare", CLONE_NEWUSER],
  ["a mount namespace", "unshare", CLONE_NEWNS],
  ["a user namespace by clone", "clone", CLONE_NEWUSER | SIGNALS.SIGCHLD, 0, 0, 0, 0],
  ["type into the terminal", "ioctl", 0, TIOCSTI, "x"],
  ["type into the terminal, by a number with more bits (CVE-2019-10063)", "ioctl", 0, 0x1_0000_5412n, "x"],
  ["paste into the console (CVE-2023-28100)", "ioctl", 0, TIOCLINUX, "\u0003"],
  ["the host's disk", "mknodat", AT_FDCWD, "/tmp/disk", S_IFBLK | 0o600, DISK],
  ["the machine's memory", "mknodat", AT_FDCWD, "/tmp/mem", S_IFCHR | 0o600, MEM],
  ["a key", "add_key", "user", "hutch", "x", 1, -2],
  ["the keys of the session", "keyctl", 0, -3, 0],
  ["a file by its handle (shocker)", "open_by_handle_at", AT_FDCWD, buffer("handle", 32), 0],
  ["a BPF program", "bpf", 5, buffer("bpf", 128), 128],
  ["a kernel module", "init_module", buffer("module", 8), 8, ""],
  ["another kernel", "kexec_load", 0, 0, 0, 0],
  ["a reboot", "reboot", 0xfee1dead, 672274793, 0, 0],
  ["the clock", "clock_settime", 0, buffer("time", 16)],
  ["swap", "swapon", "/tmp", 0],
  ["page faults of one's own", "userfaultfd", 0],
  ["the host's performance counters", "perf_event_open", buffer("perf", 128), -1, 0, -1, 0],
  ["accounting", "acct", "/tmp/acct"],
  ["the kernel's log", "syslog", 3, buffer("log", 64), 64],
  ["a socket to the hypervisor", "socket", AF_VSOCK, SOCK_STREAM, 0],
];

const REFUSALS = ["EPERM", "EACCES", "ENOSYS", "EAFNOSUPPORT", "EROFS"];

const expectRefused = (answers: Record<string, string>, attempts: readonly Attempt[]): void => {
  expect(Object.keys(answers)).toEqual(attempts.map(([name]) => name));
  expect(Object.entries(answers).filter(([, answer]) => !REFUSALS.includes(answer))).toEqual([]);
};

describe("forbidden system calls", () => {
  rooted("are refused to root", async () => {
    expectRefused(await answersInside(root, [], FORBIDDEN), FORBIDDEN);
  });

  rooted("are refused to root of a user namespace", async () => {
    const maps = ["--uid-map", "0:100000:65536", "--gid-map", "0:100000:65536"];
    const own = await rootfs();
    expectRefused(await answersInside(own, maps, FORBIDDEN), FORBIDDEN);
  });

  rootless("are refused in an ordinary user's container", async () => {
    writeAttempts(join(root, "attempts"), FORBIDDEN);
    const { stdout } = await hutch(["in", root, "/attempts"], ordinaryUser());
    expectRefused(readAnswers(FORBIDDEN, stdout), FORBIDDEN);
  });

  rooted("are partly granted to the host's root, so the attempts themselves are sound", async () => {
    const some = FORBIDDEN.filter(([name]) =>
      /^(open a file system|a BPF|clone a mount|a user namespace$)/.test(name),
    );
    const program = join(temporaryDirectory("control"), "attempts");
    writeAttempts(program, some);
    const { stdout } = await run(["unshare", "--mount", program]);
    expect(Object.values(readAnswers(some, stdout))).toContain("ok");
  });

  rooted("TIOCSTI is refused on the container's own terminal too", async () => {
    const attempts = FORBIDDEN.filter(([, name]) => name === "ioctl");
    writeAttempts(join(root, "attempts"), attempts);
    const { stdout } = await hutch(["in", "-t", root, "/attempts"]);
    expectRefused(readAnswers(attempts, stdout.replaceAll("\r", "")), attempts);
  });
});

rooted("raw sockets are refused on the host's network", async () => {
  const attempts: Attempt[] = [
    ["packet", "socket", AF_PACKET, SOCK_RAW, 0x300],
    ["raw", "socket", AF_INET, SOCK_RAW, 1],
  ];
  expect(await answersInside(root, ["--share", "net"], attempts)).toEqual({ packet: "EPERM", raw: "EPERM" });
  expect(await answersInside(root, [], attempts)).toMatchObject({ raw: "ok" });
});

rooted("a device node that the image brings is dead: the host's disk and memory stay closed", async () => {
  await run(["mknod", join(root, "disk"), "c", "1", "5"]);
  const attempts: Attempt[] = [["open", "openat", AT_FDCWD, "/disk", O_RDONLY, 0]];
  const answers = await answersInside(root, [], attempts);
  const overlaid = await answersInside(root, ["--overlay"], attempts);
  rmSync(join(root, "disk"));
  expect({ answers, overlaid }).toEqual({ answers: { open: "EACCES" }, overlaid: { open: "EACCES" } });
});

describe("files of the kernel", () => {
  const FILES = [
    ...["/proc/sysrq-trigger", "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe"],
    ...["/proc/sys/kernel/panic_on_oops", "/proc/sys/vm/drop_caches", "/proc/sys/fs/binfmt_misc/register"],
    ...["/proc/irq/0/smp_affinity", "/proc/bus/pci/devices", "/sys/power/state", "/sys/kernel/uevent_helper"],
    ...["/sys/kernel/mm/transparent_hugepage/enabled", "/sys/fs/cgroup/memory/release_agent"],
    ...["/sys/fs/cgroup/release_agent", "/sys/fs/cgroup/cgroup.procs", "/sys/module/kernel/parameters/panic"],
  ];
  const open = FILES.map((path): Attempt => [path, "openat", AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0]);
  const closed = (answers: Record<string, string>): string[] =>
    Object.entries(answers).flatMap(([path, answer]) =>
      ["EROFS", "EACCES", "EPERM", "ENOENT"].includes(answer) ? [] : [`${path}: ${answer}`],
    );

  for (const options of [
    [],
    ["--share", "pid"],
    ["--share", "net"],
    ["--share", "cgroup"],
    ["--share", "ipc"],
  ]) {
    rooted(`cannot be opened for writing${options.map((word) => ` ${word}`).join("")}`, async () => {
      const answers = await answersInside(root, options, open);
      expect(Object.keys(answers)).toEqual(FILES);
      expect(closed(answers)).toEqual([]);
      expect(Object.values(answers)).toContain("EROFS");
    });
  }

  testUnless(anyReason(ready, lacksRoot(), lacksCgroup(1)))(
    "release_agent cannot be written where the cgroups are mounted, nor a cgroup be made",
    async () => {
      const script = `for agent in /sys/fs/cgroup/*/release_agent /sys/fs/cgroup/*/notify_on_release; do
        (echo /bin/true > $agent) 2>/dev/null && echo "wrote $agent"; done
        mkdir /sys/fs/cgroup/memory/x 2>/dev/null && echo made; ls -d /sys/fs/cgroup/memory`;
      const limited = await hutch(["in", "--memory", "64m", root, "sh", "-c", script]);
      expect(limited).toMatchObject({ code: 0, stdout: "/sys/fs/cgroup/memory\n" });
      const plain = await runConfig(configOf(root, { process: { args: ["sh", "-c", script] } }));
      expect(plain).toMatchObject({ code: 0, stdout: "/sys/fs/cgroup/memory\n", stderr: "" });
    },
  );

  anyone("that tell of the host are masked", async () => {
    const script =
      "cat /proc/keys /proc/timer_list /proc/interrupts; ls /proc/acpi /sys/firmware 2>/dev/null";
    const { stdout } = await hutch(["in", root, "sh", "-c", script]);
    expect(stdout.split("\n").filter((line) => line !== "" && !/^\/.*:$/.test(line))).toEqual([]);
  });

  rooted(
    "CAP_SYS_ADMIN lifts masks, as help for it would say, but shows nothing of the host's root",
    async () => {
      const witness = join(temporaryDirectory("witness"), "file");
      writeFileSync(witness, "the host's own");
      const script = `umount /proc/keys && echo lifted; umount -l / 2>/dev/null; cat ${witness} 2>/dev/null; true`;
      const options = ["--cap-add", "SYS_ADMIN"];
      const { stdout } = await hutch(["in", ...options, root, "/bin/sh", "-c", script]);
      expect(stdout).toBe("lifted\n");
    },
  );

  rooted("stay masked for a user namespace within the container, even without a filter", async () => {
    const script = "unshare -r -m sh -c 'umount /proc/keys || umount -l /proc/sys || echo locked'";
    const { stdout } = await hutch(["in", "--seccomp", "off", root, "sh", "-c", script]);
    expect(stdout).toBe("locked\n");
  });
});

describe("other processes", () => {
  rooted("of the host cannot be signalled with --share pid, without CAP_KILL, by another user", async () => {
    const sleeper = Bun.spawn(["sleep", "60"]);
    const options = ["--share", "pid", "--cap-drop", "KILL", "--user", "4242:4242"];
    const result = await hutch(["in", ...options, root, "kill", "-9", String(sleeper.pid)]);
    const alive = sleeper.exitCode === null && !sleeper.killed;
    sleeper.kill("SIGKILL");
    expect({ code: result.code, alive }).toEqual({ code: 1, alive: true });
    expect(result.stderr).toMatch(/not permitted/i);
  });

  rooted("of the host cannot be traced with --share pid", async () => {
    const sleeper = Bun.spawn(["sleep", "60"]);
    const iovec = struct("iovec", [
      ["iov_base", 8, buffer("memory", 8)],
      ["iov_len", 8, 8],
    ]);
    const attempts: Attempt[] = [
      ["attach", "ptrace", PTRACE_ATTACH, sleeper.pid, 0, 0],
      ["read", "openat", AT_FDCWD, `/proc/${sleeper.pid}/mem`, O_RDONLY, 0],
      ["root", "openat", AT_FDCWD, `/proc/${sleeper.pid}/root`, O_RDONLY, 0],
      ["cwd", "openat", AT_FDCWD, `/proc/${sleeper.pid}/cwd`, O_RDONLY, 0],
      ["init's root", "openat", AT_FDCWD, "/proc/1/root/etc", O_RDONLY, 0],
      ["vm", "process_vm_readv", sleeper.pid, iovec, 1, iovec, 1, 0],
    ];
    const answers = await answersInside(root, ["--share", "pid"], attempts);
    sleeper.kill("SIGKILL");
    expect(Object.keys(answers)).toEqual(attempts.map(([name]) => name));
    expect(Object.values(answers).filter((answer) => !["EPERM", "EACCES"].includes(answer))).toEqual([]);
  });
});

describe("unix sockets of the host", () => {
  const servers: Server[] = [];
  const name = `hutch-attack-${process.pid}`;
  const paths = [`/run/${name}`, `/tmp/${name}`, `/run/${name}.d/socket`];

  afterAll(() => {
    for (const server of servers) server.close();
    rmSync(`/run/${name}.d`, { recursive: true, force: true });
  });

  const printable = (path: string): string => path.replace("\0", "@");

  const addressOf = (path: string) => {
    const text = new TextEncoder().encode(path);
    const address = new Uint8Array(110);
    address.set([1, 0]);
    address.set(text, 2);
    return {
      bytes: bytes(address, printable(path)),
      length: 2 + text.length + (path.startsWith("\0") ? 0 : 1),
    };
  };

  rooted("in /run and /tmp, and abstract ones, cannot be reached with WHERE /", async () => {
    mkdirSync(`/run/${name}.d`);
    const listening = [...paths, `\0${name}`].map(async (path) => {
      const server = createServer();
      servers.push(server);
      await new Promise<void>((done) => server.listen(path, done));
    });
    await Promise.all(listening);
    const attempts = [...paths, `\0${name}`].flatMap((path): Attempt[] => [
      [`socket for ${printable(path)}`, "socket", 1, SOCK_STREAM, 0],
      [printable(path), "connect", 3, addressOf(path).bytes, addressOf(path).length],
      [`close ${printable(path)}`, "close", 3],
    ]);
    const program = join(temporaryDirectory("sockets"), "attempts");
    writeAttempts(program, attempts);
    const inside = await hutch([
      "in",
      "--bind",
      `${program}:/mnt/attempts`,
      "--overlay",
      "/",
      "/mnt/attempts",
    ]);
    const answers = readAnswers(attempts, inside.stdout);
    expect(inside.stderr).toBe("");
    expect(paths.map((path) => answers[path])).toEqual(["ENOENT", "ENOENT", "ENOENT"]);
    expect(answers[`@${name}`]).toBe("ECONNREFUSED");
    // On the host descriptor 3 may be taken: the control asks for the same by a shell that closes it.
    const outside = await run(["sh", "-c", `exec ${program} 3<&-`]);
    expect(paths.map((path) => readAnswers(attempts, outside.stdout)[path])).toEqual(["ok", "ok", "ok"]);
  });
});

testUnless(anyReason(ready, lacksRoot(), lacksProgram("unshare")))(
  "the host's name and its System V memory stay its own",
  async () => {
    const before = (await run(["hostname"])).stdout;
    await hutch(["in", "--cap-add", "SYS_ADMIN", root, "hostname", "taken"]);
    expect((await run(["hostname"])).stdout).toBe(before);
    const attempts: Attempt[] = [["the host's segments", "shmget", 0x68757463, 4096, 0o600]];
    const program = join(temporaryDirectory("shm"), "make");
    writeAttempts(program, [["make", "shmget", 0x68757463, 4096, 0o1600], ...attempts]);
    await run([program]);
    const answers = await answersInside(root, [], attempts);
    await run(["ipcrm", "-M", "0x68757463"]);
    expect(answers).toEqual({ "the host's segments": "ENOENT" });
  },
);
