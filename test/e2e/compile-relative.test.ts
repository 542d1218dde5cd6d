/** hutch compile --relative: files that are moved about with what lies beside them. */
import { beforeAll, describe, expect } from "bun:test";
import { mkdirSync, readFileSync, renameSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { lacksErofs } from "../support/erofs.ts";
import { hutch, lacksHutch, run } from "../support/hutch.ts";
import { lacksBusybox, rootfs } from "../support/rootfs.ts";
import { anyReason, lacksRoot, testUnless } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const REASON = anyReason(lacksHutch(), lacksBusybox(), lacksRoot());
const withRoot = testUnless(REASON);
/** On a machine without erofs a packed file does not run; test/e2e/pack.test.ts skips there and says so. */
const canPack = lacksErofs() === undefined;

let root = "";
beforeAll(async () => {
  if (REASON === undefined) root = await rootfs();
});

describe("a file with --relative", () => {
  withRoot("moves about with its root: --relative", async () => {
    const home = temporaryDirectory("relative");
    mkdirSync(join(home, "old"));
    await rootfs(join(home, "old/rootfs"));
    const args = [
      "compile",
      "--relative",
      "--bind",
      "./rootfs/etc:/mnt",
      "./rootfs",
      "ls",
      "/mnt",
      "-o",
      "box",
    ];
    expect(await hutch(args, { cwd: join(home, "old") })).toMatchObject({ code: 0, stderr: "" });
    renameSync(join(home, "old"), join(home, "new"));
    expect(await run([join(home, "new/box")])).toMatchObject({
      code: 0,
      stdout: "group\npasswd\n",
      stderr: "",
    });
  });

  withRoot("moves about with its layer, and what is bound over one", async () => {
    const home = temporaryDirectory("relative");
    mkdirSync(join(home, "old/layer"), { recursive: true });
    mkdirSync(join(home, "old/rootfs/mnt"), { recursive: true });
    await rootfs(join(home, "old/rootfs"));
    const bind = ["--bind", "./layer:/mnt"];
    const write = ["./rootfs", "sh", "-c", "echo new > /file; ls /mnt"];
    for (const [name, ...options] of [
      ["kept", "--overlay=./layer", ...bind],
      ["lost", "--overlay", ...bind],
      ["packed", "--pack", "--overlay=./layer", ...bind],
      ["mapped", "--uid-map=0:0:65536", "--overlay=./layer", ...bind],
    ]) {
      const args = ["compile", "--relative", ...options, ...write, "-o", name ?? ""];
      expect(await hutch(args, { cwd: join(home, "old") })).toMatchObject({ code: 0, stderr: "" });
    }
    renameSync(join(home, "old"), join(home, "new"));
    for (const name of ["lost", "kept", ...(canPack ? ["packed"] : []), "mapped"]) {
      const stdout = name === "lost" ? "" : "upper\nwork\n";
      expect(await run([join(home, "new", name)])).toMatchObject({ code: 0, stdout, stderr: "" });
    }
    expect(readFileSync(join(home, "new/layer/upper/file"), "utf8")).toBe("new\n");
  });

  withRoot("names what it looks for beside itself, not where that was when it was compiled", async () => {
    const home = temporaryDirectory("relative");
    mkdirSync(join(home, "layer"));
    await rootfs(join(home, "rootfs"));
    const args = [
      "--relative",
      "--overlay=./layer",
      "--bind",
      "./rootfs/etc:/mnt",
      "./rootfs",
      "id",
      "-o",
      "box",
    ];
    expect(await hutch(["compile", ...args], { cwd: home })).toMatchObject({ code: 0, stderr: "" });
    const { stdout } = await hutch(["explain", join(home, "box")]);
    expect(stdout).not.toContain(home);
    expect(stdout).toContain("bind rootfs/etc beside this file on /mnt (rbind,nosuid,nodev)");
    for (const [name, told] of [
      ["layer", "open the layer layer beside this file"],
      ["rootfs", "attach the root rootfs beside this file"],
    ] as const) {
      renameSync(join(home, name), join(home, `${name}.away`));
      const { stderr } = await run([join(home, "box")]);
      expect(stderr).toStartWith(`box: ${told}: open_tree: ENOENT `);
    }
  });

  withRoot("moves about also when it was written through a symlink", async () => {
    const home = temporaryDirectory("relative");
    mkdirSync(join(home, "old"));
    symlinkSync("old", join(home, "link"));
    await rootfs(join(home, "old/rootfs"));
    const bind = `${home}/link/rootfs/etc:/mnt`;
    const args = ["--relative", "--bind", bind, "link/rootfs", "ls", "/mnt", "-o", "link/box"];
    expect(await hutch(["compile", ...args], { cwd: home })).toMatchObject({ code: 0, stderr: "" });
    renameSync(join(home, "old"), join(home, "new"));
    expect(await run([join(home, "new/box")])).toMatchObject({ stdout: "group\npasswd\n", stderr: "" });
  });

  withRoot("tells which paths do not move about with it", async () => {
    const home = temporaryDirectory("relative");
    await rootfs(join(home, "rootfs"));
    const args = ["compile", "--relative", "--bind", "./rootfs/etc:/mnt", "--bind", "/usr:/srv", "-o", "box"];
    const told = (...paths: string[]) =>
      `hutch: warning: --relative: not below ${home}, and stays where it is: ${paths.join(", ")}\n`;
    for (const [where, expected, ...options] of [
      ["./rootfs", told("/usr")],
      [root, told(root, "/usr")],
      ["./rootfs", told("/usr"), "--pack"],
    ] as const) {
      const result = await hutch([...args, ...options, where, "true"], { cwd: home });
      expect({ where, ...result }).toMatchObject({ where, code: 0, stderr: expected });
      if (canPack || options.length === 0)
        expect(await run([join(home, "box")])).toMatchObject({ code: 0, stderr: "" });
    }
  });
});
