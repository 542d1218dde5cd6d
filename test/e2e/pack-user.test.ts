/** Packed files that an ordinary user starts: the root is unpacked into memory. */
import { beforeAll, describe, expect } from "bun:test";
import {
  chmodSync,
  closeSync,
  copyFileSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { defaultSpec } from "../../src/spec/default.ts";
import { hutch, lacksHutch, run } from "../support/hutch.ts";
import { lacksBusybox, rootfs } from "../support/rootfs.ts";
import { anyReason, lacksRoot, testUnless } from "../support/skip.ts";
import { mountsBelow, temporaryDirectory } from "../support/temporary.ts";
import { ordinaryUser } from "../support/user.ts";

const REASON = anyReason(lacksHutch(), lacksBusybox(), lacksRoot());
const withUser = testUnless(REASON);

let root = "";
let place = "";
let count = 0;
const DEEP = Array.from({ length: 40 }, (_, index) => `deep-${index}`).join("/");

/** What is hard to keep, below odd/. */
function addOddFiles(to: string): void {
  const odd = join(to, "odd");
  mkdirSync(join(odd, DEEP), { recursive: true });
  writeFileSync(join(odd, DEEP, "end"), "deep\n");
  mkdirSync(join(odd, "-rf"));
  writeFileSync(join(odd, "-rf/with space, \u00e4 \u{1f980}\nand a line"), "names\n");
  writeFileSync(join(odd, "empty"), "");
  utimesSync(join(odd, "empty"), 1_000_000_000, 1_000_000_000);
  const bytes = (length: number) =>
    Uint8Array.from({ length }, (_, index) => (index * 31 + (index >> 8)) & 255);
  for (const size of [1, 4000, 4096, 4097, 2 ** 20, 2 ** 20 + 7])
    writeFileSync(join(odd, `size-${size}`), bytes(size));
  linkSync(join(odd, "size-4097"), join(odd, "hard link"));
  chmodSync(join(odd, "size-4097"), 0o4751);
  symlinkSync("../odd/missing", join(odd, "soft"));
  symlinkSync("/etc/passwd", join(odd, "absolute"));
  const hole = openSync(join(odd, "hole"), "w");
  writeSync(hole, "x", 3 * 2 ** 20 + 100);
  ftruncateSync(hole, 2 ** 26);
  closeSync(hole);
  mkdirSync(join(odd, "sticky"));
  chmodSync(join(odd, "sticky"), 0o1777);
  mkdirSync(join(odd, "group"));
  writeFileSync(join(odd, "group/closed"), "closed\n");
  chmodSync(join(odd, "group/closed"), 0o400);
  chmodSync(join(odd, "group"), 0o2550);
  Bun.spawnSync(["mkfifo", "-m", "640", join(odd, "fifo")]);
}

beforeAll(async () => {
  if (REASON !== undefined) return;
  root = await rootfs();
  addOddFiles(root);
  place = temporaryDirectory("pack-user");
});

async function packed(...args: string[]): Promise<string> {
  const file = join(place, `box-${count++}`);
  expect(await hutch(["compile", "--pack", "-o", file, ...args])).toMatchObject({ code: 0, stderr: "" });
  return file;
}

const LIST =
  "find odd -exec stat -c '%n %F %a %h %s %Y' {} + | sort; readlink odd/soft; readlink odd/absolute";
const SUMS = "find odd -type f -exec md5sum {} + | sort";

describe("a packed file, started by an ordinary user,", () => {
  withUser("has the files of the directory: contents, modes, links and times", async () => {
    const file = await packed(root, "sh", "-c", `cd /; ${LIST}; ${SUMS}`);
    const { code, stdout, stderr } = await run([file], ordinaryUser());
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const wanted = await run([join(root, "bin/sh"), "-c", `PATH=/bin; cd ${root}; ${LIST}; ${SUMS}`], {
      env: { PATH: join(root, "bin") },
    });
    // A directory's size is its file system's own.
    const comparable = (text: string) => text.replace(/ directory (\d+ \d+) \d+/g, " directory $1");
    expect(comparable(stdout)).toBe(comparable(wanted.stdout));
    expect(stdout).toContain("size-1048583");
  });

  withUser("keeps holes, and puts no device node of the image anywhere", async () => {
    const own = temporaryDirectory("pack-root");
    Bun.spawnSync(["cp", "-a", `${root}/.`, own]);
    Bun.spawnSync(["mknod", join(own, "odd/null"), "c", "1", "3"]);
    const file = await packed(own, "sh", "-c", "stat -c %b /odd/hole; ls /odd/null");
    const { stdout, stderr } = await run([file], ordinaryUser());
    expect(Number(stdout) * 512).toBeLessThan(2 ** 22);
    expect(stderr).toContain("/odd/null: No such file or directory");
  });

  withUser("has a root that nobody can write to, and gives the command's exit code", async () => {
    const file = await packed("--args", root, "sh", "-c", "touch /x; grep ' / ' /proc/mounts; exit $1");
    const { code, stdout, stderr } = await run([file, "sh", "7"], ordinaryUser());
    expect({ code, stderr }).toEqual({ code: 7, stderr: "touch: /x: Read-only file system\n" });
    expect(stdout).toMatch(/^hutch \/ tmpfs ro,nodev/);
    expect(mountsBelow(place)).toEqual([]);
  });

  withUser("with --overlay has one to write to, which is thrown away", async () => {
    const file = await packed(
      "--overlay",
      root,
      "sh",
      "-c",
      "test ! -e /x && touch /x && rm -r /odd && ls -d /odd /x",
    );
    const user = ordinaryUser();
    for (const _ of [1, 2]) expect(await run([file], user)).toMatchObject({ code: 1, stdout: "/x\n" });
  });

  withUser("is that of a bundle, too, and has places for mounts that the root lacks", async () => {
    const bundle = temporaryDirectory("pack-bundle");
    expect((await hutch(["spec", "--rootless", "--bundle", bundle])).code).toBe(0);
    const path = join(bundle, "config.json");
    const config = await Bun.file(path).json();
    const args = ["/bin/busybox", "sh", "-c", "/bin/busybox id -u; /bin/busybox ls /"];
    await Bun.write(
      path,
      JSON.stringify({
        ...config,
        root: { path: "bare" },
        process: { ...config.process, args, terminal: false },
      }),
    );
    mkdirSync(join(bundle, "bare/bin"), { recursive: true });
    copyFileSync(join(root, "bin/busybox"), join(bundle, "bare/bin/busybox"));
    chmodSync(join(bundle, "bare/bin/busybox"), 0o755);
    const { code, stdout } = await run([await packed("--bundle", bundle)], ordinaryUser());
    expect({ code, stdout }).toEqual({ code: 0, stdout: "0\nbin\ndev\nproc\nsys\n" });
  });

  withUser("without a user namespace in its description says that it takes root", async () => {
    const bundle = temporaryDirectory("pack-bundle");
    const spec = defaultSpec();
    const config = {
      ...spec,
      root: { path: root },
      process: { ...spec.process, args: ["true"], terminal: false },
    };
    writeFileSync(join(bundle, "config.json"), JSON.stringify(config));
    const { code, stderr } = await run([await packed("--bundle", bundle)], ordinaryUser());
    expect(code).toBe(125);
    expect(stderr).toContain("it takes root; hint: its description has no user namespace");
  });
});

describe("a packed file whose limit of memory is smaller than its root", () => {
  withUser("says so to an ordinary user, whose root would be memory of the container", async () => {
    const { code, stderr } = await run([await packed("--memory", "1m", root, "true")], ordinaryUser());
    expect(code).toBe(125);
    expect(stderr).toMatch(
      /hint: its files, of \d{7} bytes, would be memory of the container, whose limit is 1048576\n$/,
    );
  });
});

describe("a packed file that is damaged", () => {
  withUser("says that it was cut, before it makes anything", async () => {
    const file = await packed(root, "echo", "whole");
    const { size } = statSync(file);
    for (const missing of [1, 40, Math.floor(size / 2)]) {
      truncateSync(file, size - missing);
      const { code, stdout, stderr } = await run([file], ordinaryUser());
      expect({ code, stdout }).toEqual({ code: 125, stdout: "" });
      expect(stderr).toContain("the file ended early");
    }
  });

  withUser("by a forged list ends with a message, and runs nothing", async () => {
    const file = await packed(root, "echo", "ran");
    const bytes = readFileSync(file);
    // The first record is that of the directory bin.
    const start = bytes.lastIndexOf("bin\0", bytes.indexOf("busybox\0", bytes.length - 2 ** 17)) - 32;
    expect(bytes.readUInt32LE(start)).toBe(36);
    const forge = async (at: number, value: number, size: 1 | 4): Promise<string> => {
      const copy = Buffer.from(bytes);
      copy.writeUIntLE(value, start + at, size);
      writeFileSync(`${file}.forged`, copy, { mode: 0o755 });
      const { code, stdout, stderr } = await run([`${file}.forged`], ordinaryUser());
      expect({ code, stdout }).toEqual({ code: 125, stdout: "" });
      return stderr;
    };
    // A size of nothing, one behind the end, a kind that is none, and a name that leads elsewhere.
    expect(await forge(0, 0, 4)).toContain("unpack the root: the file is damaged");
    expect(await forge(0, 0xffffffff, 4)).toContain("unpack the root: the file is damaged");
    expect(await forge(4, 99, 1)).toContain("unpack the root: the file is damaged");
    expect(await forge(32, 0x2e2e2f2e, 4)).toMatch(/unpack the root .*E/);
  });

  withUser("by limits of its caller says which", async () => {
    const file = await packed(root, "true");
    const limited = (limit: string) => run(["sh", "-c", `${limit}; exec "$0"`, file], ordinaryUser());
    expect((await limited("ulimit -f 100")).stderr).toMatch(/unpack the root .*EFBIG.*ulimit -f unlimited/);
    expect((await limited("ulimit -v 2000")).stderr).toMatch(/unpack the root: mmap: ENOMEM.*ulimit -v/);
  });
});
