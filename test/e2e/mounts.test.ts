/** The mounts of a bundle, as /proc/self/mountinfo and the files themselves show them inside. */
import { expect } from "bun:test";
import { existsSync, lstatSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Mount, Spec } from "../../src/spec/spec.ts";
import { HUTCH, hutch, lacksHutch, run } from "../support/hutch.ts";
import { lacksBusybox, rootfs } from "../support/rootfs.ts";
import { anyReason, lacksProgram, lacksRoot, testUnless } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import {
  bundle,
  type Change,
  freshId,
  inBundle,
  inShell,
  mountOn,
  output,
  parseMountinfo,
  sharedRoot,
  tryBundle,
  withLinux,
  withMounts,
} from "./support-inside.ts";

const unavailable = anyReason(lacksRoot(), lacksBusybox(), lacksHutch());
const asRoot = testUnless(unavailable);
const withUnshare = testUnless(anyReason(unavailable, lacksProgram("unshare"), lacksProgram("mount")));

type Propagation = NonNullable<NonNullable<Spec["linux"]>["rootfsPropagation"]>;

const withPropagation = (word: Propagation | undefined): Change =>
  withLinux(word === undefined ? {} : { rootfsPropagation: word });

const SHOW = "cat /proc/self/mountinfo";

const bind = (source: string, destination: string, ...options: string[]): Mount => ({
  type: "bind",
  source,
  destination,
  options,
});

const tmpfs = (destination: string, ...options: string[]): Mount => ({
  type: "tmpfs",
  source: "tmpfs",
  destination,
  options,
});

/** A directory of the host with a file in it, and a directory to be mounted on. */
function source(): string {
  const directory = temporaryDirectory("source");
  writeFileSync(join(directory, "file"), "of the host\n");
  mkdirSync(join(directory, "sub"));
  return directory;
}

/**
 * Runs a bundle in a mount namespace of the test's own, where `setup` may mount things; nothing of it reaches the
 * host.
 */
async function inPrivateMounts(setup: string, script: string, change: Change): Promise<string> {
  const { directory } = await bundle(script, change, await sharedRoot());
  const command = ["run", "--bundle", directory, freshId()];
  const shell = ["sh", "-ec", `${setup}\n"$@"`, "sh", HUTCH, ...command];
  return output(await run(["unshare", "--mount", "--propagation", "private", ...shell]));
}

/** Option words of a bind mount, and what mountinfo shows of them; a leading "!" means that it does not. */
const WORDS: readonly (readonly [words: readonly string[], shown: readonly string[]])[] = [
  [["bind"], ["rw", "!nosuid", "!nodev", "!noexec"]],
  [["bind", "ro"], ["ro"]],
  [
    ["bind", "nosuid"],
    ["nosuid", "rw"],
  ],
  [["bind", "nodev"], ["nodev"]],
  [["bind", "noexec"], ["noexec"]],
  [
    ["bind", "noatime"],
    ["noatime", "!relatime"],
  ],
  [["bind", "relatime"], ["relatime"]],
  [
    ["bind", "strictatime"],
    ["!relatime", "!noatime"],
  ],
  [["bind", "nodiratime"], ["nodiratime"]],
  [["bind", "nosymfollow"], ["nosymfollow"]],
  [
    ["rbind", "nosuid", "nodev", "noexec", "ro"],
    ["ro", "nosuid", "nodev", "noexec"],
  ],
  [["bind", "ro", "rw"], ["rw"]],
  [["bind", "rw", "ro"], ["ro"]],
  [
    ["bind", "nosuid", "suid", "noexec", "exec", "nodev", "dev"],
    ["!nosuid", "!noexec", "!nodev"],
  ],
  [["rbind", "rro"], ["ro"]],
  [
    ["rbind", "rnosuid", "rnodev", "rnoexec", "rnoatime"],
    ["nosuid", "nodev", "noexec", "noatime"],
  ],
];

asRoot("every option word of a bind mount is seen in mountinfo", async () => {
  const mounts = WORDS.map(([words], index) => bind(source(), `/mnt/${index}`, ...words));
  const text = await inBundle(SHOW, withMounts(...mounts));
  for (const [index, [words, shown]] of WORDS.entries()) {
    const { options } = mountOn(text, `/mnt/${index}`);
    const seen = shown.filter((word) => options.includes(word.replace("!", "")) !== word.startsWith("!"));
    expect([words, seen]).toEqual([words, [...shown]]);
  }
});

asRoot("a bind mount shows the host's directory and takes writes", async () => {
  const directory = source();
  const text = await inBundle(
    "cat /mnt/file; echo new > /mnt/new",
    withMounts(bind(directory, "/mnt", "bind")),
  );
  expect(text).toBe("of the host\n");
  expect(readFileSync(join(directory, "new"), "utf8")).toBe("new\n");
});

asRoot("ro refuses writes with EROFS and noexec refuses execution", async () => {
  const directory = source();
  writeFileSync(join(directory, "tool"), "#!/bin/sh\necho ran\n", { mode: 0o755 });
  const script = "touch /ro/x; /ro/tool; /noexec/tool; echo $?";
  const mounts = withMounts(
    bind(directory, "/ro", "bind", "ro"),
    bind(directory, "/noexec", "bind", "noexec"),
  );
  const result = await tryBundle(script, mounts);
  expect(result.stdout).toBe("ran\n126\n");
  expect(result.stderr).toContain("/ro/x: Read-only file system");
  expect(result.stderr).toContain("/noexec/tool: Permission denied");
});

withUnshare("bind shows one mount, rbind all below it", async () => {
  const directory = source();
  const text = await inPrivateMounts(
    `mount -t tmpfs below ${directory}/sub; touch ${directory}/sub/inner`,
    "ls -A /one/sub /all/sub",
    withMounts(bind(directory, "/one", "bind"), bind(directory, "/all", "rbind")),
  );
  expect(text).toBe("/all/sub:\ninner\n\n/one/sub:\n");
});

withUnshare("ro and the like are of the mount alone, rro and the like of every mount below it", async () => {
  const directory = source();
  const text = await inPrivateMounts(
    `mount -t tmpfs -o suid,dev,exec below ${directory}/sub`,
    SHOW,
    withMounts(
      bind(directory, "/plain", "rbind", "ro", "nosuid", "nodev", "noexec", "noatime"),
      bind(directory, "/deep", "rbind", "rro", "rnosuid", "rnodev", "rnoexec", "rnoatime"),
      bind(directory, "/back", "rbind", "rro", "rw"),
    ),
  );
  const all = ["ro", "nosuid", "nodev", "noexec", "noatime"];
  const seen = (point: string) => all.filter((word) => mountOn(text, point).options.includes(word));
  expect([seen("/plain"), seen("/plain/sub")]).toEqual([all, []]);
  expect([seen("/deep"), seen("/deep/sub")]).toEqual([all, all]);
  expect(mountOn(text, "/back/sub").options).toContain("ro");
});

withUnshare("rrw takes a read-only mark off the mounts below", async () => {
  const directory = source();
  const text = await inPrivateMounts(
    `mount -t tmpfs -o ro below ${directory}/sub`,
    SHOW,
    withMounts(bind(directory, "/kept", "rbind"), bind(directory, "/off", "rbind", "rrw")),
  );
  expect(mountOn(text, "/kept/sub").options).toContain("ro");
  expect(mountOn(text, "/off/sub").options).toContain("rw");
});

/** What mountinfo's optional fields are called, without their numbers. */
const kinds = (text: string, point: string): string[] =>
  mountOn(text, point).tags.map((tag) => tag.replace(/:\d+$/, ""));

withUnshare("the words of propagation are the optional fields of mountinfo", async () => {
  const directory = source();
  const words = ["shared", "rshared", "slave", "rslave", "private", "rprivate", "unbindable"];
  const text = await inPrivateMounts(
    `mount --bind ${directory} ${directory}; mount --make-shared ${directory}
     mount -t tmpfs below ${directory}/sub; mount --make-shared ${directory}/sub`,
    SHOW,
    withMounts(...words.map((word) => bind(directory, `/mnt/${word}`, "rbind", word))),
  );
  // As hutch makes the host's mounts slaves, "shared" is a group of the container's own below the host's.
  expect(Object.fromEntries(words.map((word) => [word, kinds(text, `/mnt/${word}`)]))).toEqual({
    shared: ["shared", "master"],
    rshared: ["shared", "master"],
    slave: ["master"],
    rslave: ["master"],
    private: [],
    rprivate: [],
    unbindable: ["unbindable"],
  });
  expect(kinds(text, "/mnt/rshared/sub")).toEqual(["shared", "master"]);
  expect(kinds(text, "/mnt/shared/sub")).toEqual(["master"]);
  expect(kinds(text, "/mnt/rprivate/sub")).toEqual([]);
  expect(kinds(text, "/mnt/private/sub")).toEqual(["master"]);
});

/** Waits until the host has mounted something while the container runs. */
const LATER =
  "touch /mnt/born; until [ -e /mnt/made ]; do sleep 0.02; done; [ -e /mnt/sub/late ] && echo seen; true";

withUnshare("a slave sees what the host mounts later, a private mount does not", async () => {
  const later = async (word: string): Promise<string> => {
    const directory = source();
    const setup = `mount --bind ${directory} ${directory}; mount --make-shared ${directory}
      { until [ -e ${directory}/born ]; do sleep 0.02; done
      mount -t tmpfs late ${directory}/sub; touch ${directory}/sub/late ${directory}/made; } &`;
    return inPrivateMounts(setup, LATER, withMounts(bind(directory, "/mnt", "rbind", word)));
  };
  expect(await Promise.all([later("rslave"), later("rprivate")])).toEqual(["seen\n", ""]);
});

withUnshare("what the container mounts does not reach the host, unless both share the mount", async () => {
  const reached = async (rootfsPropagation?: Propagation): Promise<string> => {
    const directory = source();
    const setup = `mount --bind ${directory} ${directory}; mount --make-shared ${directory}
      trap '[ -e ${directory}/sub/inner ] && echo reached' EXIT`;
    const script = "mount -t tmpfs inner /mnt/sub && touch /mnt/sub/inner";
    const mounts = withMounts(bind(directory, "/mnt", "rbind", "rshared"));
    const capabilities = {
      bounding: ["CAP_SYS_ADMIN"],
      permitted: ["CAP_SYS_ADMIN"],
      effective: ["CAP_SYS_ADMIN"],
    };
    return inPrivateMounts(`set +e; ${setup}`, script, (spec) => {
      const changed = withPropagation(rootfsPropagation)(mounts(spec));
      const { process } = changed;
      return process === undefined ? changed : { ...changed, process: { ...process, capabilities } };
    });
  };
  expect(await reached()).toBe("");
  expect(await reached("rshared")).toBe("reached\n");
});

withUnshare(
  "letting go of the old root unmounts nothing of the host, not even where both share mounts",
  async () => {
    const count = "wc -l < /proc/self/mountinfo";
    const setup = `mount --make-rshared /; before=$(${count}); trap 'echo $(($(${count}) - before))' EXIT`;
    const left = (rootfsPropagation?: Propagation) =>
      inPrivateMounts(setup, "true", withPropagation(rootfsPropagation));
    expect(await left()).toBe("0\n");
    expect(await left("rslave")).toBe("0\n");
    expect(await left("rshared")).toBe("0\n");
  },
);

asRoot("rootfsPropagation is the propagation of the root", async () => {
  const of = async (word: Propagation): Promise<string[]> =>
    kinds(await inBundle(SHOW, withPropagation(word)), "/");
  expect(await of("private")).toEqual([]);
  expect(await of("unbindable")).toEqual(["unbindable"]);
  expect(await of("shared")).toContain("shared");
});

asRoot("a tmpfs has the options that are given", async () => {
  const options = ["nosuid", "noexec", "size=128k", "mode=1757", "uid=7", "gid=8", "nr_inodes=100"];
  const script = `${SHOW}; stat -c %a:%u:%g /cache; dd if=/dev/zero of=/cache/big bs=1k count=256 2>&1; ls -s /cache`;
  const text = await inBundle(script, withMounts(tmpfs("/cache", ...options)));
  const line = mountOn(text, "/cache");
  expect(line.type).toBe("tmpfs");
  expect(line.options).toEqual(["rw", "nosuid", "noexec", "relatime"]);
  for (const word of ["size=128k", "mode=1757", "uid=7", "gid=8", "nr_inodes=100"])
    expect(line.superOptions).toContain(word);
  expect(text).toContain("\n1757:7:8\n");
  expect(text).toContain("No space left on device");
  expect(text).toMatch(/128 big\n$/);
});

asRoot("tmpcopyup shows what lies below, and writes do not change it", async () => {
  const root = await rootfs();
  mkdirSync(join(root, "data/deep"), { recursive: true });
  writeFileSync(join(root, "data/deep/old"), "old\n", { mode: 0o640 });
  writeFileSync(join(root, "data/gone"), "");
  const script = `cat /data/deep/old; stat -c %a /data/deep/old
    echo changed > /data/deep/old; echo new > /data/new; rm /data/gone
    cat /data/deep/old /data/new; ls /data`;
  const text = await inBundle(script, withMounts(tmpfs("/data", "tmpcopyup")), root);
  expect(text).toBe("old\n640\nchanged\nnew\ndeep\nnew\n");
  expect(readFileSync(join(root, "data/deep/old"), "utf8")).toBe("old\n");
  expect(existsSync(join(root, "data/gone")) && !existsSync(join(root, "data/new"))).toBe(true);
});

asRoot("devpts is an instance of the container's own, whose ptmx works", async () => {
  const script = `ls /dev/pts; stat -c %a /dev/pts/ptmx; readlink /dev/ptmx; ${SHOW}
    exec 5<> /dev/ptmx; ls /dev/pts | tr '\\n' ' '; stat -c %a:%g /dev/pts/0`;
  const text = await inBundle(script);
  expect(text).toStartWith("ptmx\n666\npts/ptmx\n");
  expect(text).toEndWith("0 ptmx 620:5\n");
  const line = mountOn(text, "/dev/pts");
  expect([line.type, line.root]).toEqual(["devpts", "/"]);
  const host = parseMountinfo(readFileSync("/proc/self/mountinfo", "utf8"));
  expect(host.map(({ device }) => device)).not.toContain(line.device);
});

asRoot("a message queue of the container is seen in its mqueue, and not by the host", async () => {
  const text = await inBundle(
    `${SHOW}; touch /dev/mqueue/hutch-e2e; ls /dev/mqueue; cat /dev/mqueue/hutch-e2e`,
  );
  expect(mountOn(text, "/dev/mqueue").type).toBe("mqueue");
  expect(text).toMatch(/\nhutch-e2e\nQSIZE:0 /);
  expect(existsSync("/dev/mqueue/hutch-e2e")).toBe(false);
});

asRoot("a cgroup mount shows the container's cgroups as roots, read-only", async () => {
  const script = `${SHOW}; ls -d /sys/fs/cgroup/*/ | wc -l
    find /sys/fs/cgroup -name cgroup.procs -maxdepth 2 |
    xargs -n 1 sh -c 'mkdir "\${0%/*}/new" 2>&1'; true`;
  const text = await inBundle(script);
  const lines = parseMountinfo(text).filter(({ point }) => point.startsWith("/sys/fs/cgroup"));
  const groups = lines.filter(({ type }) => type.startsWith("cgroup"));
  expect(groups.length).toBeGreaterThan(0);
  expect(lines.filter(({ options }) => !options.includes("ro"))).toEqual([]);
  expect(groups.map(({ root }) => root)).toEqual(groups.map(() => "/"));
  expect(text.match(/Read-only file system/g)?.length).toBe(groups.length);
});

asRoot("a file is bound onto a file that is made, with the directories above it", async () => {
  const root = await rootfs();
  const file = join(source(), "file");
  const mounts = withMounts(
    bind(file, "/new/deep/file", "bind", "ro"),
    bind(file, "/etc/passwd", "bind", "ro"),
  );
  const text = await inBundle("cat /new/deep/file /etc/passwd; stat -c %a /new/deep", mounts, root);
  expect(text).toBe("of the host\nof the host\n755\n");
  expect(readFileSync(join(root, "new/deep/file"), "utf8")).toBe("");
  expect(readFileSync(join(root, "etc/passwd"), "utf8")).toStartWith("root:");
});

asRoot("a symlink in a target, relative or absolute, leads to a place inside the root", async () => {
  const root = await rootfs();
  const outside = temporaryDirectory("outside");
  symlinkSync("../../../../../../../../../..", join(root, "up"));
  symlinkSync(outside, join(root, "away"));
  symlinkSync("var/real", join(root, "relative"));
  mkdirSync(join(root, "var/real"));
  const text = await inBundle(
    SHOW,
    withMounts(tmpfs(`/up${outside}/a`), tmpfs("/away/b"), tmpfs("/relative/c")),
    root,
  );
  const points = parseMountinfo(text).map(({ point }) => point);
  for (const point of [`${outside}/a`, `${outside}/b`, "/var/real/c"]) expect(points).toContain(point);
  expect(existsSync(join(outside, "a")) || existsSync(join(outside, "b"))).toBe(false);
  expect(existsSync(join(root, outside, "a"))).toBe(true);
  expect(lstatSync(join(root, "relative")).isSymbolicLink()).toBe(true);
});

asRoot("later mounts cover earlier ones, and lie in them", async () => {
  const script = `${SHOW}; ls /a /a/b`;
  const text = await inBundle(script, withMounts(tmpfs("/a"), tmpfs("/a/b"), tmpfs("/c"), tmpfs("/c", "ro")));
  expect(mountOn(text, "/a/b").parent).toBe(mountOn(text, "/a").id);
  expect(mountOn(text, "/c").options).toContain("ro");
  expect(text).toEndWith("/a:\nb\n\n/a/b:\n");
});

asRoot("a bind without a source on the host is refused before anything is done", async () => {
  const root = await rootfs();
  const result = await tryBundle("true", withMounts(bind("/no/such/source", "/made", "bind")), root);
  expect([result.code, result.stdout]).toEqual([125, ""]);
  expect(result.stderr).toMatch(/^hutch: mounts\[\d+\]\.source \/no\/such\/source: ENOENT/);
  expect(existsSync(join(root, "made"))).toBe(false);
});

asRoot(
  "--bind shows a directory or file of the host, ro with all below it, never with devices or setuid",
  async () => {
    const directory = source();
    const root = await rootfs();
    const options = [
      "--bind",
      `${directory}:/rw`,
      "--bind",
      `${directory}:/a/b:ro`,
      "--bind",
      `${directory}/file:/f:ro`,
    ];
    const script = `${SHOW}; cat /f; echo x > /rw/new; echo x > /a/b/other || echo refused`;
    const text = await inShell(options, root, script);
    expect(text).toEndWith("of the host\nrefused\n");
    for (const point of ["/rw", "/a/b", "/f"]) {
      expect(mountOn(text, point).options).toContain("nosuid");
      expect(mountOn(text, point).options).toContain("nodev");
      expect(mountOn(text, point).options).toContain(point === "/rw" ? "rw" : "ro");
    }
    expect([existsSync(join(directory, "new")), existsSync(join(directory, "other"))]).toEqual([true, false]);
  },
);

asRoot("--bind where the host's read-only root has no place for it says what to do", async () => {
  const result = await hutch(["in", "--bind", `${source()}:/no-such-place`, "/", "--", "true"]);
  expect([result.code, existsSync("/no-such-place")]).toEqual([125, false]);
  expect(result.stderr).toContain("mkdirat: EROFS (read-only file system); hint: the root is read-only");
});

asRoot("a file is not bound on a directory, and the message says why", async () => {
  const result = await hutch(["in", "--bind", `${source()}/file:/etc`, await sharedRoot(), "true"]);
  expect(result.code).toBe(125);
  expect(result.stderr).toContain("hint: a file can be bound on a file only");
});

asRoot("--tmpfs is empty, for everybody, and as large as it is asked to be", async () => {
  const root = await rootfs();
  const script = `${SHOW}; ls -A /etc | wc -l; stat -c %a /etc /cache; echo x > /cache/x`;
  const text = await inShell(["--tmpfs", "/etc", "--tmpfs", "/cache:size=64k,mode=700"], root, script);
  expect(text).toEndWith("\n0\n1777\n700\n");
  expect(mountOn(text, "/cache").superOptions).toContain("size=64k");
  expect(existsSync(join(root, "cache/x"))).toBe(false);
});
