/** `hutch in --overlay`: writes go to a layer, the root below stays as it is. */
import { expect } from "bun:test";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { hutch, lacksHutch, run } from "../support/hutch.ts";
import { lacksBusybox, rootfs } from "../support/rootfs.ts";
import { anyReason, lacksProgram, lacksRoot, testUnless } from "../support/skip.ts";
import { mountsBelow, temporaryDirectory } from "../support/temporary.ts";
import { inShell, mountOn, output, parseMountinfo } from "./support-inside.ts";

const unavailable = anyReason(lacksRoot(), lacksBusybox(), lacksHutch());
const asRoot = testUnless(unavailable);

/** Everything below a directory, with what a change would change. */
function picture(directory: string, below = ""): string[] {
  return readdirSync(join(directory, below))
    .sort()
    .flatMap((name) => {
      const path = join(below, name);
      const { mode, size, mtimeMs, uid, nlink } = lstatSync(join(directory, path));
      const line = `${path} ${mode.toString(8)} ${uid} ${size} ${mtimeMs} ${nlink}`;
      return lstatSync(join(directory, path)).isDirectory() ? [line, ...picture(directory, path)] : [line];
    });
}

/** Changes of every kind to a root. */
const CHANGE = `echo new > /etc/new; echo changed > /etc/passwd; rm /etc/group; mkdir /srv
  mv /bin/tac /srv/moved
  chmod 700 /home; rmdir /var; ln -s /etc/new /link; cat /etc/passwd /etc/new /link`;

asRoot("what is written to a throw-away layer is seen inside, and leaves nothing", async () => {
  const root = await rootfs();
  const before = picture(root);
  expect(await inShell(["--overlay"], root, CHANGE)).toBe("changed\nnew\nnew\n");
  expect(picture(root)).toEqual(before);
  expect(await inShell(["--overlay"], root, "ls -d /etc/new /srv 2>&1 | wc -l; ls /etc")).toContain("group");
  expect(mountsBelow(root)).toEqual([]);
});

asRoot("the root is an overlay whose layer is a tmpfs that nobody inside can reach", async () => {
  const root = await rootfs();
  const text = await inShell(["--overlay"], root, "cat /proc/self/mountinfo");
  const line = mountOn(text, "/");
  expect([line.type, line.options.includes("rw"), line.options.includes("nodev")]).toEqual([
    "overlay",
    true,
    true,
  ]);
  expect(text).not.toContain(root);
  const ids = new Set(parseMountinfo(text).map(({ id }) => id));
  expect(parseMountinfo(text).filter(({ parent }) => !ids.has(parent))).toHaveLength(1);
});

asRoot("the layer is kept in --overlay=DIR, and a second run sees it", async () => {
  const root = await rootfs();
  const layer = temporaryDirectory("layer");
  const before = picture(root);
  await inShell([`--overlay=${layer}`], root, CHANGE);
  expect(readFileSync(join(layer, "upper/etc/new"), "utf8")).toBe("new\n");
  const script = "cat /etc/passwd /etc/new; ls -A /etc /srv; ls -d /var /home/..; stat -c %a /home; true";
  const text = await inShell([`--overlay=${layer}`], root, script);
  expect(text).toBe("changed\nnew\n/etc:\nnew\npasswd\n\n/srv:\nmoved\n/home/..\n700\n");
  expect(picture(root)).toEqual(before);
  // Without the layer nothing of it is there.
  expect(existsSync(join(root, "etc/new"))).toBe(false);
});

asRoot("a relative --overlay=DIR is meant from the current directory", async () => {
  const root = await rootfs();
  const directory = temporaryDirectory("layers");
  mkdirSync(join(directory, "one"));
  const result = await hutch(["in", "--overlay=one", root, "touch", "/etc/x"], { cwd: directory });
  expect(output(result)).toBe("");
  expect(existsSync(join(directory, "one/upper/etc/x"))).toBe(true);
});

asRoot("a file that is deleted inside is a whiteout in the layer, and stays on the host", async () => {
  const root = await rootfs();
  mkdirSync(join(root, "data"));
  writeFileSync(join(root, "data/file"), "of the host");
  const layer = temporaryDirectory("layer");
  const script = "rm /data/file; ls -A /data | wc -l; rmdir /data; ls -d /data 2> /dev/null; true";
  expect(await inShell([`--overlay=${layer}`], root, script)).toBe("0\n");
  expect(readFileSync(join(root, "data/file"), "utf8")).toBe("of the host");
  const whiteout = lstatSync(join(layer, "upper/data"));
  expect([whiteout.isCharacterDevice(), whiteout.rdev]).toEqual([true, 0]);
  // It can be made anew, and then is empty.
  expect(await inShell([`--overlay=${layer}`], root, "mkdir /data; ls -A /data | wc -l")).toBe("0\n");
});

asRoot("the layer may lie inside the root", async () => {
  const root = await rootfs();
  const layer = join(root, "layers/one");
  mkdirSync(layer, { recursive: true });
  const options = [`--overlay=${layer}`];
  expect(await inShell(options, root, "echo kept > /etc/kept; rm /etc/group; cat /etc/kept")).toBe("kept\n");
  expect(await inShell(options, root, "cat /etc/kept; ls /etc")).toBe("kept\nkept\npasswd\n");
  expect(readFileSync(join(layer, "upper/etc/kept"), "utf8")).toBe("kept\n");
  expect(existsSync(join(root, "etc/kept"))).toBe(false);
  expect(existsSync(join(root, "etc/group"))).toBe(true);
});

asRoot("with the host's root, writes stay in the layer", async () => {
  const name = `hutch-e2e-${process.pid}`;
  const layer = temporaryDirectory("layer");
  const script = `echo inside > /etc/${name}; rm /etc/passwd; cat /etc/${name}; test -e /etc/passwd; echo $?`;
  for (const option of ["--overlay", `--overlay=${layer}`]) {
    const result = await hutch(["in", option, "/", "--", "sh", "-c", script]);
    expect([option, result.stdout]).toEqual([option, "inside\n1\n"]);
    expect(existsSync(`/etc/${name}`)).toBe(false);
    expect(existsSync("/etc/passwd")).toBe(true);
  }
  expect(readFileSync(join(layer, `upper/etc/${name}`), "utf8")).toBe("inside\n");
});

asRoot("with the host's root, the layer itself is hidden from the container", async () => {
  const layer = temporaryDirectory("layer");
  const beside = join("/var", `hutch-e2e-layer-${process.pid}`);
  mkdirSync(beside);
  try {
    const text = await inShell([`--overlay=${beside}`], "/", `ls -A ${beside} | wc -l; echo x > /var/inside`);
    expect(text).toBe("0\n");
    expect(readdirSync(join(beside, "upper/var"))).toContain("inside");
    expect(existsSync("/var/inside")).toBe(false);
  } finally {
    output(await run(["rm", "-r", beside]));
  }
  expect(readdirSync(layer)).toEqual([]);
});

testUnless(anyReason(unavailable, lacksProgram("dpkg")))(
  "a program is installed into a layer once, and used later",
  async () => {
    const layer = temporaryDirectory("layer");
    const work = temporaryDirectory("package");
    mkdirSync(join(work, "tool/DEBIAN"), { recursive: true });
    mkdirSync(join(work, "tool/usr/games"), { recursive: true });
    const control =
      "Package: hutch-e2e\nVersion: 1\nArchitecture: all\nMaintainer: a <a@b.c>\nDescription: x\n";
    writeFileSync(join(work, "tool/DEBIAN/control"), control);
    writeFileSync(join(work, "tool/usr/games/hutch-e2e"), "#!/bin/sh\necho moo\n");
    chmodSync(join(work, "tool/usr/games/hutch-e2e"), 0o755);
    output(await run(["dpkg-deb", "--root-owner-group", "--build", "tool", "tool.deb"], { cwd: work }));
    const options = [`--overlay=${layer}`, "--bind", `${work}:/mnt:ro`];
    output(await hutch(["in", ...options, "/", "--", "dpkg", "-i", "/mnt/tool.deb"]));
    const later = await hutch(["in", `--overlay=${layer}`, "/", "--", "/usr/games/hutch-e2e"]);
    expect(output(later)).toBe("moo\n");
    expect(existsSync("/usr/games/hutch-e2e")).toBe(false);
    expect((await run(["dpkg", "--status", "hutch-e2e"])).code).toBe(1);
  },
);

asRoot("a layer that is no directory is refused with what to do", async () => {
  const root = await rootfs();
  const result = await hutch(["in", `--overlay=${root}/none`, root, "true"]);
  expect([result.code, result.stdout]).toEqual([125, ""]);
  expect(result.stderr).toBe(
    `hutch: --overlay=${root}/none: ENOENT (no such file or directory); hint: mkdir -p ${root}/none\n`,
  );
});

asRoot("--read-only with --overlay leaves nothing to be written", async () => {
  const root = await rootfs();
  const result = await hutch(["in", "--overlay", "--read-only", root, "touch", "/x"]);
  expect(result.stderr).toContain("Read-only file system");
});

asRoot("a relative --bind is meant from the current directory, with a layer too", async () => {
  const root = await rootfs();
  const here = temporaryDirectory("overlay");
  writeFileSync(join(here, "file"), "bound");
  for (const layer of [[], ["--overlay"]]) {
    const done = await hutch(["in", ...layer, "--bind", "./file:/tmp/file:ro", root, "cat", "/tmp/file"], {
      cwd: here,
    });
    expect(output(done)).toBe("bound");
  }
});
