/** Containers of an ordinary user, and user namespaces that root makes: who owns what, inside and outside. */
import { expect } from "bun:test";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Mount } from "../../src/spec/spec.ts";
import { hutch, lacksHutch } from "../support/hutch.ts";
import { lacksBusybox, rootfs } from "../support/rootfs.ts";
import {
  anyReason,
  lacksKernel,
  lacksRoot,
  lacksUserNamespaces,
  type SkipReason,
  testUnless,
} from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { type OrdinaryUser, ordinaryUser } from "../support/user.ts";
import {
  type Change,
  inBundle,
  inShell,
  mountOn,
  output,
  sharedRoot,
  status,
  tryBundle,
  withLinux,
  withMounts,
} from "./support-inside.ts";

const built = anyReason(lacksBusybox(), lacksHutch(), lacksUserNamespaces());
const asUser = testUnless(built);
const unavailable = anyReason(lacksRoot(), lacksBusybox(), lacksHutch());
const asRoot = testUnless(unavailable);
const asRootAndUser = testUnless(anyReason(unavailable, built));
const withIdmappedTmpfs = testUnless(anyReason(unavailable, lacksKernel("6.3")));

/** An ordinary user, and a root directory that is the user's own. */
async function userWithRoot(): Promise<{ user: OrdinaryUser; root: string }> {
  const user = ordinaryUser();
  const root = await rootfs();
  if (process.getuid?.() === 0) {
    for (const name of [".", "bin", "dev", "etc", "home", "proc", "root", "run", "sys", "usr", "var"])
      chownSync(join(root, name), user.uid, user.uid);
  }
  return { user, root };
}

const squeeze = (text: string): string => text.replace(/ +/g, " ");

asUser("an ordinary user's bundle without a user namespace is refused with the way to one", async () => {
  for (const words of [["run"], ["run", "--detach"], ["create"]]) {
    const { user, root } = await userWithRoot();
    const bundle = temporaryDirectory("bundle");
    chmodSync(bundle, 0o755);
    chmodSync(root, 0o755);
    output(await hutch(["spec", "--bundle", bundle]));
    const path = join(bundle, "config.json");
    writeFileSync(path, readFileSync(path, "utf8").replace('"rootfs"', JSON.stringify(root)));
    const { stderr } = await hutch([...words, "--bundle", bundle, "box"], user);
    expect(stderr).toBe(
      "hutch: linux.namespaces: an ordinary user needs a user namespace of the container's own; hint: hutch spec " +
        "--rootless writes a config.json with one\n",
    );
  }
});

asUser("an ordinary user is mapped to root, with one id and setgroups denied", async () => {
  const { user, root } = await userWithRoot();
  const script =
    "cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups; id; readlink /proc/self/ns/user";
  const [uids, gids, setgroups, id, namespace] = squeeze(await inShell([], root, script, user)).split("\n");
  expect([uids, gids, setgroups]).toEqual([` 0 ${user.uid} 1`, ` 0 ${user.uid} 1`, "deny"]);
  expect(id).toBe("uid=0(root) gid=0(root)");
  expect(namespace).not.toBe(readlinkSync("/proc/self/ns/user"));
});

asUser("what root makes inside belongs to the user outside", async () => {
  const { user, root } = await userWithRoot();
  const script = "echo mine > /etc/made; mkdir /made; stat -c %u:%g /etc/made /made";
  expect(await inShell([], root, script, user)).toBe("0:0\n0:0\n");
  for (const path of ["etc/made", "made"]) {
    const { uid, gid } = statSync(join(root, path));
    expect([path, uid, gid]).toEqual([path, user.uid, user.uid]);
  }
});

asRootAndUser("files of other users belong to nobody inside, and stay closed", async () => {
  const { user, root } = await userWithRoot();
  const file = join(root, "etc/foreign");
  writeFileSync(file, "secret");
  chmodSync(file, 0o600);
  const result = await hutch(
    ["in", root, "sh", "-c", "stat -c %u:%g /etc/foreign; cat /etc/foreign; chown 0 /etc/foreign"],
    user,
  );
  expect(result.stdout).toBe("65534:65534\n");
  expect(result.stderr).toContain("'/etc/foreign': Permission denied");
  // EINVAL: an owner that is not mapped cannot be changed.
  expect(result.stderr).toContain("chown: /etc/foreign: Invalid argument");
});

asUser("all namespaces are the container's own, capabilities count inside only", async () => {
  const { user, root } = await userWithRoot();
  const names = ["pid", "mnt", "net", "ipc", "uts", "cgroup", "user"];
  const script = `for n in ${names.join(" ")}; do readlink /proc/self/ns/$n; done; cat /proc/self/status`;
  const text = await inShell([], root, script, user);
  const links = text.split("\n").slice(0, names.length);
  expect(links.filter((link, index) => link === readlinkSync(`/proc/self/ns/${names[index]}`))).toEqual([]);
  expect(status(text, "CapEff")).toBe("00000000a00425fb");
  expect([status(text, "NoNewPrivs"), status(text, "Seccomp")]).toEqual(["1", "2"]);
});

asUser("--user 1000 is the caller's id under another number", async () => {
  const { user, root } = await userWithRoot();
  const script =
    "cat /proc/self/uid_map; id -u; id -g; touch /tmp/mine; stat -c %u /tmp/mine; grep CapEff /proc/self/status";
  const text = squeeze(await inShell(["--user", "1000:1000"], root, script, user));
  expect(text).toBe(` 1000 ${user.uid} 1\n1000\n1000\n1000\nCapEff:\t0000000000000000\n`);
  expect(statSync(join(root, "tmp/mine")).uid).toBe(user.uid);
});

asUser(
  "with the host's root, nothing of it can be written, /run and /tmp are the container's own",
  async () => {
    const { user } = await userWithRoot();
    const home = temporaryDirectory("visible");
    const script = `ls -A /run /tmp; touch /tmp/x /run/x && touch /etc/x; touch ${process.cwd()}/x; ls -d ${home}`;
    const result = await hutch(["in", "/", "--", "/bin/sh", "-c", script], user);
    expect(result.stdout).toBe("/run:\n\n/tmp:\n");
    expect(result.stderr).toContain("/etc/x': Read-only file system");
    expect(result.stderr).toContain(`${home}': No such file or directory`);
    expect(existsSync("/etc/x")).toBe(false);
  },
);

asUser("the devices of an ordinary user's container are the host's, and work", async () => {
  const { user, root } = await userWithRoot();
  const script =
    "cat /proc/self/mountinfo; for d in null zero full random urandom tty; do stat -c %t:%T /dev/$d; done; echo x > /dev/null; head -c 2 /dev/zero | wc -c";
  const text = await inShell([], root, script, user);
  expect(text).toEndWith("1:3\n1:5\n1:7\n1:8\n1:9\n5:0\n2\n");
  expect(mountOn(text, "/dev/null").root).toEndWith("/null");
});

asUser("mknod is refused to an ordinary user", async () => {
  const { user, root } = await userWithRoot();
  const result = await hutch(["in", "--cap-add", "mknod", root, "mknod", "/tmp/null", "c", "1", "3"], user);
  expect([result.code, result.stderr]).toEqual([1, "mknod: /tmp/null: Operation not permitted\n"]);
});

asUser("--overlay keeps an ordinary user's writes in the layer", async () => {
  const { user, root } = await userWithRoot();
  expect(await inShell(["--overlay"], root, "rm /etc/passwd; echo x > /etc/new; ls /etc", user)).toBe(
    "group\nnew\n",
  );
  const layer = temporaryDirectory("layer");
  if (process.getuid?.() === 0) chownSync(layer, user.uid, user.uid);
  await inShell([`--overlay=${layer}`], root, "rm /etc/passwd; echo x > /etc/new; mkdir /opt", user);
  expect(await inShell([`--overlay=${layer}`], root, "ls -d /etc/* /opt", user)).toBe(
    "/etc/group\n/etc/new\n/opt\n",
  );
  expect(existsSync(join(root, "etc/passwd")) && !existsSync(join(root, "etc/new"))).toBe(true);
  expect(statSync(join(layer, "upper/etc/new")).uid).toBe(user.uid);
  // overlayfs makes its own directory closed even to the owner, who could not remove it like this.
  chmodSync(join(layer, "work/work"), 0o700);
});

asUser(
  "a layer over the host's root, whose mounts are locked together, is refused to an ordinary user",
  async () => {
    const { user } = await userWithRoot();
    const result = await hutch(["in", "--overlay", "/", "--", "true"], user);
    expect([result.code, result.stdout]).toEqual([125, ""]);
    expect(result.stderr).toStartWith("hutch: --overlay /: an ordinary user cannot put a layer over");
  },
);

asUser("ids that are not the user's are refused by name", async () => {
  const { user, root } = await userWithRoot();
  const result = await hutch(["in", "--uid-map", "0:100000:10", root, "true"], user);
  expect(result.code).toBe(125);
  // By newuidmap, or because it is not there: both name the file that could give the user more.
  expect(result.stderr).toContain("hutch: map the user ids");
  expect(result.stderr).toContain("range in /etc/subuid");
});

const withoutCgroups = (): SkipReason => {
  const writable = readFileSync("/proc/self/cgroup", "utf8").startsWith("0::");
  return writable ? "needs cgroup v1, where nothing is delegated to ordinary users" : undefined;
};

testUnless(anyReason(built, withoutCgroups()))(
  "limits that are not delegated are refused, nothing runs without them",
  async () => {
    const { user, root } = await userWithRoot();
    const result = await hutch(["in", "--memory", "64m", root, "touch", "/tmp/ran"], user);
    expect([result.code, result.stdout]).toEqual([125, ""]);
    expect(result.stderr).toContain("make the cgroup");
    expect(result.stderr).toContain("this user may not make cgroups here");
    expect(existsSync(join(root, "tmp/ran"))).toBe(false);
  },
);

asRoot(
  "root's --uid-map and --gid-map are the maps of the container, and its files belong to the host ids",
  async () => {
    const root = await rootfs();
    for (const name of ["tmp", "etc"]) chownSync(join(root, name), 100_000, 200_000);
    const options = [
      "--uid-map",
      "0:100000:1000",
      "--uid-map",
      "1000:300000:1",
      "--gid-map",
      "0:200000:65536",
    ];
    const script = `cat /proc/self/uid_map /proc/self/gid_map; id -u; stat -c %u:%g /tmp /bin
    touch /tmp/root; touch /tmp/app && chown 1000:10 /tmp/app; stat -c %u:%g /tmp/app`;
    const text = squeeze(await inShell(options, root, script));
    expect(text).toBe(" 0 100000 1000\n 1000 300000 1\n 0 200000 65536\n0\n0:0\n65534:65534\n1000:10\n");
    const owner = (path: string) => [statSync(join(root, path)).uid, statSync(join(root, path)).gid];
    expect([owner("tmp/root"), owner("tmp/app")]).toEqual([
      [100_000, 200_000],
      [300_000, 200_010],
    ]);
  },
);

asRoot("one of the two maps is meant for both", async () => {
  const script = "cat /proc/self/uid_map /proc/self/gid_map";
  const lines = squeeze(await inShell(["--uid-map", "0:100000:10"], await sharedRoot(), script));
  expect(lines).toBe(" 0 100000 10\n 0 100000 10\n");
});

asRoot("a mapped root has no power over the host's files", async () => {
  const root = await rootfs();
  mkdirSync(join(root, "mnt"));
  const directory = temporaryDirectory("private");
  writeFileSync(join(directory, "secret"), "secret");
  chmodSync(join(directory, "secret"), 0o600);
  const args = ["in", "--uid-map", "0:100000:65536", "--bind", `${directory}:/mnt`, root];
  const result = await hutch([...args, "sh", "-c", "id -u; cat /mnt/secret; rm -f /mnt/secret"]);
  expect(result.stdout).toBe("0\n");
  expect(result.stderr.match(/Permission denied/g)).toHaveLength(2);
});

asRoot("a user that is not mapped cannot be become, and the message says so", async () => {
  const options = ["--uid-map", "0:100000:10", "--user", "1000"];
  const result = await hutch(["in", ...options, await sharedRoot(), "true"]);
  expect(result.code).toBe(125);
  expect(result.stderr).toContain("become the user 1000: setresuid: EINVAL");
  expect(result.stderr).toContain("the id is not mapped");
});

/** Maps host ids 1000 … 1009 to 0 … 9 for a mount alone. */
const idmap = (source: string, ...options: string[]): Mount => ({
  destination: "/mnt",
  type: "bind",
  source,
  options,
  uidMappings: [{ containerID: 1000, hostID: 0, size: 10 }],
  gidMappings: [{ containerID: 1000, hostID: 0, size: 10 }],
});

asRoot("an idmapped mount shows other owners inside, and writes them back translated", async () => {
  const directory = temporaryDirectory("idmap");
  mkdirSync(join(directory, "sub"));
  writeFileSync(join(directory, "sub/file"), "");
  for (const path of ["", "sub", "sub/file"]) chownSync(join(directory, path), 1003, 1004);
  const script =
    "stat -c %u:%g /mnt /mnt/sub/file; touch /mnt/sub/new; chown 7:8 /mnt/sub/new; stat -c %u:%g /mnt/sub/new";
  const change: Change = (spec) => {
    const { process, ...rest } = withMounts(idmap(directory, "bind"))(spec);
    const names = ["CAP_CHOWN", "CAP_DAC_OVERRIDE"];
    const capabilities = { bounding: names, permitted: names, effective: names };
    return process === undefined ? rest : { ...rest, process: { ...process, capabilities } };
  };
  const text = await inBundle(script, change);
  // On disk 1003:1004 stands for 3:4 of the mount; without the mount's maps it would be 1003:1004.
  expect(text).toBe("3:4\n3:4\n7:8\n");
  const { uid, gid } = statSync(join(directory, "sub/new"));
  expect([uid, gid]).toEqual([1007, 1008]);
});

asRoot("with idmap and no maps of its own, a mount uses the container's", async () => {
  const directory = temporaryDirectory("idmap");
  writeFileSync(join(directory, "file"), "");
  chownSync(join(directory, "file"), 7, 8);
  const maps = [{ containerID: 0, hostID: 100_000, size: 1000 }];
  const change =
    (option: string): Change =>
    (spec) => {
      const mounts = withMounts({
        destination: "/mnt",
        type: "bind",
        source: directory,
        options: ["bind", option],
      })(spec);
      const namespaces = [...(mounts.linux?.namespaces ?? []), { type: "user" } as const];
      const api = (mounts.mounts ?? []).map((mount) => ({
        ...mount,
        ...(mount.options === undefined ? {} : { options: mount.options.filter((word) => word !== "gid=5") }),
      }));
      return { ...withLinux({ namespaces, uidMappings: maps, gidMappings: maps })(mounts), mounts: api };
    };
  expect(await inBundle("stat -c %u:%g /mnt/file", change("idmap"))).toBe("7:8\n");
  expect(await inBundle("stat -c %u:%g /mnt/file", change("rw"))).toBe("65534:65534\n");
});

withIdmappedTmpfs("a file system that cannot map ids is refused by name", async () => {
  const result = await tryBundle("true", withMounts(idmap("/proc", "bind")));
  expect(result.code).toBe(125);
  expect(result.stderr).toContain("the file system cannot map ids");
});
