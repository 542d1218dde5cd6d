/** Programs that are kept: used when nothing has changed, and only when they can be trusted. */
import { beforeAll, describe, expect } from "bun:test";
import {
  chmodSync,
  chownSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { emit } from "../../src/emit/index.ts";
import { exit } from "../../src/plan/build.ts";
import { type HutchResult, hutch, lacksHutch } from "../support/hutch.ts";
import { lacksBusybox, rootfs } from "../support/rootfs.ts";
import { anyReason, lacksRoot, testUnless } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const asRoot = testUnless(anyReason(lacksHutch(), lacksRoot(), lacksBusybox()));

/** A program that says by its exit code that it is not the one hutch would make. */
const FORGED = 42;
const OTHER_USER = 20_001;

let root = "";
let serial = 0;

beforeAll(async () => {
  if (anyReason(lacksHutch(), lacksRoot(), lacksBusybox()) === undefined) root = await rootfs();
});

interface Case {
  readonly directory: string;
  readonly bundle: string;
  readonly run: () => Promise<HutchResult>;
  /** The file of the only kept program. */
  readonly file: () => string;
}

/** A bundle that prints `text`, with a directory for its programs. */
async function prepare(text = "one"): Promise<Case> {
  const bundle = temporaryDirectory("kept");
  const directory = join(bundle, "programs");
  await hutch(["spec", "--bundle", bundle]);
  configure(bundle, text);
  const run = () =>
    hutch(["run", "--bundle", bundle, `hutch-kept-${process.pid}-${++serial}`], {
      env: { HUTCH_CACHE: directory },
    });
  const file = () => join(directory, readdirSync(directory)[0] ?? "");
  return { directory, bundle, run, file };
}

function configure(bundle: string, text: string): void {
  const path = join(bundle, "config.json");
  const config = JSON.parse(readFileSync(path, "utf8"));
  config.process.terminal = false;
  config.process.args = ["echo", text];
  config.root.path = root;
  writeFileSync(path, JSON.stringify(config));
}

/** Puts another program behind the header of a kept one. */
function forge(file: string): void {
  const kept = readFileSync(file);
  const header = kept.subarray(0, kept.indexOf(0x0a) + 1);
  const arch = process.arch === "arm64" ? "aarch64" : "x86_64";
  const program = emit([exit(FORGED, "tell")], { arch, report: { kind: "print", prefix: "forged" } });
  writeFileSync(file, Buffer.concat([header, program]));
}

describe("a kept program", () => {
  asRoot("is used by the second start", async () => {
    const { run, file } = await prepare();
    expect(await run()).toMatchObject({ code: 0, stdout: "one\n" });
    expect(await run()).toMatchObject({ code: 0, stdout: "one\n" });
    forge(file());
    expect((await run()).code).toBe(FORGED);
    // The forged program forgets nothing.
    await hutch(["delete", "--force", `hutch-kept-${process.pid}-${serial}`]);
  });

  asRoot("is not used when the config has changed", async () => {
    const { run, file, bundle } = await prepare();
    await run();
    forge(file());
    configure(bundle, "two");
    expect(await run()).toMatchObject({ code: 0, stdout: "two\n" });
  });

  asRoot("is not used when others may write to it, or to its directory", async () => {
    for (const path of ["directory", "file"] as const) {
      const { run, file, directory } = await prepare();
      await run();
      forge(file());
      chmodSync(path === "file" ? file() : directory, path === "file" ? 0o666 : 0o777);
      expect(await run()).toMatchObject({ code: 0, stdout: "one\n" });
    }
  });

  asRoot("is not used when it belongs to somebody else", async () => {
    for (const path of ["directory", "file"] as const) {
      const { run, file, directory } = await prepare();
      await run();
      forge(file());
      chownSync(path === "file" ? file() : directory, OTHER_USER, OTHER_USER);
      expect(await run()).toMatchObject({ code: 0, stdout: "one\n" });
    }
  });

  asRoot("is not looked for behind a symlink", async () => {
    const { run, file } = await prepare();
    await run();
    forge(file());
    const real = `${file()}.real`;
    const name = file();
    renameSync(name, real);
    symlinkSync(real, name);
    expect(await run()).toMatchObject({ code: 0, stdout: "one\n" });
  });

  asRoot("that is damaged is made anew", async () => {
    for (const damage of ["", "no header", "{}\n", '{"asked":[["kind"]],"digest":"","warnings":[]}\n']) {
      const { run, file } = await prepare();
      await run();
      writeFileSync(file(), damage);
      expect(await run()).toMatchObject({ code: 0, stdout: "one\n" });
    }
  });

  asRoot("serves containers of different ids at once, each with a cgroup of its own", async () => {
    const { run, directory } = await prepare();
    await run();
    const results = await Promise.all(Array.from({ length: 5 }, run));
    for (const result of results) expect(result).toMatchObject({ code: 0, stdout: "one\n", stderr: "" });
    expect(readdirSync(directory)).toHaveLength(1);
  });
});

asRoot("HUTCH_CACHE=off keeps nothing", async () => {
  const { bundle, directory } = await prepare();
  const result = await hutch(["run", "--bundle", bundle, `hutch-kept-${process.pid}-${++serial}`], {
    env: { HUTCH_CACHE: "off" },
  });
  expect(result).toMatchObject({ code: 0, stdout: "one\n" });
  expect(existsSync(directory)).toBe(false);
});

asRoot("warnings are repeated by the start from a kept program", async () => {
  const { bundle, run } = await prepare();
  const path = join(bundle, "config.json");
  const config = JSON.parse(readFileSync(path, "utf8"));
  config.process.capabilities.ambient = ["CAP_KILL"];
  writeFileSync(path, JSON.stringify(config));
  const [first, second] = [await run(), await run()];
  expect(first.stderr).toContain("process.capabilities.ambient");
  expect(second.stderr).toBe(first.stderr);
});
