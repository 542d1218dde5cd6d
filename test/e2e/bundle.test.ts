/** OCI bundles: `hutch spec`, and what config.json can ask of the kernel beside mounts and the process. */
import { expect } from "bun:test";
import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Namespace, Spec } from "../../src/spec/spec.ts";
import { hutch, lacksHutch } from "../support/hutch.ts";
import { lacksBusybox, rootfs } from "../support/rootfs.ts";
import { anyReason, lacksFile, lacksRoot, lacksUserNamespaces, testUnless } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { ordinaryUser } from "../support/user.ts";
import {
  bundle,
  type Change,
  childrenOf,
  freshId,
  giveTo,
  inBundle,
  lacksCapability,
  output,
  sharedRoot,
  start,
  tryBundle,
  withLinux,
  withMounts,
  withProcess,
} from "./support-inside.ts";

const unavailable = anyReason(lacksRoot(), lacksBusybox(), lacksHutch());
const asRoot = testUnless(unavailable);

type Linux = NonNullable<Spec["linux"]>;

/** Several changes, one after the other. */
const all =
  (...changes: readonly Change[]): Change =>
  (spec) =>
    changes.reduce((changed, change) => change(changed), spec);

const withCapabilities = (...names: string[]): Change =>
  withProcess({ capabilities: { bounding: names, permitted: names, effective: names } });

const withNamespace =
  (...more: Namespace[]): Change =>
  (spec) => {
    const others = (spec.linux?.namespaces ?? []).filter(
      ({ type }) => !more.some((each) => each.type === type),
    );
    return withLinux({ namespaces: [...others, ...more] })(spec);
  };

/** A bundle as `hutch spec` writes it, with a root beside it; only the terminal is taken away. */
async function plainBundle(...options: readonly string[]): Promise<string> {
  const directory = temporaryDirectory("plain");
  mkdirSync(join(directory, "rootfs"));
  await rootfs(join(directory, "rootfs"));
  output(await hutch(["spec", "--bundle", directory, ...options]));
  return directory;
}

function edit(directory: string, change: Change): void {
  const path = join(directory, "config.json");
  const spec: Spec = JSON.parse(readFileSync(path, "utf8"));
  writeFileSync(path, JSON.stringify(change(spec)));
}

asRoot("the bundle of hutch spec runs sh, with its files read-only", async () => {
  const directory = await plainBundle();
  edit(directory, withProcess({ terminal: false }));
  const input = `hostname; pwd; echo $0 $$; touch /x; for d in /proc/[0-9]*; do echo \${d##*/}; done`;
  const result = await hutch(["run", "--bundle", directory, freshId()], { input });
  // The shell itself, and nothing of the host.
  expect(output(result)).toBe("hutch\n/\nsh 1\n1\n");
  expect(result.stderr).toContain("/x: Read-only file system");
});

asRoot("a bundle is also the current directory, and its root may be a symlink", async () => {
  const directory = await plainBundle();
  edit(directory, (spec) => ({
    ...withProcess({ terminal: false, args: ["ls", "/bin/sh"] })(spec),
    root: { path: "link" },
  }));
  symlinkSync("rootfs", join(directory, "link"));
  expect(output(await hutch(["run", freshId()], { cwd: directory }))).toBe("/bin/sh\n");
});

asRoot("hutch spec does not write over a config.json, unless --force says so", async () => {
  const directory = await plainBundle();
  const path = join(directory, "config.json");
  const first = readFileSync(path, "utf8");
  edit(directory, withProcess({ terminal: false }));
  const result = await hutch(["spec", "--bundle", directory]);
  expect([result.code, result.stderr.includes("EEXIST")]).toEqual([125, true]);
  output(await hutch(["spec", "--bundle", directory, "--force"]));
  expect(readFileSync(path, "utf8")).toBe(first);
});

testUnless(anyReason(unavailable, lacksUserNamespaces()))(
  "the bundle of hutch spec --rootless runs as an ordinary user, who is root inside",
  async () => {
    const user = ordinaryUser();
    const directory = temporaryDirectory("rootless");
    giveTo(user.uid, directory);
    output(await hutch(["spec", "--rootless", "--bundle", directory], user));
    mkdirSync(join(directory, "rootfs"));
    await rootfs(join(directory, "rootfs"));
    giveTo(user.uid, join(directory, "rootfs"), join(directory, "config.json"));
    edit(directory, withProcess({ terminal: false }));
    const input = "id -u; tr -s ' ' < /proc/self/uid_map; echo $$; hostname";
    const result = await hutch(["run", "--bundle", directory, freshId()], { ...user, input });
    expect(output(result)).toBe(`0\n 0 ${user.uid} 1\n1\nhutch\n`);
  },
);

asRoot("the default devices work and have their numbers, modes and links", async () => {
  const script = `
    for d in null zero full random urandom tty; do stat -c '%n %t:%T %a %u:%g' /dev/$d; done
    for l in fd stdin stdout stderr core ptmx; do echo "$l $(readlink /dev/$l)"; done
    echo lost > /dev/null; cat /dev/null | wc -c
    head -c 3 /dev/zero | od -An -tx1
    echo x > /dev/full || true
    head -c 16 /dev/urandom | wc -c
    { echo through > /dev/stdout; } | cat; echo text | cat /dev/stdin /dev/fd/0`;
  const result = await tryBundle(script);
  expect(output(result)).toBe(`/dev/null 1:3 666 0:0
/dev/zero 1:5 666 0:0
/dev/full 1:7 666 0:0
/dev/random 1:8 666 0:0
/dev/urandom 1:9 666 0:0
/dev/tty 5:0 666 0:0
fd /proc/self/fd
stdin /proc/self/fd/0
stdout /proc/self/fd/1
stderr /proc/self/fd/2
core ${existsSync("/proc/kcore") ? "/proc/kcore" : ""}
ptmx pts/ptmx
0
 00 00 00
16
through
text
`);
  expect(result.stderr).toContain("No space left on device");
});

asRoot("linux.devices makes devices of every type, with their modes and owners", async () => {
  const devices = [
    { path: "/dev/own/char", type: "c", major: 1, minor: 3, fileMode: 0o640, uid: 3, gid: 4 },
    { path: "/dev/block", type: "b", major: 7, minor: 200, fileMode: 0o600 },
    { path: "/dev/unbuffered", type: "u", major: 1, minor: 5 },
    { path: "/var/pipe", type: "p", fileMode: 0o622 },
    { path: "/dev/null", type: "c", major: 1, minor: 3, fileMode: 0o606 },
  ] satisfies Linux["devices"];
  const script = `stat -c '%n %F %t:%T %a %u:%g' ${devices.map(({ path }) => path).join(" ")}`;
  const root = await rootfs();
  const text = await inBundle(script, withLinux({ devices }), root);
  expect(text).toBe(`/dev/own/char character special file 1:3 640 3:4
/dev/block block special file 7:c8 600 0:0
/dev/unbuffered character special file 1:5 666 0:0
/var/pipe fifo 0:0 622 0:0
/dev/null character special file 1:3 606 0:0
`);
});

asRoot("a masked file reads as empty, a masked directory is empty, neither takes writes", async () => {
  const root = await rootfs();
  mkdirSync(join(root, "secret/deep"), { recursive: true });
  writeFileSync(join(root, "secret/deep/file"), "secret");
  writeFileSync(join(root, "etc/shadow"), "secret");
  symlinkSync("shadow", join(root, "etc/link"));
  const script =
    "cat /etc/shadow /etc/link | wc -c; ls -A /secret | wc -l; touch /secret/x; cat /proc/version | wc -c";
  const maskedPaths = ["/secret", "/etc/link", "/proc/version", "/no/such/path"];
  const result = await tryBundle(script, withLinux({ maskedPaths }), root);
  expect(output(result)).toBe("0\n0\n0\n");
  expect(result.stderr).toContain("/secret/x: Read-only file system");
  expect(readFileSync(join(root, "etc/shadow"), "utf8")).toBe("secret");
});

asRoot(
  "masked directories are mounts of one empty file system, each read-only and nothing more",
  async () => {
    const root = await rootfs();
    for (const name of ["a", "b/c", "d"]) {
      mkdirSync(join(root, name), { recursive: true });
      writeFileSync(join(root, name, "file"), "secret");
    }
    const script =
      "touch /b/c/x; touch /d/x; stat -c %d /a /b/c /d | sort -u | wc -l; ls -A /a /b/c /d | grep -c file; ls /b; " +
      "grep -E ' /(a|b/c|d) ' /proc/self/mounts | cut -d ' ' -f 1-4";
    const maskedPaths = ["/a", "/b/c", "/no/such/path", "/d"];
    const result = await tryBundle(script, withLinux({ maskedPaths }), root);
    const mounts = ["/a", "/b/c", "/d"].map((path) => `hutch ${path} tmpfs ro,nosuid,nodev,noexec,relatime`);
    expect(output(result).replace(/(relatime),.*/g, "$1")).toBe(`1\n0\nc\n${mounts.join("\n")}\n`);
    expect(result.stderr.match(/Read-only file system/g)).toHaveLength(2);
  },
);

asRoot("a read-only path is read, not written, whether file or directory", async () => {
  const root = await rootfs();
  mkdirSync(join(root, "srv/deep"), { recursive: true });
  writeFileSync(join(root, "srv/deep/file"), "text\n");
  const script =
    "cat /srv/deep/file; echo a > /srv/deep/file; echo b > /etc/passwd; echo c > /etc/free; cat /etc/free";
  const readonlyPaths = ["/srv", "/etc/passwd", "/no/such/path"];
  const result = await tryBundle(script, withLinux({ readonlyPaths }), root);
  expect(output(result)).toBe("text\nc\n");
  expect(result.stderr.match(/Read-only file system/g)).toHaveLength(2);
  expect(readFileSync(join(root, "srv/deep/file"), "utf8")).toBe("text\n");
});

asRoot("a mask below a read-only path stays on top", async () => {
  const paths = { readonlyPaths: ["/proc/sys"], maskedPaths: ["/proc/sys/kernel/hostname"] };
  expect(await inBundle("cat /proc/sys/kernel/hostname | wc -c", withLinux(paths))).toBe("0\n");
});

asRoot("sysctls are the container's own, in the network and the ipc namespace", async () => {
  const sysctl = {
    "net.ipv4.ip_forward": "1",
    "net/ipv4/ip_unprivileged_port_start": "80",
    "kernel.shmmax": "12345678",
    "kernel.msgmax": "4321",
    "fs.mqueue.msg_max": "33",
  };
  const files = [
    "net/ipv4/ip_forward",
    "net/ipv4/ip_unprivileged_port_start",
    "kernel/shmmax",
    "kernel/msgmax",
  ];
  const paths = [...files, "fs/mqueue/msg_max"].map((file) => `/proc/sys/${file}`);
  const before = paths.map((path) => readFileSync(path, "utf8"));
  const text = await inBundle(`cat ${paths.join(" ")}`, withLinux({ sysctl }));
  expect(text).toBe("1\n80\n12345678\n4321\n33\n");
  expect(paths.map((path) => readFileSync(path, "utf8"))).toEqual(before);
});

asRoot("--sysctl does so for hutch in", async () => {
  const args = ["--sysctl", "kernel.shmmni=77", "--sysctl", "net.ipv4.ip_default_ttl=33", await sharedRoot()];
  const result = await hutch([
    "in",
    ...args,
    "cat",
    "/proc/sys/kernel/shmmni",
    "/proc/sys/net/ipv4/ip_default_ttl",
  ]);
  expect(output(result)).toBe("77\n33\n");
});

testUnless(anyReason(unavailable, lacksFile("/proc/self/timens_offsets")))(
  "a time namespace shifts the clocks by its offsets",
  async () => {
    const timeOffsets = { boottime: { secs: 1_000_000, nanosecs: 500 }, monotonic: { secs: 86_400 } };
    const change = all(withNamespace({ type: "time" }), withLinux({ timeOffsets }));
    const text = await inBundle("cat /proc/uptime /proc/self/timens_offsets", change);
    const host = Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]);
    const shift = Number(text.split(" ")[0]) - host;
    expect(Math.abs(shift - 1_000_000)).toBeLessThan(30);
    // The namespace of the reader's children: the same, because it has been entered.
    expect(text.replace(/ +/g, " ")).toContain("monotonic 86400 0\nboottime 1000000 500\n");
  },
);

asRoot("hostname and domainname are the container's", async () => {
  const script = "hostname; cat /proc/sys/kernel/domainname";
  const names = { hostname: "blue", domainname: "example.org" };
  expect(await inBundle(script, (spec) => ({ ...spec, ...names }))).toBe("blue\nexample.org\n");
  expect(readFileSync("/proc/sys/kernel/domainname", "utf8")).not.toBe("example.org\n");
});

const machine: Readonly<Record<string, readonly [string, string]>> = {
  x64: ["x86_64", "i686"],
  arm64: ["aarch64", "armv8l"],
};

asRoot("the personality LINUX32 shows in the machine's name", async () => {
  const [own = "", narrow = ""] = machine[process.arch] ?? [];
  const as = (domain: "LINUX" | "LINUX32") => inBundle("uname -m", withLinux({ personality: { domain } }));
  expect([await as("LINUX"), await as("LINUX32")]).toEqual([`${own}\n`, `${narrow}\n`]);
});

/** Policy (field 41), nice (19) and real-time priority (40) of proc_pid_stat(5). */
async function scheduling(change: Change): Promise<number[]> {
  const text = await inBundle("exec cat /proc/self/stat", change);
  const fields = text
    .slice(text.lastIndexOf(")") + 2)
    .split(" ")
    .map(Number);
  return [41, 19, 40].map((number) => fields[number - 3] ?? -1);
}

asRoot("the scheduler's policy and nice value are what the bundle says", async () => {
  const [SCHED_OTHER, SCHED_BATCH, SCHED_IDLE] = [0, 3, 5];
  const as = (scheduler: NonNullable<NonNullable<Spec["process"]>["scheduler"]>) =>
    scheduling(withProcess({ scheduler }));
  expect(await as({ policy: "SCHED_OTHER", nice: 7 })).toEqual([SCHED_OTHER, 7, 0]);
  expect(await as({ policy: "SCHED_BATCH", nice: 3 })).toEqual([SCHED_BATCH, 3, 0]);
  expect((await as({ policy: "SCHED_IDLE" }))[0]).toBe(SCHED_IDLE);
});

testUnless(anyReason(unavailable, lacksCapability("CAP_SYS_NICE", 23)))(
  "a real-time policy has its priority",
  async () => {
    const scheduler = { policy: "SCHED_FIFO", priority: 9 } as const;
    const change = all(withProcess({ scheduler }), withLinux({ resources: {} }));
    expect(await scheduling(change)).toEqual([1, 0, 9]);
  },
);

asRoot("the priority of I/O is what the bundle says", async () => {
  const as = (ioPriority: { class: "IOPRIO_CLASS_BE" | "IOPRIO_CLASS_IDLE"; priority: number }) =>
    inBundle("ionice -p $$", withProcess({ ioPriority }));
  expect(await as({ class: "IOPRIO_CLASS_BE", priority: 3 })).toBe("best-effort: prio 3\n");
  expect(await as({ class: "IOPRIO_CLASS_IDLE", priority: 0 })).toMatch(/^idle/);
});

asRoot("without a filter in the bundle there is none, with one its calls are refused", async () => {
  const seccomp = {
    defaultAction: "SCMP_ACT_ALLOW",
    syscalls: [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 42 }],
  } satisfies Linux["seccomp"];
  const result = await tryBundle(
    "mkdir /tmp/refused; grep Seccomp: /proc/self/status",
    withLinux({ seccomp }),
  );
  expect(result.stdout).toBe("Seccomp:\t2\n");
  // 42 is ENOMSG.
  expect(result.stderr).toContain("No message of desired type");
  expect(await inBundle("mkdir /tmp/x && rmdir /tmp/x && grep Seccomp: /proc/self/status")).toBe(
    "Seccomp:\t0\n",
  );
});

asRoot("a container joins the namespaces of another by their paths", async () => {
  const first = await bundle("hostname first; echo ready; read line", withCapabilities("CAP_SYS_ADMIN"));
  const running = await start(["run", "--bundle", first.directory, freshId()]);
  try {
    const path = (file: string): string => `/proc/${running.pid}/ns/${file}`;
    const joined = { network: "net", uts: "uts", ipc: "ipc", pid: "pid", cgroup: "cgroup" } as const;
    const namespaces = Object.entries(joined).map(([type, file]) => ({ type, path: path(file) }));
    const change: Change = (spec) => {
      const { hostname: _, ...rest } = spec;
      const kept: readonly Namespace[] = [{ type: "mount" }];
      const more = JSON.parse(JSON.stringify(namespaces));
      return withLinux({ namespaces: [...kept, ...more] })(rest);
    };
    const files = ["net", "uts", "ipc", "pid", "cgroup", "mnt"];
    const script = `for n in ${files.join(" ")}; do readlink /proc/self/ns/$n; done; hostname; cat /proc/1/cmdline`;
    const text = await inBundle(script, change);
    const lines = text.split("\n");
    const theirs = files.map((file) => statSync(path(file)).ino);
    const seen = lines.slice(0, files.length).map((line) => Number(/\d+/.exec(line)?.[0]));
    expect(seen.slice(0, 5)).toEqual(theirs.slice(0, 5));
    expect(seen[5]).not.toBe(theirs[5]);
    expect(lines[files.length]).toBe("first");
    // Process 1 there is the first container's shell.
    expect(text).toContain("hostname first");
  } finally {
    await running.end();
  }
});

asRoot("a mount namespace that is joined stays as it is, and what is not applied is told", async () => {
  const first = await bundle(
    "echo theirs > /dev/shm/proof; echo ready; read line",
    withCapabilities("CAP_SYS_ADMIN"),
  );
  const running = await start(["run", "--bundle", first.directory, freshId()]);
  try {
    const path = `/proc/${running.pid}/ns/mnt`;
    const change = withLinux({ namespaces: [{ type: "mount", path }], maskedPaths: ["/etc/hostname"] });
    const result = await tryBundle("cat /dev/shm/proof", (spec) => {
      const { hostname: _, ...rest } = spec;
      return change({ ...rest, root: { path: "/" }, mounts: [{ destination: "/mnt", type: "tmpfs" }] });
    });
    expect(result.stderr).toContain(`hutch: the mount namespace ${path} is joined as it is`);
    expect(result.stderr).toContain("mounts, linux.maskedPaths");
    expect(result.stderr).toContain(": not applied");
    expect(output(result)).toBe("theirs\n");
  } finally {
    await running.end();
  }
});

asRoot("--join enters a namespace too", async () => {
  const root = await sharedRoot();
  const running = await start(["in", "--hostname", "joined", root, "sh", "-c", "echo ready; read line"]);
  try {
    const join = `uts=/proc/${running.pid}/ns/uts,net=/proc/${running.pid}/ns/net`;
    const result = await hutch([
      "in",
      "--join",
      join,
      root,
      "sh",
      "-c",
      "hostname; readlink /proc/self/ns/net",
    ]);
    const net = statSync(`/proc/${running.pid}/ns/net`).ino;
    expect(output(result)).toBe(`joined\nnet:[${net}]\n`);
  } finally {
    await running.end();
  }
});

asRoot("a namespace path of another type is refused, and nothing is left", async () => {
  const change = withNamespace({ type: "ipc", path: "/proc/self/ns/net" });
  const result = await tryBundle("true", change);
  expect([result.code, result.stdout]).toEqual([125, ""]);
  expect(result.stderr).toContain("join the ipc namespace /proc/self/ns/net: setns");
  expect(result.stderr).toContain("EINVAL");
});

asRoot("the process of a bundle is the launcher's only child, and ends with it", async () => {
  const { directory } = await bundle("echo ready; read line; exit 9");
  const running = await start(["run", "--bundle", directory, freshId()]);
  expect(childrenOf(running.launcher)).toEqual([running.pid]);
  expect((await running.end()).code).toBe(9);
  expect(() => statSync(`/proc/${running.pid}`)).toThrow("ENOENT");
});

asRoot("a bundle's working directory and environment are its process's", async () => {
  const change = all(
    withProcess({ cwd: "/made/here", env: ["PATH=/bin", "A=b c"] }),
    withMounts({ destination: "/made", type: "tmpfs", source: "tmpfs" }),
  );
  expect(await inBundle('pwd; echo "$A"; echo "$HOME"', change)).toBe("/made/here\nb c\n\n");
});
