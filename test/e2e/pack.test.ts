/** hutch compile --pack: one file that is program and root. */
import { beforeAll, describe, expect } from "bun:test";
import {
  chmodSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { defaultSpec } from "../../src/spec/default.ts";
import { lacksErofs } from "../support/erofs.ts";
import { hutch, lacksHutch, run } from "../support/hutch.ts";
import { eventually } from "../support/patience.ts";
import { lacksBusybox, rootfs } from "../support/rootfs.ts";
import { anyReason, lacksRoot, testUnless } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { ordinaryUser } from "../support/user.ts";
import { compiledIn } from "./support-compile.ts";

const REASON = anyReason(lacksHutch(), lacksBusybox(), lacksRoot(), lacksErofs());
const withErofs = testUnless(REASON);

let root = "";
let place = "";

beforeAll(async () => {
  if (REASON !== undefined) return;
  root = await rootfs();
  place = temporaryDirectory("pack");
});

const packed = (...args: string[]): Promise<string> => compiledIn(place, "--pack", ...args);

/** With hard links: hundreds of names are one busybox. */
const copyRoot = (to: string): void => void Bun.spawnSync(["cp", "-a", `${root}/.`, to]);

/** The files behind loop devices, as far as they are ours. */
const loops = (): string[] =>
  readdirSync("/sys/block").flatMap((name) => {
    try {
      const file = readFileSync(`/sys/block/${name}/loop/backing_file`, "utf8").trim();
      return file.startsWith(place) ? [file] : [];
    } catch {
      return [];
    }
  });

describe("a packed file", () => {
  withErofs("runs without the directory it was made of, wherever it is", async () => {
    const gone = temporaryDirectory("pack-root");
    copyRoot(gone);
    writeFileSync(join(gone, "etc/mark"), "of the root\n");
    const file = await packed(gone, "sh", "-c", "cat /etc/mark; exit 7");
    rmSync(gone, { recursive: true });
    renameSync(file, `${file}.moved`);
    expect(await run([`${file}.moved`])).toMatchObject({ code: 7, stdout: "of the root\n", stderr: "" });
    expect(await eventually(() => loops().length === 0)).toBe(true);
  });

  withErofs("has a root that nobody can write to, with places for its mounts", async () => {
    const bare = temporaryDirectory("pack-root");
    mkdirSync(join(bare, "bin"));
    cpSync(join(root, "bin/busybox"), join(bare, "bin/busybox"));
    const script = "/bin/busybox touch /x; /bin/busybox ls /; /bin/busybox grep ' / ' /proc/mounts";
    const { stdout, stderr } = await run([await packed(bare, "/bin/busybox", "sh", "-c", script)]);
    expect(stderr).toContain("touch: /x: Read-only file system");
    expect(stdout).toStartWith("bin\ndev\nproc\nsys\n");
    expect(stdout).toMatch(/ \/ erofs ro,nodev/);
  });

  withErofs("has places for mounts and a directory behind symlinks as well", async () => {
    const own = temporaryDirectory("pack-root");
    copyRoot(own);
    Bun.spawnSync(["sh", "-c", "mkdir -p run; rm -rf var; mkdir var; ln -s /run var/run"], { cwd: own });
    const file = await packed(
      "--bind",
      "/etc:/var/run/a",
      "--workdir",
      "/var/run/b",
      own,
      "sh",
      "-c",
      "pwd -P; ls /run",
    );
    expect(await run([file])).toMatchObject({ code: 0, stdout: "/run/b\na\nb\n", stderr: "" });
  });

  withErofs("with --overlay has one that everybody can write to, and that is thrown away", async () => {
    const file = await packed("--overlay", root, "sh", "-c", "test ! -e /x && touch /x && ls /x");
    for (const _ of [1, 2]) expect(await run([file])).toMatchObject({ code: 0, stdout: "/x\n" });
  });

  withErofs("keeps owners, modes, links and attributes", async () => {
    const own = temporaryDirectory("pack-root");
    copyRoot(own);
    const make = `mkdir s && chown 7:8 s && chmod 2751 s && ln s/../etc/group s/hard && ln -s ../x s/soft &&
      mkfifo s/fifo && touch -d @1000000000 s/old`;
    Bun.spawnSync(["sh", "-c", make], { cwd: own });
    const { stdout } = await run([
      await packed(own, "sh", "-c", "cd s; stat -c '%n %a %u %g %h %Y' . hard fifo old; readlink soft"),
    ]);
    expect(stdout).toMatch(
      /^\. 2751 7 8 2 \d+\nhard 644 0 0 2 \d+\nfifo 644 0 8 1 \d+\nold 644 0 8 1 1000000000\n/,
    );
    expect(stdout).toEndWith("\n../x\n");
  });

  withErofs("is the same for the same input", async () => {
    const files = ["one", "two"].map((name) => join(place, name, "same.box"));
    for (const file of files) {
      mkdirSync(join(file, ".."));
      const args = ["compile", "--pack", "--memory", "64m", root, "sh", "-o", file];
      expect((await hutch(args)).code).toBe(0);
    }
    const [one, two] = files.map((file) => Bun.hash(readFileSync(file)));
    expect(one).toBe(two);
  });

  withErofs("says that it was cut, wherever that was, before it makes anything", async () => {
    const file = await packed(root, "echo", "whole");
    const { size } = statSync(file);
    for (const missing of [1, 4096, Math.floor(size / 2)]) {
      truncateSync(file, size - missing);
      const { code, stdout, stderr } = await run([file]);
      expect(stderr).toEndWith(
        ": look at the packed root: the file ended early; hint: copy it again, whole\n",
      );
      expect({ code, stdout }).toEqual({ code: 125, stdout: "" });
    }
  });

  withErofs("is not in itself when it is written into its own root again", async () => {
    const own = temporaryDirectory("pack-root");
    copyRoot(own);
    const env = { SOURCE_DATE_EPOCH: "1000000000" };
    const args = ["compile", "--pack", own, "sh", "-o", join(own, "box")];
    const hashes: unknown[] = [];
    for (const _ of [1, 2]) {
      expect(await hutch(args, { env })).toMatchObject({ code: 0, stderr: "" });
      hashes.push(Bun.hash(readFileSync(join(own, "box"))));
    }
    expect(hashes[0]).toBe(hashes[1]);
  });

  withErofs("of files with other times is the same by SOURCE_DATE_EPOCH", async () => {
    const copies = ["first", "second"].map((name) => join(temporaryDirectory("pack-root"), name));
    const hashes: unknown[] = [];
    for (const copy of copies) {
      mkdirSync(copy);
      copyRoot(copy);
      const file = join(copy, "../same.box");
      const env = { SOURCE_DATE_EPOCH: "1000000000" };
      expect(await hutch(["compile", "--pack", copy, "sh", "-o", file], { env })).toMatchObject({ code: 0 });
      hashes.push(Bun.hash(readFileSync(file)));
    }
    expect(hashes[0]).toBe(hashes[1]);
  });

  withErofs("tells an ordinary user which directory he may not read", async () => {
    const own = temporaryDirectory("pack-root");
    chmodSync(own, 0o777);
    mkdirSync(join(own, "root/closed"), { recursive: true, mode: 0o755 });
    chmodSync(join(own, "root/closed"), 0o700);
    const args = ["compile", "--pack", join(own, "root"), "true", "-o", join(own, "box")];
    const { stderr } = await hutch(args, ordinaryUser());
    expect(stderr).toBe(
      `hutch: list ${own}/root/closed: EACCES (permission denied); hint: --pack takes a root that this user may read, all of it\n`,
    );
  });

  withErofs("starts without a name, whatever else is open", async () => {
    const file = await packed(root, "echo", "a");
    const script = 'exec 3</dev/null 9<"$0"; rm "$0"; exec /proc/self/fd/9';
    expect(await run(["sh", "-c", script, file])).toMatchObject({ code: 0, stdout: "a\n", stderr: "" });
  });

  withErofs("starts many times at once, and with any descriptors", async () => {
    const file = await packed(root, "sh", "-c", "ls /proc/self/fd | tr '\\n' ' '");
    const all = await Promise.all(Array.from({ length: 8 }, () => run([file])));
    for (const { code, stdout } of all) expect([code, stdout]).toEqual([0, "0 1 2 3 "]);
    const script = 'exec 3</dev/null 4</dev/null 9</dev/null; exec "$0"';
    expect(await run(["sh", "-c", script, file])).toMatchObject({ code: 0, stdout: "0 1 2 3 " });
    expect(await run(["sh", "-c", 'exec "$0" <&-', file])).toMatchObject({ code: 0, stdout: "0 1 2 3 " });
    expect(await eventually(() => loops().length === 0)).toBe(true);
  });

  withErofs("leaves no device behind when its launcher is killed", async () => {
    const file = await packed(root, "sh", "-c", "echo runs; sleep 60");
    const child = Bun.spawn([file], { stdio: ["ignore", "pipe", "ignore"] });
    await child.stdout.getReader().read();
    child.kill("SIGKILL");
    await child.exited;
    expect(await eventually(() => loops().length === 0)).toBe(true);
  });

  withErofs("is made of a bundle too", async () => {
    const bundle = temporaryDirectory("pack-bundle");
    const spec = defaultSpec();
    const config = {
      ...spec,
      root: { path: root },
      process: { ...spec.process, args: ["hostname"], terminal: false },
    };
    writeFileSync(join(bundle, "config.json"), JSON.stringify(config));
    expect(await run([await packed("--bundle", bundle)])).toMatchObject({ code: 0, stdout: "hutch\n" });
  });

  withErofs("tells its plan", async () => {
    const { stdout } = await hutch(["explain", await packed(root, "sh")]);
    expect(stdout).toContain("mount the packed root");
    expect(stdout).not.toContain(root);
  });
});

describe("a refusal", () => {
  withErofs("of what cannot be packed comes before anything is written", async () => {
    const file = join(place, "none");
    const says = async (...args: string[]) =>
      (await hutch(["compile", "--pack", "-o", file, ...args])).stderr;
    expect(await says("/", "true")).toContain("--pack: expected a directory other than / as WHERE");
    expect(await says("--json", root, "true")).toContain("--json: the plan of a packed root is not written");
    const odd = temporaryDirectory("pack-root");
    Bun.spawnSync(["sh", "-c", "touch \"$(printf 'a\\377b')\""], { cwd: odd });
    expect(await says(odd, "true")).toContain("its name or target is not UTF-8");
    expect(readdirSync(place).filter((name) => name.startsWith("none"))).toEqual([]);
  });
});
