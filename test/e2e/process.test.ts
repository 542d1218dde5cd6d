/** The process of a container: ids, capabilities, limits, environment, signals, descriptors, exit codes. */
import { expect } from "bun:test";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { RlimitName } from "../../src/linux/resource.ts";
import type { Spec } from "../../src/spec/spec.ts";
import { HUTCH, hutch, lacksHutch, run } from "../support/hutch.ts";
import { lacksBusybox, rootfs } from "../support/rootfs.ts";
import { anyReason, lacksRoot, testUnless } from "../support/skip.ts";
import {
  inBundle,
  inShell,
  lacksCapability,
  lacksOption,
  output,
  sharedRoot,
  status,
  tryBundle,
  withProcess,
} from "./support-inside.ts";

const unavailable = anyReason(lacksRoot(), lacksBusybox(), lacksHutch());
const asRoot = testUnless(unavailable);
/** Raising limits and lowering scores takes CAP_SYS_RESOURCE (24), which not every root has. */
const asPrivileged = testUnless(anyReason(unavailable, lacksCapability("CAP_SYS_RESOURCE", 24)));

/** The five sets of capabilities(7), in the order of /proc/PID/status. */
const SETS = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] as const;

/** A set as /proc/PID/status writes it: bit n is capability n of linux/capability.h. */
const mask = (...numbers: readonly number[]): string =>
  numbers
    .reduce((bits, number) => bits | (1n << BigInt(number)), 0n)
    .toString(16)
    .padStart(16, "0");

const NONE = mask();

// Numbers of linux/capability.h, written out here so that a wrong table in src is found.
const [CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID, SETPCAP] = [0, 1, 3, 4, 5, 6, 7, 8];
const [NET_BIND_SERVICE, NET_ADMIN, NET_RAW, SYS_CHROOT, AUDIT_WRITE, SETFCAP] = [10, 12, 13, 18, 29, 31];
const [SYS_PTRACE, SYS_NICE, SYS_TIME] = [19, 23, 25];
const DEFAULT = [
  ...[CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID, SETPCAP],
  ...[NET_BIND_SERVICE, NET_RAW, SYS_CHROOT, AUDIT_WRITE, SETFCAP],
];

const showStatus = "cat /proc/self/status";

async function capabilitiesOf(...options: readonly string[]): Promise<(string | undefined)[]> {
  const text = await inShell(options, await sharedRoot(), showStatus);
  return SETS.map((set) => status(text, set));
}

asRoot("root has thirteen capabilities, none to inherit and none ambient", async () => {
  const all = mask(...DEFAULT);
  expect(all).toBe("00000000a00425fb");
  expect(await capabilitiesOf()).toEqual([NONE, all, all, all, NONE]);
});

asRoot("on the host's network root has no raw sockets", async () => {
  const all = mask(...DEFAULT.filter((number) => number !== NET_RAW));
  expect(await capabilitiesOf("--share", "net")).toEqual([NONE, all, all, all, NONE]);
});

asRoot("--cap-drop all leaves no capability in any set", async () => {
  expect(await capabilitiesOf("--cap-drop", "all")).toEqual([NONE, NONE, NONE, NONE, NONE]);
});

asRoot("--cap-drop takes one away, --cap-add grants one", async () => {
  const all = mask(...DEFAULT.filter((number) => number !== CHOWN), SYS_TIME, NET_ADMIN);
  const options = ["--cap-drop", "chown", "--cap-add", "CAP_SYS_TIME", "--cap-add", "net_admin"];
  expect(await capabilitiesOf(...options)).toEqual([NONE, all, all, all, NONE]);
});

asRoot("--cap-drop all with --cap-add leaves what was added", async () => {
  const one = mask(NET_BIND_SERVICE);
  expect(await capabilitiesOf("--cap-drop", "all", "--cap-add", "net_bind_service")).toEqual([
    NONE,
    one,
    one,
    one,
    NONE,
  ]);
});

asRoot("--cap-add all grants every capability that the caller has to give", async () => {
  const all = status(readFileSync("/proc/self/status", "utf8"), "CapBnd") ?? "";
  expect(await capabilitiesOf("--cap-add", "all")).toEqual([NONE, all, all, all, NONE]);
});

asRoot("a user that is not root can use nothing, and could gain no more than root has", async () => {
  expect(await capabilitiesOf("--user", "1000:1000")).toEqual([NONE, NONE, NONE, mask(...DEFAULT), NONE]);
});

asRoot("a user that is not root gets what is added, through the ambient set", async () => {
  const one = mask(NET_BIND_SERVICE);
  const options = ["--user", "1000", "--cap-drop", "all", "--cap-add", "net_bind_service"];
  expect(await capabilitiesOf(...options)).toEqual([one, one, one, one, one]);
});

asRoot("a bundle's five sets are what it says", async () => {
  const text = await inBundle(
    showStatus,
    withProcess({
      user: { uid: 1000, gid: 1000 },
      capabilities: {
        bounding: ["CAP_KILL", "CAP_CHOWN", "CAP_SYS_NICE", "CAP_SYS_PTRACE"],
        permitted: ["CAP_KILL", "CAP_CHOWN", "CAP_SYS_NICE"],
        effective: ["CAP_KILL"],
        inheritable: ["CAP_CHOWN", "CAP_SYS_NICE"],
        ambient: ["CAP_SYS_NICE"],
      },
    }),
  );
  // capabilities(7), "Transformation of capabilities during execve()": of one who is not root, permitted and
  // effective become the ambient set, and the other sets stay.
  expect(SETS.map((set) => status(text, set))).toEqual([
    mask(CHOWN, SYS_NICE),
    mask(SYS_NICE),
    mask(SYS_NICE),
    mask(KILL, CHOWN, SYS_NICE, SYS_PTRACE),
    mask(SYS_NICE),
  ]);
});

asRoot("a dropped capability is missed: chown fails without CAP_CHOWN", async () => {
  const root = await sharedRoot();
  const script = "touch /tmp/f; chown 5 /tmp/f 2>&1; stat -c %u /tmp/f; rm -f /tmp/f";
  expect(await inShell([], root, script)).toBe("5\n");
  expect(await inShell(["--cap-drop", "chown"], root, script)).toContain("Operation not permitted\n0\n");
});

asRoot("no privilege can be gained by an exec, and the default filter is loaded", async () => {
  const text = await inShell([], await sharedRoot(), showStatus);
  expect([status(text, "NoNewPrivs"), status(text, "Seccomp"), status(text, "Seccomp_filters")]).toEqual([
    "1",
    "2",
    "1",
  ]);
});

asRoot("--seccomp off loads no filter", async () => {
  const text = await inShell(["--seccomp", "off"], await sharedRoot(), showStatus);
  expect([status(text, "NoNewPrivs"), status(text, "Seccomp")]).toEqual(["1", "0"]);
});

asRoot("the default filter refuses what opens namespaces, which goes without it", async () => {
  const script = "unshare -U true && echo done; true";
  expect(await inShell(["--seccomp", "off"], await sharedRoot(), script)).toBe("done\n");
  expect(await inShell([], await sharedRoot(), script)).toBe("");
});

asRoot("a bundle without noNewPrivileges may gain privileges", async () => {
  const text = await inBundle(showStatus, withProcess({ noNewPrivileges: false }));
  expect([status(text, "NoNewPrivs"), status(text, "Seccomp")]).toEqual(["0", "0"]);
});

asRoot("the command is root without further groups, or the user that is asked for", async () => {
  const root = await sharedRoot();
  const ids = async (...options: readonly string[]) => {
    const text = await inShell(options, root, showStatus);
    return ["Uid", "Gid", "Groups"].map((field) => status(text, field));
  };
  expect(await ids()).toEqual(["0 0 0 0", "0 0 0 0", ""]);
  expect(await ids("--user", "1000")).toEqual(["1000 1000 1000 1000", "0 0 0 0", ""]);
  expect(await ids("--user", "1000:10")).toEqual(["1000 1000 1000 1000", "10 10 10 10", ""]);
});

asRoot("a bundle's user has its additional groups and its umask", async () => {
  const user = { uid: 7, gid: 8, additionalGids: [10, 4_000_000_000, 9], umask: 0o027 };
  const text = await inBundle(`${showStatus}; id -G`, withProcess({ user }));
  expect(["Uid", "Gid", "Groups", "Umask"].map((field) => status(text, field))).toEqual([
    "7 7 7 7",
    "8 8 8 8",
    "9 10 4000000000",
    "0027",
  ]);
  expect(text.endsWith("8 9 10 4000000000\n")).toBe(true);
});

asRoot("the umask is 0022, whatever the caller's is", async () => {
  const command = `umask 0077; exec "$0" in "$1" cat /proc/self/status`;
  const text = output(await run(["sh", "-c", command, HUTCH, await sharedRoot()]));
  expect(status(text, "Umask")).toBe("0022");
});

/** The soft and hard limit of a line of /proc/PID/limits. */
const limit = (text: string, name: string): string[] =>
  text
    .split("\n")
    .find((line) => line.startsWith(name))
    ?.slice(name.length)
    .trim()
    .split(/\s+/)
    .slice(0, 2) ?? [];

asRoot("--rlimit sets soft and hard limits", async () => {
  const options = ["nofile=100:200", "nproc=50", "core=0:unlimited", "as=1073741824"];
  const text = await inShell(
    options.flatMap((text) => ["--rlimit", text]),
    await sharedRoot(),
    "cat /proc/self/limits",
  );
  expect(limit(text, "Max open files")).toEqual(["100", "200"]);
  expect(limit(text, "Max processes")).toEqual(["50", "50"]);
  expect(limit(text, "Max core file size")).toEqual(["0", "unlimited"]);
  expect(limit(text, "Max address space")).toEqual(["1073741824", "1073741824"]);
});

asRoot("the limit of open files is the caller's, not the one Bun raises to", async () => {
  // Hutch asks its parent, so this shell stays.
  const command = `ulimit -Sn 77; ulimit -Hn 999; "$0" in "$1" cat /proc/self/limits; exit $?`;
  const text = output(await run(["sh", "-c", command, HUTCH, await sharedRoot()]));
  expect(limit(text, "Max open files")).toEqual(["77", "999"]);
});

asRoot("every other limit is the caller's", async () => {
  const command = `ulimit -c 1; ulimit -s 4096; exec "$0" in "$1" cat /proc/self/limits`;
  const text = output(await run(["sh", "-c", command, HUTCH, await sharedRoot()]));
  expect(limit(text, "Max core file size")[0]).toMatch(/^(512|1024)$/);
  expect(limit(text, "Max stack size")[0]).toBe(`${4096 * 1024}`);
});

asRoot("a bundle's limits are set, soft and hard", async () => {
  const rlimits = [
    { type: "RLIMIT_CPU", soft: 3600, hard: 3601 },
    { type: "RLIMIT_NOFILE", soft: 107, hard: 108 },
    { type: "RLIMIT_STACK", soft: 8_000_003, hard: 9_000_000 },
  ] satisfies NonNullable<Spec["process"]>["rlimits"];
  const text = await inBundle("cat /proc/self/limits", withProcess({ rlimits }));
  expect(limit(text, "Max cpu time")).toEqual(["3600", "3601"]);
  expect(limit(text, "Max open files")).toEqual(["107", "108"]);
  expect(limit(text, "Max stack size")).toEqual(["8000003", "9000000"]);
});

asPrivileged("a bundle's sixteen limits are all set", async () => {
  // Each has a value of its own, so that two that are exchanged are found.
  const expected = {
    RLIMIT_CPU: ["Max cpu time", 3600],
    RLIMIT_FSIZE: ["Max file size", 100_001],
    RLIMIT_DATA: ["Max data size", 100_000_002],
    RLIMIT_STACK: ["Max stack size", 8_000_003],
    RLIMIT_CORE: ["Max core file size", 4],
    RLIMIT_RSS: ["Max resident set", 100_005],
    RLIMIT_NPROC: ["Max processes", 1006],
    RLIMIT_NOFILE: ["Max open files", 107],
    RLIMIT_MEMLOCK: ["Max locked memory", 65_008],
    RLIMIT_AS: ["Max address space", 2_000_000_009],
    RLIMIT_LOCKS: ["Max file locks", 110],
    RLIMIT_SIGPENDING: ["Max pending signals", 111],
    RLIMIT_MSGQUEUE: ["Max msgqueue size", 112],
    RLIMIT_NICE: ["Max nice priority", 13],
    RLIMIT_RTPRIO: ["Max realtime priority", 14],
    RLIMIT_RTTIME: ["Max realtime timeout", 115],
  } satisfies Record<RlimitName, readonly [string, number]>;
  const names = Object.keys(expected).filter((name): name is RlimitName => Object.hasOwn(expected, name));
  expect(names).toHaveLength(16);
  const rlimits = names.map((type) => ({ type, soft: expected[type][1], hard: expected[type][1] + 1 }));
  const text = await inBundle("cat /proc/self/limits", withProcess({ rlimits }));
  const wanted = Object.values(expected);
  expect(wanted.map(([name]) => [name, ...limit(text, name)])).toEqual(
    wanted.map(([name, soft]) => [name, `${soft}`, `${soft + 1}`]),
  );
});

asRoot("the environment is the caller's, and says that this is a container", async () => {
  const env = { HUTCH_E2E: "a b=c\nd", HUTCH_EMPTY: "" };
  const text = await inShell([], await sharedRoot(), "cat /proc/$$/environ", { env });
  const inside = text.split("\0");
  expect(inside).toContain("HUTCH_E2E=a b=c\nd");
  expect(inside).toContain("HUTCH_EMPTY=");
  expect(inside).toContain("container=hutch");
});

asRoot("--env adds and replaces, --clear-env leaves PATH, container and what was set", async () => {
  const options = ["--clear-env", "--env", "A=1", "-e", "A=2", "--env=B=x=y"];
  const text = await inShell(options, await sharedRoot(), "exec env", { env: { HUTCH_E2E: "gone" } });
  const lines = text.split("\n").filter((line) => line !== "" && !/^(SHLVL|PWD|OLDPWD)=/.test(line));
  expect(lines.sort()).toEqual([
    "A=2",
    "B=x=y",
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "container=hutch",
  ]);
});

asRoot("--workdir is where the command starts, and is made when it is missing", async () => {
  const root = await rootfs();
  expect(await inShell([], root, "pwd")).toBe("/\n");
  expect(await inShell(["--workdir", "/usr"], root, "pwd -P")).toBe("/usr\n");
  expect(await inShell(["-w", "/var/deep/er"], root, "pwd; stat -c %u:%a .")).toBe("/var/deep/er\n0:755\n");
});

asRoot("a working directory that the user may not enter is refused", async () => {
  const root = await rootfs();
  mkdirSync(join(root, "private"), { mode: 0o700 });
  const options = ["--user", "1000:1000", "--workdir", "/private", root];
  const result = await hutch(["in", ...options, "pwd"]);
  expect([result.code, result.stdout]).toEqual([125, ""]);
  expect(result.stderr).toContain("/private: fchdir: EACCES (permission denied); hint: the user");
});

asPrivileged("oom_score_adj may be below the caller's", async () => {
  const text = await inBundle("cat /proc/self/oom_score_adj", withProcess({ oomScoreAdj: -7 }));
  expect(text).toBe("-7\n");
});

asRoot("oom_score_adj is what a bundle says, else the caller's", async () => {
  const script = "cat /proc/self/oom_score_adj";
  expect(await inBundle(script, withProcess({ oomScoreAdj: 321 }))).toBe("321\n");
  expect(await inBundle(script)).toBe(readFileSync("/proc/self/oom_score_adj", "utf8"));
});

/** The bit of each signal in the masks of /proc/PID/status. */
const [HUP, INT, USR1, USR2, PIPE, TERM, XFSZ] = [1, 2, 10, 12, 13, 15, 25];
const signals = (...numbers: readonly number[]): string => mask(...numbers.map((number) => number - 1));

asRoot(
  "no signal is ignored, blocked or handled inside, although Bun ignores SIGPIPE and SIGXFSZ",
  async () => {
    const text = output(await hutch(["in", await sharedRoot(), "cat", "/proc/self/status"]));
    expect(["SigBlk", "SigIgn", "SigCgt"].map((field) => status(text, field))).toEqual([NONE, NONE, NONE]);
  },
);

asRoot("what the caller ignores and blocks stays so, as nohup needs it, but for PIPE and XFSZ", async () => {
  const ignored = "trap '' HUP INT PIPE XFSZ USR1";
  const caller = output(await run(["sh", "-c", `${ignored}; cat /proc/self/status`]));
  expect(status(caller, "SigIgn")).toBe(signals(HUP, INT, PIPE, XFSZ, USR1));
  const command = `${ignored}; exec "$0" in "$1" cat /proc/self/status`;
  const text = output(await run(["sh", "-c", command, HUTCH, await sharedRoot()]));
  expect(["SigBlk", "SigIgn"].map((field) => status(text, field))).toEqual([NONE, signals(HUP, INT, USR1)]);
});

testUnless(anyReason(unavailable, lacksOption("env", "--block-signal")))(
  "the mask of blocked signals is the caller's, not the launcher's",
  async () => {
    const command = ["env", "--block-signal=TERM,USR2", HUTCH, "in", await sharedRoot(), "cat"];
    const text = output(await run([...command, "/proc/self/status"]));
    expect(status(text, "SigBlk")).toBe(signals(TERM, USR2));
  },
);

asRoot("a writer whose reader has gone dies of SIGPIPE, as outside", async () => {
  const script = "{ yes; echo $? > /tmp/code; } | head -n 1; cat /tmp/code; rm /tmp/code";
  expect(await inShell([], await sharedRoot(), script)).toBe(`y\n${128 + 13}\n`);
});

asRoot("descriptors that the caller left open are not visible inside", async () => {
  const root = await sharedRoot();
  const list = `for f in /proc/$$/fd/*; do readlink $f > /dev/null && echo \${f##*/}; done; true`;
  const command = `exec 3< / 4< /etc/passwd 9> /dev/null 57< /; exec "$0" "$@"`;
  const inside = (...more: readonly string[]) =>
    run(["bash", "-c", command, HUTCH, "in", ...more, root, "sh", "-c", list]);
  expect(output(await inside())).toBe("0\n1\n2\n");
  expect(output(await inside("--init"))).toBe("0\n1\n2\n");
});

asRoot("the launcher holds nothing of its caller's open either", async () => {
  const root = await sharedRoot();
  const list = "for f in /proc/$PPID/fd/*; do readlink $f; done | grep -c etc/passwd; true";
  const command = `exec 57< /etc/passwd; exec "$0" "$@"`;
  const inside = ["in", "--share", "pid", "--cap-add", "sys_ptrace", root, "sh", "-c", list];
  expect(output(await run(["bash", "-c", command, HUTCH, ...inside]))).toBe("0\n");
});

const code = async (...args: readonly string[]): Promise<number | null> => (await hutch(args)).code;

asRoot("the exit code is the command's own, and 128 + n when a signal ended it", async () => {
  const root = await sharedRoot();
  expect(await code("in", root, "true")).toBe(0);
  expect(await code("in", root, "sh", "-c", "exit 7")).toBe(7);
  expect(await code("in", root, "sh", "-c", "exit 255")).toBe(255);
  // A signal that a pid namespace's first process sends itself is ignored, unless it handles it.
  expect(await code("in", "--init", root, "sh", "-c", "kill -TERM $$")).toBe(128 + 15);
  expect(await code("in", "--init", root, "sh", "-c", "kill -KILL $$")).toBe(128 + 9);
});

asRoot("what is not found gives 127, what cannot be executed gives 126", async () => {
  const root = await rootfs();
  writeFileSync(join(root, "bin/plain"), "no program");
  writeFileSync(join(root, "bin/broken"), "neither ELF nor script", { mode: 0o755 });
  writeFileSync(join(root, "bin/orphan"), "#!/no/such/interpreter\n", { mode: 0o755 });
  chmodSync(join(root, "bin/plain"), 0o644);
  expect(await code("in", root, "nonesuch")).toBe(127);
  expect(await code("in", root, "/bin/nonesuch")).toBe(127);
  expect(await code("in", root, "/bin/orphan")).toBe(127);
  expect(await code("in", root, "plain")).toBe(126);
  expect(await code("in", root, "/bin/plain")).toBe(126);
  expect(await code("in", root, "/bin")).toBe(126);
  const broken = await hutch(["in", root, "/bin/broken"]);
  expect(broken.code).toBe(126);
  expect(broken.stderr).toContain("ENOEXEC (exec format error)");
  expect(broken.stderr).toContain("built for another architecture");
});

asRoot("what hutch itself refuses gives 125, and a message on standard error alone", async () => {
  const result = await hutch(["in", "/no/such/root", "true"]);
  expect([result.code, result.stdout]).toEqual([125, ""]);
  expect(result.stderr).toStartWith("hutch: WHERE /no/such/root: ENOENT");
  const late = await tryBundle("true", withProcess({ user: { uid: 0, gid: 0 }, oomScoreAdj: 5000 }));
  expect([late.code, late.stdout]).toEqual([125, ""]);
});

asRoot("a relative command is looked for in the container, and its PATH is the container's", async () => {
  const root = await rootfs();
  mkdirSync(join(root, "own"));
  writeFileSync(join(root, "own/tool"), '#!/bin/sh\necho "found $0 $# $*"\n', { mode: 0o755 });
  const found = await hutch(["in", "--env", "PATH=/nowhere:/own:/bin", root, "tool", "a b", ""]);
  expect(output(found)).toBe("found /own/tool 2 a b \n");
  const relative = await hutch(["in", "--workdir", "/own", "--env", "PATH=/bin", root, "./tool"]);
  expect(output(relative)).toBe("found ./tool 0 \n");
});
