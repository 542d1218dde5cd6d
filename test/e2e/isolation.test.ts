/** What a container of `hutch in` sees of the host: nothing. Every claim is read from the kernel, inside. */
import { expect, test } from "bun:test";
import { existsSync, readFileSync, readlinkSync, statSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { hostArch } from "../../src/host/libc.ts";
import { SYSCALLS } from "../../src/linux/syscall.ts";
import { HUTCH, hutch, lacksHutch, run } from "../support/hutch.ts";
import { lacksBusybox } from "../support/rootfs.ts";
import { anyReason, lacksProgram, lacksRoot, testUnless } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { inShell, output, parseMountinfo, sharedRoot, start, status } from "./support-inside.ts";

const asRoot = testUnless(anyReason(lacksRoot(), lacksBusybox(), lacksHutch()));

const NAMESPACES = ["pid", "mnt", "net", "ipc", "uts", "cgroup", "user", "time"] as const;
const SHOW_NAMESPACES = `for n in ${NAMESPACES.join(" ")}; do readlink /proc/self/ns/$n; done`;

const onHost = (name: string): string => readlinkSync(`/proc/self/ns/${name}`);

/** The namespaces of which the container's is not the host's. */
function own(text: string): string[] {
  const links = text.trim().split("\n");
  expect(links).toHaveLength(NAMESPACES.length);
  return NAMESPACES.filter((name, index) => links[index] !== onHost(name));
}

asRoot("the pid, mount, network, ipc, uts and cgroup namespaces are the container's own", async () => {
  const text = await inShell([], await sharedRoot(), SHOW_NAMESPACES);
  expect(own(text)).toEqual(["pid", "mnt", "net", "ipc", "uts", "cgroup"]);
});

asRoot("with id maps the user namespace is the container's own too", async () => {
  const text = await inShell(["--uid-map", "0:100000:65536"], await sharedRoot(), SHOW_NAMESPACES);
  expect(own(text)).toEqual(["pid", "mnt", "net", "ipc", "uts", "cgroup", "user"]);
});

for (const name of ["pid", "net", "ipc", "uts", "cgroup"]) {
  asRoot(`--share ${name} keeps the host's ${name} namespace, and no other`, async () => {
    const text = await inShell(["--share", name], await sharedRoot(), SHOW_NAMESPACES);
    expect(own(text)).toEqual(["pid", "mnt", "net", "ipc", "uts", "cgroup"].filter((each) => each !== name));
  });
}

asRoot(
  "the command is process 1 of its pid namespace, and the host sees it as a child of hutch",
  async () => {
    const running = await start(["in", await sharedRoot(), "sh", "-c", "echo ready; read line; echo $$"]);
    const outside = readFileSync(`/proc/${running.pid}/status`, "utf8");
    expect(status(outside, "NSpid")).toBe(`${running.pid} 1`);
    expect(status(outside, "PPid")).toBe(`${running.launcher}`);
    expect((await running.end()).stdout).toBe("ready\n1\n");
  },
);

asRoot("the command leads a session of its own that has no terminal", async () => {
  const [line = ""] = (await inShell([], await sharedRoot(), "exec cat /proc/self/stat")).split("\n");
  const [pid, command, , ...fields] = line.split(" ");
  // proc_pid_stat(5): ppid, pgrp, session, tty_nr.
  expect([pid, command, ...fields.slice(0, 4)]).toEqual(["1", "(cat)", "0", "1", "1", "0"]);
});

asRoot("no process of the host is to be seen", async () => {
  const stranger = Bun.spawn(["sleep", "31.4159"]);
  try {
    const script = `for d in /proc/[0-9]*; do echo "\${d#/proc/} $(tr "\\0" " " < $d/cmdline)"; done`;
    const text = await inShell([], await sharedRoot(), script);
    expect(text).not.toContain("31.4159");
    const pids = [...text.matchAll(/^(\d+) .*\/bin\/sh -c/gm)].map(([, pid]) => pid);
    expect(pids).toContain("1");
    expect(Math.max(...[...text.matchAll(/^\d+/gm)].map(Number))).toBeLessThan(20);
    // The same script does see it where the pid namespace is shared, so it would have been found.
    expect(await inShell(["--share", "pid"], await sharedRoot(), script)).toContain("31.4159");
  } finally {
    stranger.kill();
    await stranger.exited;
  }
});

asRoot("a signal from inside reaches no process of the host", async () => {
  const stranger = Bun.spawn(["sleep", "30"]);
  try {
    const result = await hutch(["in", await sharedRoot(), "sh", "-c", `kill -9 ${stranger.pid}; kill -9 -1`]);
    expect(result.stderr).toContain("No such process");
    expect(stranger.killed).toBe(false);
    expect(existsSync(`/proc/${stranger.pid}`)).toBe(true);
  } finally {
    stranger.kill();
    await stranger.exited;
  }
});

asRoot("the network holds a loopback interface alone, which is up and carries connections", async () => {
  const script = `
    tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '
    cat /sys/class/net/lo/flags
    wc -l < /proc/net/route
    nc -l -p 4321 -e echo "through the loop" &
    for i in $(seq 100); do sleep 0.1 | nc 127.0.0.1 4321 2> /dev/null && break; done`;
  const text = await inShell([], await sharedRoot(), script);
  // IFF_UP (0x1) and IFF_LOOPBACK (0x8); the table of routes has its heading or nothing.
  expect(text).toMatch(/^lo\n0x9\n[01]\nthrough the loop\n$/);
});

asRoot("a server of the host on 127.0.0.1 is out of reach", async () => {
  const server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  try {
    const script = `nc -w 1 127.0.0.1 ${server.port} < /dev/null && echo reached || echo refused`;
    expect(await inShell([], await sharedRoot(), script)).toBe("refused\n");
    expect(await inShell(["--share", "net"], await sharedRoot(), script)).toBe("reached\n");
  } finally {
    server.stop(true);
  }
});

asRoot("an abstract unix socket of the host is out of reach", async () => {
  const name = `hutch-e2e-abstract-${process.pid}`;
  const server = Bun.listen({ unix: `\0${name}`, socket: { data() {} } });
  try {
    const script = `grep -c @${name} /proc/net/unix; true`;
    expect(readFileSync("/proc/net/unix", "utf8")).toContain(`@${name}`);
    expect(await inShell([], await sharedRoot(), script)).toBe("0\n");
  } finally {
    server.stop(true);
  }
});

asRoot("the host name is hutch, or as it is asked for, and the host keeps its own", async () => {
  const before = hostname();
  expect(await inShell([], await sharedRoot(), "hostname; cat /proc/sys/kernel/hostname")).toBe(
    "hutch\nhutch\n",
  );
  expect(await inShell(["--hostname", "blue"], await sharedRoot(), "hostname")).toBe("blue\n");
  expect(hostname()).toBe(before);
});

asRoot("with the host's root, /run and /tmp are empty and the container's own", async () => {
  const directory = temporaryDirectory("secret");
  writeFileSync(join(directory, "secret"), "of the host");
  const script = `ls -A /run /tmp; touch /tmp/mine /run/mine; cat ${directory}/secret 2>&1; ls /tmp`;
  const text = await inShell([], "/", script);
  expect(text).toMatch(/^\/run:\n\n\/tmp:\n.*secret.*No such file or directory\nmine\n$/);
  expect(existsSync("/tmp/mine") || existsSync("/run/mine")).toBe(false);
});

asRoot("with the host's root, no write reaches the host: EROFS", async () => {
  const name = `hutch-e2e-${process.pid}`;
  const script = `for d in / /etc /root /usr /var; do touch $d/${name}; done; chmod 700 /etc/passwd; true`;
  const result = await hutch(["in", "/", "--", "sh", "-c", script]);
  expect(result.stderr.match(/Read-only file system/g)).toHaveLength(6);
  for (const directory of ["/", "/etc", "/root", "/usr", "/var"])
    expect(existsSync(join(directory, name))).toBe(false);
  expect(statSync("/etc/passwd").mode & 0o777).not.toBe(0o700);
});

asRoot("a directory as root is writable, and read-only with --read-only", async () => {
  const root = await sharedRoot();
  await inShell([], root, "echo kept > /var/kept");
  expect(readFileSync(join(root, "var/kept"), "utf8")).toBe("kept\n");
  const result = await hutch(["in", "--read-only", root, "touch", "/var/other"]);
  expect(result.stderr).toContain("Read-only file system");
  expect(existsSync(join(root, "var/other"))).toBe(false);
});

asRoot("of the host's mounts nothing is left but the root and the null device that masks", async () => {
  const root = await sharedRoot();
  const lines = parseMountinfo(await inShell([], root, "cat /proc/self/mountinfo"));
  const hostDevices = new Set(
    parseMountinfo(readFileSync("/proc/self/mountinfo", "utf8")).map((line) => line.device),
  );
  const hosts = lines.filter((line) => hostDevices.has(line.device));
  expect(hosts.filter(({ root: part }) => part !== "/null").map(({ point }) => point)).toEqual(["/"]);
  expect(lines.find(({ point }) => point === "/")?.root.endsWith(root)).toBe(true);
  // Nothing hangs above the root: its parent is no mount that could be seen.
  const ids = new Set(lines.map(({ id }) => id));
  expect(lines.filter(({ parent }) => !ids.has(parent)).map(({ point }) => point)).toEqual(["/"]);
  expect(lines.flatMap(({ tags }) => tags)).toEqual([]);
});

asRoot("with the host's root, its /proc, /sys, /dev, /run and /tmp are not underneath", async () => {
  const lines = parseMountinfo(await inShell([], "/", "cat /proc/self/mountinfo"));
  const below = (directory: string) => (point: string) =>
    point === directory || point.startsWith(`${directory}/`);
  const hostDevices = new Map(
    parseMountinfo(readFileSync("/proc/self/mountinfo", "utf8")).map((line) => [line.device, line.point]),
  );
  const kept = lines.filter((line) => hostDevices.has(line.device) && line.root !== "/null");
  const api = ["/proc", "/sys", "/dev", "/run", "/tmp"];
  expect(kept.map(({ point }) => point)).toContain("/");
  expect(kept.filter(({ point }) => api.some((directory) => below(directory)(point)))).toEqual([]);
  expect(kept.filter(({ options }) => !options.includes("ro"))).toEqual([]);
});

asRoot("above the root there is only the root", async () => {
  const script = "stat -c %d:%i / /.. /../../..; cd /; cd ..; pwd; ls -d /../bin /../proc/1/root/..";
  const text = await inShell([], await sharedRoot(), script);
  const [first, second, third, ...rest] = text.trim().split("\n");
  expect([second, third]).toEqual([first, first]);
  expect(rest).toEqual(["/", "/../bin", "/../proc/1/root/.."]);
  const { dev, ino } = statSync(await sharedRoot());
  expect(first).toBe(`${dev}:${ino}`);
});

asRoot("the masked paths of /proc and /sys are empty, the read-only ones refuse writes", async () => {
  const script = `
    cat /proc/keys /proc/timer_list /proc/interrupts /proc/kcore 2>/dev/null | wc -c
    ls -A /sys/firmware | wc -l
    echo b > /proc/sysrq-trigger
    echo x > /proc/sys/kernel/hostname
    hostname`;
  const result = await hutch(["in", await sharedRoot(), "sh", "-c", script]);
  expect(result.stdout).toBe("0\n0\nhutch\n");
  expect(result.stderr.match(/Read-only file system|nonexistent/g)).toHaveLength(2);
  expect(statSync("/proc/timer_list").size + readFileSync("/proc/timer_list").length).toBeGreaterThan(0);
});

testUnless(anyReason(lacksRoot(), lacksHutch(), lacksProgram("perl")))(
  "the session keyring is the container's own, not the caller's",
  async () => {
    const number = SYSCALLS[hostArch()].keyctl;
    // keyctl(2): 1 joins a new session keyring, 0 tells the number of a keyring, −3 is that of the session.
    const tell = `$| = 1; print syscall(${number}, 0, -3, 0), "\\n";`;
    const caller = `syscall(${number}, 1, 0) > 0 or die; ${tell} exec @ARGV;`;
    const inside = [HUTCH, "in", "--seccomp", "off", "/", "--", "perl", "-e", tell];
    const shared = output(await run(["perl", "-e", caller, "perl", "-e", tell]))
      .trim()
      .split("\n");
    expect(shared[0]).toMatch(/^\d+$/);
    expect(shared[1]).toBe(shared[0]);
    const own = output(await run(["perl", "-e", caller, ...inside]))
      .trim()
      .split("\n");
    expect(own[1]).toMatch(/^\d+$/);
    expect(own[1]).not.toBe(own[0]);
  },
);

test("the scripts of this file would see the host, were there no container", () => {
  const lines = parseMountinfo(readFileSync("/proc/self/mountinfo", "utf8"));
  expect(lines.map(({ point }) => point)).toContain("/proc");
  expect(onHost("pid")).toMatch(/^pid:\[\d+\]$/);
});
