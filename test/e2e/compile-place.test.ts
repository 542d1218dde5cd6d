/** Where a compiled file finds its root, and writes its report. */
import { beforeAll, describe, expect } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, symlinkSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { hutch, lacksHutch, run } from "../support/hutch.ts";
import { lacksBusybox, rootfs } from "../support/rootfs.ts";
import { anyReason, lacksRoot, testUnless } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { ordinaryUser } from "../support/user.ts";
import { compiledIn } from "./support-compile.ts";

const REASON = anyReason(lacksHutch(), lacksBusybox(), lacksRoot());
const withRoot = testUnless(REASON);

let root = "";
let place = "";

beforeAll(async () => {
  if (REASON !== undefined) return;
  root = await rootfs();
  place = temporaryDirectory("compile");
  chmodSync(place, 0o755);
  chmodSync(root, 0o755);
});

const compiled = (...args: string[]): Promise<string> => compiledIn(place, ...args);

describe("a compiled file", () => {
  withRoot("writes its report where --report led to when it was compiled, or beside itself", async () => {
    const home = temporaryDirectory("report-path");
    mkdirSync(join(home, "old/z"), { recursive: true });
    mkdirSync(join(home, "old/other"));
    for (const [name, ...option] of [["fixed"], ["moving", "--relative"]]) {
      const args = ["compile", ...option, "--report", "./z/rep.json", root, "true", "-o", name ?? ""];
      expect(await hutch(args, { cwd: join(home, "old") })).toMatchObject({ code: 0 });
    }
    const report = join(home, "old/z/rep.json");
    expect(await run([join(home, "old/fixed")], { cwd: join(home, "old/other") })).toMatchObject({ code: 0 });
    expect(JSON.parse(readFileSync(report, "utf8"))).toMatchObject({ code: 0 });
    renameSync(join(home, "old"), join(home, "new"));
    expect(await run([join(home, "new/fixed")])).toMatchObject({
      code: 125,
      stderr: `fixed: open the report ${report}: openat: ENOENT (no such file or directory); hint: the report's directory does not exist\n`,
    });
    unlinkSync(join(home, "new/z/rep.json"));
    expect(await run([join(home, "new/moving")], { cwd: "/" })).toMatchObject({ code: 0, stderr: "" });
    expect(JSON.parse(readFileSync(join(home, "new/z/rep.json"), "utf8"))).toMatchObject({ code: 0 });
  });

  withRoot(
    "of --relative takes no relative path of the environment, which would lead elsewhere",
    async () => {
      const file = await compiled("--relative", "--rootfs-from-env", "BOX_ROOT", "echo", "ran");
      const relative = { cwd: join(root, ".."), env: { BOX_ROOT: root.slice(root.lastIndexOf("/") + 1) } };
      expect(await run([file], relative)).toMatchObject({
        code: 125,
        stdout: "",
        stderr: expect.stringContaining("BOX_ROOT is no absolute path, which a file of --relative takes"),
      });
      expect(await run([file], { env: { BOX_ROOT: root } })).toMatchObject({ code: 0, stdout: "ran\n" });
    },
  );

  withRoot("refuses the host's own root, by whatever path the environment leads there", async () => {
    const [leak, touched] = [join(temporaryDirectory("slash"), "link"), `/hutch-${process.pid}`];
    symlinkSync("/", leak);
    chmodSync(join(leak, ".."), 0o755);
    const command = ["sh", "-c", `touch ${touched}; echo ran`];
    const plain = await compiled("--rootfs-from-env", "BOX_ROOT", ...command);
    const mapped = await compiled("--uid-map", "0:0:65536", "--rootfs-from-env", "BOX_ROOT", ...command);
    const overlay = await compiled("--overlay", "--rootfs-from-env", "BOX_ROOT", ...command);
    const user = ordinaryUser();
    for (const path of ["/", leak, "/../", "/proc/self/root"])
      for (const [file, who] of [
        [plain, {}],
        [plain, user],
        [mapped, {}],
        [overlay, {}],
        [overlay, user],
      ] as const) {
        const { code, stdout, stderr } = await run([file], { ...who, env: { BOX_ROOT: path } });
        expect(stderr).toContain(
          " the root $BOX_ROOT: it is the host's own root; hint: name another directory",
        );
        expect({ code, stdout }).toEqual({ code: 125, stdout: "" });
      }
    expect(existsSync(touched)).toBe(false);
  });

  withRoot("of a bundle names the variable, too", async () => {
    const directory = temporaryDirectory("env-bundle");
    await hutch(["spec", "--bundle", directory]);
    mkdirSync(join(directory, "rootfs"));
    const file = await compiled("--bundle", directory, "--rootfs-from-env", "BOX_ROOT");
    const { stderr } = await run([file], { env: { BOX_ROOT: "/nowhere" } });
    expect(stderr).toContain(": attach the root $BOX_ROOT /nowhere: open_tree: ENOENT ");
  });

  withRoot("takes its root from the environment wherever it was compiled", async () => {
    const file = join(place, "from-slash");
    const args = [
      "--rootfs-from-env",
      "BOX_ROOT",
      "--overlay",
      "sh",
      "-c",
      "id -u; echo > /file",
      "-o",
      file,
    ];
    expect(await hutch(["compile", ...args], { cwd: "/" })).toMatchObject({ code: 0, stderr: "" });
    for (const who of [{}, ordinaryUser()])
      expect(await run([file], { ...who, env: { BOX_ROOT: root } })).toMatchObject({
        stdout: "0\n",
        stderr: "",
      });
    expect(existsSync(join(root, "file"))).toBe(false);
  });
});
