/** Command lines that nobody should be left alone with: a message that helps, 125, and nothing left. */
import { beforeAll, describe, expect } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { hostBefore, leftBehind } from "../support/attack.ts";
import { hutch, lacksHutch } from "../support/hutch.ts";
import { lacksBusybox, rootfs } from "../support/rootfs.ts";
import { anyReason, lacksRoot, testUnless } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const ready = anyReason(lacksHutch(), lacksBusybox());
const anyone = testUnless(ready);
const rooted = testUnless(anyReason(ready, lacksRoot()));

let root = "";
let file = "";

beforeAll(async () => {
  if (ready !== undefined) return;
  root = await rootfs();
  file = join(temporaryDirectory("file"), "file");
  writeFileSync(file, "{}");
});

/** One line a case; R is a root directory, F a file. The message is what follows "hutch: ". */
type Row = readonly [line: string, message: string | RegExp];

const WORDS: readonly Row[] = [
  ["", /^expected a command\n\nhutch: a container runtime/],
  ["ni / true", /unknown command ni; hint: did you mean hutch in\?$/],
  ["rnu box", /unknown command rnu; hint: did you mean hutch run\?$/],
  ["explian / true", /unknown command explian; hint: did you mean hutch explain\?$/],
  ["sepc", /unknown command sepc; hint: did you mean hutch spec\?$/],
  ["toString", /unknown command toString; hint: see hutch --help$/],
  ["__proto__", /unknown command __proto__; hint: see hutch --help$/],
  ["rm -f box", "unknown command rm; hint: hutch delete ID"],
  ["ls", "unknown command ls; hint: hutch list"],
  ["inspect box", "unknown command inspect; hint: hutch state ID"],
  ["stop box", /unknown command stop; hint: hutch kill ID, and hutch delete ID/],
  ["run --rm box", /^run: unknown option --rm; hint: a container in the foreground goes by itself/],
  ["exec -it box sh", /^exec: unknown option -it; hint: standard input is always the command's; -t alone/],
  ["compile --arch arm64 R true -o x", /^compile: --arch arm64: expected .*; hint: --arch aarch64$/],
  ["--versoin", /unknown option --versoin/],
  ["in", "in: expected WHERE and a command; hint: hutch in / -- sh"],
  ["in R", /^in: expected a command after WHERE; hint: hutch in \S+ -- sh$/],
  ["in R --", /^in: expected a command after WHERE/],
  ["explain R", /^explain: expected a command after WHERE; hint: hutch explain \S+ -- sh$/],
  ["compile R true -o /tmp/no/", /^-o \/tmp\/no\/: EISDIR \(is a directory\); hint: name the file to write$/],
  ["compile R true -o /tmp", /^-o \/tmp: EISDIR \(is a directory\); hint: name the file to write$/],
  [
    "compile --rootfs-from-env A=B true -o x",
    /^compile: --rootfs-from-env A=B: expected the name of a variable/,
  ],
  [
    "compile --pack --rootfs-from-env R true -o x",
    /^compile: --pack: the root is in the file, or in --rootfs-from-env/,
  ],
  [
    "compile R true -o /no/such/x",
    "-o /no/such/x: ENOENT (no such file or directory); hint: mkdir -p /no/such",
  ],
  ["explain /bin/true", "explain /bin/true: no file that hutch compile has made"],
  [
    "in /no/such/place true",
    /^WHERE \/no\/such\/place: ENOENT \(no such file or directory\); hint: the first word/,
  ],
  ["in F true", /^WHERE \S+: ENOTDIR \(not a directory\); hint: the first word/],
  ["in true", /^(WHERE true: ENOENT|in: expected a command after WHERE)/],
  ["in --memory /tmp true", /^WHERE true: ENOENT .*hint: \/tmp was taken as the value of --memory; WHERE/],
  ["in --memory /tmp", /^in: expected WHERE and a command; hint: \/tmp was taken as the value of --memory/],
  ["in --overlay R / -- true", /^in: \/ is a directory, expected a command after WHERE .*--overlay=\S+ \/$/],
  ["in --overlay R R true", /^in: \S+ is a directory, expected a command after WHERE .*--overlay=\S+ \S+$/],
  ["in --memroy 5m R true", "in: unknown option --memroy; hint: did you mean --memory?"],
  ["in --raed-only R true", "in: unknown option --raed-only; hint: did you mean --read-only?"],
  ["in --hostnam x R true", "in: unknown option --hostnam; hint: did you mean --hostname?"],
  ["in --capadd x R true", "in: unknown option --capadd; hint: did you mean --cap-add?"],
  ["in --toString R true", /^in: unknown option --toString; hint: see hutch in --help$/],
  ["in -Q R true", "in: unknown option -Q; hint: see hutch in --help"],
  ["in --tty=yes R true", /^in: --tty takes no value, received --tty=yes/],
  ["in --memory", "in: --memory needs a value: SIZE; hint: see hutch in --help"],
  ["in --bind", /^in: --bind needs a value: SRC:DEST\[:ro\]/],
  ["run", "run: expected the container's ID; hint: see hutch run --help"],
  [
    "run a b",
    /^run: expected one ID, received a b; hint: the command stands in config\.json; without a bundle/,
  ],
  ["run ./box", "container id ./box: expected a name, received a path; hint: hutch run --bundle ./box NAME"],
  ["run a/b", /^container id a\/b: expected at most 240 letters, digits and _ \+ - \./],
  ["run ..", "container id ..: expected a name, received a path; hint: hutch run --bundle .. NAME"],
  ["run --bundel B a", "run: unknown option --bundel; hint: did you mean --bundle?"],
  ["run --bundle /no/such/place a", /^bundle \/no\/such\/place: ENOENT .*hint: a bundle is a directory$/],
  ["run --bundle F a", /^bundle \S+: ENOTDIR .*hint: a bundle is a directory$/],
  ["run --bundle R a", /^read \S+\/config\.json: ENOENT .*hint: hutch spec writes a default one$/],
  ["run --preserve-fds x a", /^(--preserve-fds x: expected a whole number|read )/],
  ["spec --bundle /no/such/place", /^open \/no\/such\/place\/config\.json .*ENOENT/],
  ["spec --fore", "spec: unknown option --fore; hint: did you mean --force?"],
  ["explain", /expected WHERE and a command/],
  [
    "explain --output /no/such/place/x R true",
    /^--output \/no\/such\/place\/x: ENOENT .*; hint: mkdir -p \/no\/such\/place$/,
  ],
  ["explain --output /dev/full R true", "--output /dev/full: ENOSPC (no space left on device)"],
];

const VALUES: readonly Row[] = [
  ["--memory x", "--memory x: expected a size such as 64m or 1.5g"],
  ["--memory 0", "--memory 0: expected at least 1m, such as 64m"],
  ["--memory -5", /^--memory -5: expected a size/],
  ["--memory 5x", /^--memory 5x: expected a size/],
  ["--cpus 0", /^--cpus 0: expected a number of processors of at least 0\.01/],
  ["--cpus one", /^--cpus one: expected a number of processors/],
  ["--cpus 1e3", /^--cpus 1e3: expected a number of processors/],
  ["--cpuset 0-", "--cpuset 0-: expected numbers of processors such as 0-3,8"],
  ["--pids 0", "--pids 0: expected a whole number of at least 1"],
  ["--pids -1", "--pids -1: expected a whole number of at least 1"],
  ["--pids 1.5", /^--pids 1\.5: expected a whole number/],
  ["--timeout 0", /^--timeout 0: expected a time such as/],
  ["--timeout 5x", /^--timeout 5x: expected a time such as/],
  ["--user root", /^--user root: expected numbers .* names are not looked up$/],
  ["--user 1:2:3", "--user 1:2:3: expected UID[:GID]"],
  ["--user 4294967295", /^--user 4294967295: expected numbers from 0 to 4294967294/],
  ["--user -1", /^--user -1: expected numbers/],
  ["--uid-map 0:1", /^--uid-map 0:1: expected CONTAINER:HOST:COUNT/],
  ["--uid-map 0:x:1", /^--uid-map 0:x:1: expected numbers/],
  ["--uid-map 0:100000:0", /linux\.uidMappings\[0\]\.size: expected at least 1, received 0/],
  ["--uid-map 0:100000:10 --uid-map 5:200000:10", /linux\.uidMappings\[1\].*overlap/],
  ["--cap-add SYS_ADMN", "--cap-add SYS_ADMN: expected CAP_SYS_ADMIN?"],
  [
    "--cap-add KILL,CHOWN",
    /expected a capability such as NET_ADMIN, or all; for several the option is repeated$/,
  ],
  ["--cap-drop FOO_BAR_BAZ", /^--cap-drop FOO_BAR_BAZ: expected a capability such as/],
  ["--share nett", "--share nett: expected net?"],
  ["--share mnt", /^in: --share mnt: the root of a container is its own/],
  ["--share qqqqqq", "--share qqqqqq: expected one of user, cgroup, ipc, uts, net, pid"],
  ["--join net", /^--join net: expected NAMESPACE=PATH such as net=\/run\/netns\/blue$/],
  ["--join net=blue", "--join net=blue: expected an absolute path such as net=/run/netns/blue"],
  ["--join pid=1", "--join pid=1: expected an absolute path such as pid=/proc/1/ns/pid"],
  ["--join net=/run/netns/hutch-none", /openat: ENOENT .*hint: ip netns add hutch-none makes it$/],
  ["--join nte=/x", /^--join nte(=\/x)?: expected net\?$/],
  ["--join net=/no/such", /^join the network namespace \/no\/such: openat: ENOENT/],
  ["--join net=F", /^join the network namespace \S+: setns: EINVAL .*not a namespace of this type/],
  ["--rlimit nofil=3", /^--rlimit nofil=3: expected NAME=SOFT\[:HARD\] with a name of .*nofile/],
  ["--rlimit nofile", /^--rlimit nofile: expected NAME=SOFT/],
  ["--rlimit nofile=x", /^--rlimit nofile=x: expected whole numbers, or unlimited/],
  ["--rlimit nofile=5:3", "--rlimit nofile=5:3: expected a SOFT of at most HARD"],
  ["--rlimit nofile=5 --rlimit nofile=6", /process\.rlimits\[1\]\.type: expected every type once/],
  ["--bind x", /^--bind x: expected SOURCE:DESTINATION\[:ro\] with an absolute destination/],
  ["--bind :/x", /^--bind :\/x: expected SOURCE:DESTINATION/],
  [
    "--bind /etc/hutch-nothing/such:/x",
    /^--bind \S+: source \/etc\/hutch-nothing\/such: ENOENT .*hint: a bind needs a source: a file/,
  ],
  ["--bind /etc/paswd:/x", /^--bind \/etc\/paswd:\/x: .*ENOENT .*hint: did you mean \/etc\/passwd\?$/],
  ["--bind ~/src:/x", /^--bind ~\/src:\/x: .*ENOENT .*hint: the shell replaces no ~ here: \$HOME\/src$/],
  ["--bind /etc:/x:roo", '--bind /etc:/x:roo: expected an option of bind mounts, received "roo"'],
  ["--bind /etc:/x:Z", /received "Z"; hint: the labels of SELinux are those of bundles$/],
  ["--bind /etc:/x,readonly", /^--bind \/etc:\/x,readonly: expected SOURCE:DESTINATION\[:ro\]/],
  ["--bind /etc:/../x", /destination: expected a path without \.\. components/],
  ["--bind F:/etc", /^bind \S+ on \/etc .*(EINVAL|ENOTDIR)/],
  ["--tmpfs x", /^--tmpfs x: expected DESTINATION\[:options\] with an absolute path/],
  ["--tmpfs /x:64m", "--tmpfs /x:64m: expected options such as size=64m"],
  ["--tmpfs /x:size=foo", /^mount tmpfs on \/x .*option size=foo: fsconfig: EINVAL .*hint: /],
  ["--tmpfs /x:nonsense", /^mount tmpfs on \/x .*option nonsense: fsconfig: EINVAL .*hint: /],
  [`--tmpfs /x:mode=${"0".repeat(300)}`, /^mount tmpfs on \/x.*at most 255 bytes/],
  ["--seccomp /no/such", /\/no\/such.*ENOENT/],
  ["--seccomp unconfined", /ENOENT .*hint: --seccomp off$/],
  ["--seccomp F", /defaultAction: expected .*received nothing/],
  ["--seccomp /etc/passwd", /^\/etc\/passwd: line 1, column 1: expected a value, received "root"/],
  ["--sysctl x", "--sysctl x: expected NAME=VALUE"],
  ["--sysctl kernel.panic=1", /expected a parameter of a namespace, not of the whole host/],
  ["--sysctl net/../../kernel/panic=1", /expected the name of a kernel parameter/],
  ["--share net --sysctl net.ipv4.ip_forward=1", /expected a network namespace/],
  [
    "--sysctl net.ipv4.no_such=1",
    /^set net\.ipv4\.no_such to 1: openat: ENOENT .*hint: the kernel has no such/,
  ],
  ["--sysctl net.ipv4.ip_forward=abc", /^set net\.ipv4\.ip_forward to abc: write: EINVAL .*hint: the value/],
  ["--env x", "--env x: expected NAME=VALUE"],
  ["--env =x", "--env =x: expected NAME=VALUE"],
  ["--workdir x", "--workdir x: expected an absolute path in the container, such as /x"],
  ["--workdir ./x/", "--workdir ./x/: expected an absolute path in the container, such as /x"],
  ["--workdir /etc/passwd", /^enter the working directory \/etc\/passwd: fchdir: ENOTDIR/],
  [`--workdir /${"a".repeat(300)}`, /^create the working directory .*ENAMETOOLONG \(file name too long\)$/],
  [`--workdir ${"/a".repeat(2500)}`, /ENAMETOOLONG \(file name too long\)/],
  [`--bind /etc:/${"a".repeat(256)}`, /^bind \/etc on .*ENAMETOOLONG/],
  [`--hostname ${"h".repeat(65)}`, /hostname: expected at most 64 bytes/],
  ["--overlay=/no/such", /^--overlay=\/no\/such: ENOENT .*hint: mkdir -p \/no\/such$/],
  ["--overlay=F", /^--overlay=\S+: ENOTDIR/],
  ["--overlay=R", /^--overlay=\S+: the layer cannot be the root itself; hint: mkdir layer/],
];

async function expectRefusal(line: string, message: Row[1]): Promise<void> {
  const args = line.split(" ").filter((word) => word !== "");
  const words = args.map((word) =>
    word === "R"
      ? root
      : word === "F"
        ? file
        : word
            .replace(/^--overlay=F$|=F$|^F:/, (found) => found.replace("F", file))
            .replace(/=R$/, `=${root}`),
  );
  const before = hostBefore();
  const { code, stdout, stderr } = await hutch(words);
  expect(stderr).toStartWith("hutch: ");
  const text = stderr.slice("hutch: ".length).trimEnd();
  if (typeof message === "string") expect(text).toBe(message);
  else expect(text).toMatch(message);
  expect(stderr).not.toMatch(/\n {4}at |\.ts:\d|defect of hutch|undefined|\[object/);
  expect({ code, stdout }).toEqual({ code: 125, stdout: "" });
  expect(await leftBehind(before)).toEqual([]);
}

const short = (line: string): string => (line.length > 60 ? `${line.slice(0, 60)}…` : line);

describe("a wrong word", () => {
  for (const [line, message] of WORDS) {
    anyone(`hutch ${short(line)}: is refused with a hint`, () => expectRefusal(line, message));
  }
});

describe("a wrong value", () => {
  for (const [line, message] of VALUES) {
    rooted(`hutch in ${short(line)} R true: is refused by name`, () =>
      expectRefusal(`in ${line} R true`, message),
    );
  }
});

describe("words that are not what they seem", () => {
  anyone("an empty WHERE is refused", async () => {
    const { code, stderr } = await hutch(["in", "", "true"]);
    expect(code).toBe(125);
    expect(stderr).toMatch(/^hutch: .*ENOENT/);
  });

  anyone("an empty command is refused", async () => {
    const { code, stderr } = await hutch(["in", root, ""]);
    expect(code).toBe(125);
    expect(stderr).toBe('hutch: in: process.args[0]: expected the name of a program, received ""\n');
  });

  anyone("a name too long for the kernel is told with its errno", async () => {
    const { code, stderr } = await hutch(["in", `/${"a".repeat(5000)}`, "true"]);
    expect(code).toBe(125);
    expect(stderr).toEndWith(": ENAMETOOLONG (file name too long)\n");
  });

  anyone("options after WHERE belong to the command", async () => {
    const result = await hutch(["in", root, "echo", "--memory", "--help", "--"]);
    expect(result).toMatchObject({ code: 0, stdout: "--memory --help --\n", stderr: "" });
  });

  anyone("an environment variable may hold a newline, and stays one variable", async () => {
    const script = 'printf "%s|" "$VAR"; printenv OTHER';
    const { stdout } = await hutch(["in", root, "sh", "-c", script], { env: { VAR: "one\nOTHER=two" } });
    expect(stdout).toBe("one\nOTHER=two|");
  });

  anyone("a command that is not there is 127, one that may not be executed 126", async () => {
    expect(await hutch(["in", root, "no-such-command"])).toMatchObject({ code: 127 });
    expect(await hutch(["in", root, "/no/such/command"])).toMatchObject({ code: 127 });
    expect(await hutch(["in", root, "/etc/passwd"])).toMatchObject({ code: 126 });
    expect(await hutch(["in", root, "/etc"])).toMatchObject({ code: 126 });
  });
});
