/**
 * Random containers: what the kernel shows in a compiled file's is what it shows in that of `hutch in`, or of
 * `hutch run` for a bundle. The name of a test is its seed; HUTCH_SEED=100 begins at another one.
 */
import { beforeAll, expect } from "bun:test";
import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { defaultSpec } from "../../src/spec/default.ts";
import { HOOK_NAMES } from "../../src/spec/hooks.ts";
import type { Process, Spec } from "../../src/spec/spec.ts";
import { randomNumbers } from "../emit/random-plan.ts";
import { hutch, lacksHutch, run } from "../support/hutch.ts";
import { lacksBusybox, rootfs } from "../support/rootfs.ts";
import { anyReason, lacksCgroup, lacksRoot, testUnless } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { ordinaryUser } from "../support/user.ts";

const LACKS_LIMITS =
  lacksCgroup(1) === undefined || lacksCgroup(2) === undefined ? undefined : "needs cgroups";
const REASON = anyReason(lacksHutch(), lacksBusybox(), lacksRoot());

/** Options, each alone or with its choices; a bind's source is a directory of the test. */
const CHOICES = (shown: string): readonly (readonly (readonly string[])[])[] => [
  [["--read-only"], ["--overlay"]],
  [["--init"]],
  [
    ["--tmpfs", "/var:size=1m,mode=700"],
    ["--tmpfs", "/srv/new"],
  ],
  [
    ["--bind", `${shown}:/mnt`],
    ["--bind", `${shown}:/a/b/c:ro`],
    ["--bind", `${shown}/file:/etc/file:ro`],
  ],
  [
    ["--workdir", "/tmp"],
    ["-w", "/made/here"],
  ],
  [["--hostname", "box"]],
  [
    ["--share", "net"],
    ["--share", "ipc,uts"],
    ["--share", "pid"],
  ],
  [
    ["--user", "1000:1000"],
    ["--user", "5"],
  ],
  [
    ["--cap-drop", "all"],
    ["--cap-drop", "NET_RAW", "--cap-drop", "CHOWN"],
  ],
  [["--seccomp", "off"]],
  [["--env", "A=1", "--env", "B=x y"], ["--clear-env"]],
  [
    ["--rlimit", "nofile=100:200"],
    ["--rlimit", "core=0"],
  ],
  [["--sysctl", "net.ipv4.ip_forward=1"]],
  [["--cap-add", "NET_ADMIN,SYS_TIME"]],
  [["--timeout", "50"]],
  LACKS_LIMITS === undefined
    ? [
        ["--pids", "16"],
        ["--memory", "64m", "--cpus", "0.9"],
      ]
    : [],
  [["--uid-map", "0:100000:2000", "--gid-map", "0:100000:2000"]],
];

/** What a process can see of its container; what differs from start to start is left out. */
const PROBE = `id; pwd; hostname; umask; ulimit -a; env | sort
  grep -E '^(Cap|NoNewPrivs|Seccomp|Uid|Gid|Groups)' /proc/self/status
  cat /proc/self/uid_map /proc/self/oom_score_adj /proc/sys/kernel/hostname
  cut -d' ' -f4- /proc/self/mountinfo | grep -v ' - cgroup' |
    sed 's/master:[0-9]*//; s/:[^:]*upperdir=[^ ,]*//; s|^\\(/\\.\\.\\)* |.. |'
  cut -d' ' -f4- /proc/self/mountinfo | grep ' - cgroup' |
    sed 's|^/[^ ]*hutch-[^/ ]* |/NAME |; s/master:[0-9]*//; s|^\\(/\\.\\.\\)* |.. |' | sort
  find /sys/fs/cgroup -maxdepth 2 -type f 2>&1 | grep -Ev '/(hugetlb|rdma|misc|dmem)[.]' | sort
  ls -lnR /dev | grep -v '^total' | sed 's/[A-Z][a-z][a-z] *[0-9]* [0-9:]*//'
  ls /sys /proc/irq /mnt /a/b/c /made 2>&1; touch /probe 2>&1; touch /proc/sys/x 2>&1
  cat /proc/kcore 2>&1 | wc -c; cat /proc/sys/net/ipv4/ip_forward
  sed 's|:/.*hutch-[^/]*|:/NAME|' /proc/self/cgroup
  cat /proc/self/timens_offsets /proc/self/personality 2>&1
  (for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do sleep 1 >/dev/null 2>&1 & done
   echo forked) 2>&1 | sed 's/.*: //'`;

let root = "";
let shown = "";
beforeAll(async () => {
  if (REASON !== undefined) return;
  root = await rootfs();
  // Places for mounts, since not everybody may make them.
  for (const path of ["mnt", "a/b/c", "srv/new", "made/here"])
    mkdirSync(join(root, path), { recursive: true });
  await Bun.write(join(root, "etc/file"), "");
  shown = temporaryDirectory("shown");
  await Bun.write(join(shown, "file"), "shown\n");
  for (const path of [root, shown]) chmodSync(path, 0o755);
});

const FOR_ROOT = ["--user", "--uid-map", "--sysctl", "--pids", "--memory", "--cap-add"];

function optionsOf(seed: number, isUser: boolean): string[] {
  const random = randomNumbers(seed);
  return CHOICES(shown).flatMap((choices) => {
    const choice = choices[random(choices.length)] ?? [];
    // An ordinary user maps one id, and may not share what its network owns.
    const forbidden = isUser && FOR_ROOT.includes(choice[0] ?? "");
    return random(3) === 0 && !forbidden ? choice : [];
  });
}

const ENVIRONMENT = [
  "/usr/bin/env",
  "-i",
  "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  "X=1",
];

const FIRST = Number(process.env["HUTCH_SEED"] ?? 1);

for (let seed = FIRST; seed < FIRST + 16; seed++) {
  const isUser = seed % 4 === 0;
  testUnless(REASON)(
    `seed ${seed}${isUser ? ", an ordinary user" : ""}: a file does what hutch in does`,
    async () => {
      const options = optionsOf(seed, isUser);
      const words = [...options, root, "sh", "-c", PROBE];
      const user = isUser ? ordinaryUser() : {};
      const place = temporaryDirectory("fuzz");
      chmodSync(place, 0o755);
      const file = join(place, "box");
      const made = await hutch(["compile", "-o", file, ...words]);
      const direct = await hutch(["in", ...words], { ...user, env: plain() });
      if (made.code !== 0) {
        // What one refuses the other does not start.
        expect({ options, code: direct.code }).toEqual({ options, code: 125 });
        return;
      }
      const ran = await run([...ENVIRONMENT, file], user);
      const output = ({ stdout }: { readonly stdout: string }): string[] =>
        stdout.split("\n").filter((line) => !line.startsWith("HUTCH_CACHE="));
      // Else nothing has been compared.
      expect({ options, errors: direct.stderr, lines: output(direct).length > 40 }).toEqual({
        options,
        errors: "",
        lines: true,
      });
      expect({ options, code: ran.code, lines: output(ran) }).toEqual({
        options,
        code: direct.code,
        lines: output(direct),
      });
    },
    60_000,
  );
}

/** Parts of a config.json that a random one has or has not, put into the one of `hutch spec`. */
const PARTS: readonly ((spec: Spec, random: (limit: number) => number) => Spec)[] = [
  (spec) => ({ ...spec, hostname: "box", domainname: "example" }),
  (spec) => ({ ...spec, root: { path: spec.root?.path ?? "", readonly: !spec.root?.readonly } }),
  (spec) => withProcess(spec, { cwd: "/tmp" }),
  (spec) => withProcess(spec, { oomScoreAdj: 300 }),
  (spec) => withProcess(spec, { user: { uid: 7, gid: 8, additionalGids: [9, 10], umask: 0o27 } }),
  (spec) => withProcess(spec, { rlimits: [{ type: "RLIMIT_NOFILE", soft: 90, hard: 100 }] }),
  (spec) => withProcess(spec, { noNewPrivileges: !spec.process?.noNewPrivileges }),
  (spec) => withProcess(spec, { env: ["PATH=/bin", "ONE=1", "TWO=x y"] }),
  (spec) => withProcess(spec, { capabilities: {} }),
  (spec) => withLinux(spec, { maskedPaths: ["/proc/kcore", "/sys"], readonlyPaths: ["/etc"] }),
  (spec) => withLinux(spec, { sysctl: { "kernel.shmmax": "4096" } }),
  (spec) => withLinux(spec, { rootfsPropagation: "slave" }),
  (spec) => withLinux(spec, { personality: { domain: "LINUX32" } }),
  (spec) =>
    withLinux(spec, {
      devices: [{ type: "c", path: "/dev/one", major: 1, minor: 7, fileMode: 0o640, uid: 3 }],
    }),
  (spec, random) => {
    // What else there is takes the others: names and kernel parameters.
    const kinds = (spec.linux?.namespaces ?? []).filter(
      ({ type }) => !["network", "pid", "cgroup"].includes(type) || random(2) > 0,
    );
    return withLinux(spec, { namespaces: kinds });
  },
  (spec) => ({
    ...spec,
    mounts: [
      ...(spec.mounts ?? []),
      { destination: "/mnt", type: "none", source: shown, options: ["rbind", "ro", "nosuid"] },
      { destination: "/a/b", type: "tmpfs", source: "tmpfs", options: ["size=64k", "mode=711", "noexec"] },
      { destination: "/etc/file", source: join(shown, "file"), options: ["bind", "noatime"] },
    ],
  }),
  (spec, random) => ({ ...spec, hooks: hooksOf(random) }),
];

/** What those inside tell; the others of a file write to its own output, and so do not. */
const HOOK = (name: string): string =>
  /Container$/.test(name)
    ? `echo ${name} $(sed 's/.*"status":"\\([a-z]*\\)".*/\\1/') $(pwd) $(id -u); env | grep -v ^SHLVL= | sort`
    : "cat >/dev/null";

const hooksOf = (random: (limit: number) => number): NonNullable<Spec["hooks"]> =>
  Object.fromEntries(
    HOOK_NAMES.filter(() => random(2) > 0).map((name) => [
      name,
      Array.from({ length: 1 + random(2) }, () => ({
        path: "/bin/sh",
        args: ["sh", "-c", HOOK(name)],
        env: ["PATH=/bin:/usr/bin", `A=${random(9)}`],
        ...(random(2) > 0 ? { timeout: 20 } : {}),
      })),
    ]),
  );

const withProcess = (spec: Spec, part: Partial<Process>): Spec => ({
  ...spec,
  process: { cwd: "/", ...spec.process, ...part },
});
const withLinux = (spec: Spec, part: Spec["linux"]): Spec => ({ ...spec, linux: { ...spec.linux, ...part } });

function specOf(seed: number): Spec {
  const random = randomNumbers(seed);
  const spec = withProcess(
    { ...defaultSpec(), root: { path: root, readonly: true } },
    {
      terminal: false,
      args: ["sh", "-c", PROBE],
    },
  );
  return PARTS.reduce((made, part) => (random(3) === 0 ? part(made, random) : made), spec);
}

for (let seed = FIRST; seed < FIRST + 12; seed++) {
  testUnless(anyReason(REASON, LACKS_LIMITS))(
    `seed ${seed} of a bundle: a file does what hutch run does`,
    async () => {
      const bundle = temporaryDirectory("fuzz");
      const spec = specOf(seed);
      await Bun.write(join(bundle, "config.json"), JSON.stringify(spec));
      const file = join(bundle, "box");
      const made = await hutch(["compile", "--bundle", bundle, "-o", file]);
      const id = `hutch-fuzz-${process.pid}-${seed}`;
      const state = ["--root", join(bundle, "state")];
      const direct = await hutch([...state, "run", "--bundle", bundle, id], { env: plain() });
      expect({ spec, error: made.code === 0 ? "" : made.stderr }).toEqual({ spec, error: "" });
      const ran = await run([...ENVIRONMENT, file]);
      const lines = (text: string): string[] => text.replaceAll(id, "NAME").split("\n");
      expect({ spec, errors: direct.stderr, isLong: lines(direct.stdout).length > 40 }).toEqual({
        spec,
        errors: "",
        isLong: true,
      });
      expect({ spec, code: ran.code, errors: ran.stderr, lines: lines(ran.stdout) }).toEqual({
        spec,
        code: direct.code,
        errors: "",
        lines: lines(direct.stdout),
      });
    },
    60_000,
  );
}

/** The same environment for hutch, which is to keep no programs. */
function plain(): Record<string, string | undefined> {
  const nothing = Object.keys(process.env).map((name) => [name, undefined] as const);
  return {
    ...Object.fromEntries(nothing),
    PATH: ENVIRONMENT[2]?.slice("PATH=".length),
    X: "1",
    HUTCH_CACHE: "off",
  };
}
