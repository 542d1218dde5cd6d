/** hutch as a package that a project depends on, and its documentation: every example of it is run. */
import { beforeAll, describe, expect } from "bun:test";
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { defaultSpec } from "../../src/spec/default.ts";
import { run } from "../support/hutch.ts";
import { lacksBusybox, rootfs } from "../support/rootfs.ts";
import { anyReason, lacksCgroup, lacksRoot, lacksUserNamespaces, testUnless } from "../support/skip.ts";
import { ROOT } from "../support/source.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { ordinaryUser } from "../support/user.ts";

const LACKS_LIMITS =
  lacksCgroup(1) === undefined || lacksCgroup(2) === undefined ? undefined : "needs cgroups";
const REASON = anyReason(lacksRoot(), lacksBusybox(), LACKS_LIMITS);
const withRoot = testUnless(REASON);

interface Example {
  readonly heading: string;
  readonly code: string;
  readonly output: string;
}

/** Each block of ts, with the block of text that follows it: what it prints. */
function examplesOf(text: string): Example[] {
  const sections = text.split(/^## /m).slice(1);
  return sections.flatMap((section) =>
    [...section.matchAll(/^```ts\n([\s\S]*?)^```\n\n```text\n([\s\S]*?)^```$/gm)].map(
      ([, code = "", output = ""]) => ({ heading: section.split("\n")[0] ?? "", code, output }),
    ),
  );
}

const DOCUMENT = readFileSync(join(ROOT, "docs/library.md"), "utf8");
const EXAMPLES = examplesOf(DOCUMENT);

/** What `bun init` writes, as far as types go. */
const TSCONFIG = {
  compilerOptions: {
    lib: ["ESNext"],
    target: "ESNext",
    module: "Preserve",
    moduleDetection: "force",
    moduleResolution: "bundler",
    allowImportingTsExtensions: true,
    verbatimModuleSyntax: true,
    noEmit: true,
    strict: true,
    skipLibCheck: true,
    noUncheckedIndexedAccess: true,
    types: ["bun-types"],
  },
};

/** What `npm pack` makes of this, without the executable, as it lies in a project that has installed it. */
function install(directory: string): void {
  const source = temporaryDirectory("package");
  for (const name of ["package.json", "README.md", "src", "docs", "test/library"]) {
    cpSync(join(ROOT, name), join(source, name), { recursive: true });
  }
  const pack = [process.execPath, "pm", "pack", "--quiet", "--filename", join(source, "hutch.tgz")];
  const packed = Bun.spawnSync(pack, { cwd: source, stdio: ["ignore", "pipe", "pipe"] });
  if (!packed.success) throw new Error(`bun pm pack: ${packed.stderr}`);
  mkdirSync(directory);
  Bun.spawnSync(["tar", "-xzf", join(source, "hutch.tgz"), "-C", directory, "--strip-components=1"]);
}

/** A project that depends on hutch, by a link as `npm link` makes it, or installed as by `bun add FILE`. */
async function project(how: "link" | "installed"): Promise<string> {
  const directory = temporaryDirectory("project");
  const modules = join(directory, "node_modules");
  mkdirSync(modules);
  for (const name of ["bun-types", "@types", "undici-types"]) {
    symlinkSync(join(ROOT, "node_modules", name), join(modules, name));
  }
  if (how === "link") symlinkSync(ROOT, join(modules, "hutch"));
  else {
    cpSync(join(ROOT, "node_modules/valibot"), join(modules, "valibot"), { recursive: true });
    install(join(modules, "hutch"));
  }
  mkdirSync(join(directory, "rootfs"));
  await rootfs(join(directory, "rootfs"));
  const spec = defaultSpec();
  mkdirSync(join(directory, "bundle"));
  const process = { ...spec.process, args: ["echo", "from a bundle"], terminal: false };
  const config = { ...spec, process, root: { path: "../rootfs" } };
  writeFileSync(join(directory, "bundle/config.json"), JSON.stringify(config));
  writeFileSync(join(directory, "tsconfig.json"), JSON.stringify(TSCONFIG));
  for (const [index, { code }] of EXAMPLES.entries()) {
    writeFileSync(join(directory, `example-${index}.ts`), code);
  }
  return directory;
}

async function bun(cwd: string, ...args: readonly string[]) {
  const child = Bun.spawn([process.execPath, ...args], {
    cwd,
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 60_000,
  });
  const [stdout, stderr, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { code, stdout, stderr };
}

let installed = "";
beforeAll(async () => {
  if (REASON === undefined) installed = await project("installed");
});

withRoot("the package has the library and its documentation, and no tests", () => {
  expect(readdirSync(join(installed, "node_modules/hutch")).sort()).toEqual([
    "README.md",
    "docs",
    "package.json",
    "src",
  ]);
});

withRoot("the example of the README runs", async () => {
  const readme = readFileSync(join(ROOT, "README.md"), "utf8");
  const [, block = ""] = /^## As a library\n\n((?: {4}.*\n)+)/m.exec(readme) ?? [];
  writeFileSync(join(installed, "rootfs/bin/server"), "#!/bin/sh\ntest -d /proc/1\n", { mode: 0o755 });
  writeFileSync(join(installed, "readme.ts"), `${block}console.log((await box.exited).code);\n`);
  const { code, stdout, stderr } = await bun(installed, "readme.ts");
  expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: "0\n", stderr: "" });
});

describe("the documentation", () => {
  withRoot("has an example in every section, and none that is not run", () => {
    const sections = DOCUMENT.match(/^## /gm) ?? [];
    expect(EXAMPLES.length).toBe(sections.length);
    expect(DOCUMENT.match(/^```ts$/gm)).toHaveLength(EXAMPLES.length);
  });

  for (const [index, { heading, output }] of EXAMPLES.entries()) {
    withRoot(`${heading}: prints what it says`, async () => {
      const { code, stdout, stderr } = await bun(installed, `example-${index}.ts`);
      expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: output, stderr: "" });
    });
  }

  withRoot("is right about the types", async () => {
    const { code, stdout } = await bun(installed, "check");
    expect({ code, errors: stdout.match(/error TS.*/g) }).toEqual({ code: 0, errors: null });
  });
});

withRoot("types are exact: a wrong option and a stream that is none are errors", async () => {
  const wrong = [
    'import { container } from "hutch";',
    'container({ root: "/", command: ["true"], memry: 1 });',
    'container({ root: "/", command: "true" });',
    'container({ root: "/" });',
    'container({ root: "/", command: ["true"], init: "yes" });',
    'const box = await container({ root: "/", command: ["true"] }).start({ stdout: "pipe" });',
    "box.stdin.write;",
    "box.stderr.text();",
    "const code: number = (await box.exited).code;",
    "export { code };",
  ].join("\n");
  writeFileSync(join(installed, "wrong.ts"), wrong);
  const { stdout, stderr } = await bun(installed, "check", "--all", "wrong.ts");
  const lines = [...`${stdout}${stderr}`.matchAll(/wrong\.ts\((\d+),/g)].map(([, line]) => Number(line));
  expect([...new Set(lines)].sort((a, b) => a - b)).toEqual([2, 3, 4, 5, 7, 8, 9]);
});

testUnless(anyReason(REASON, lacksUserNamespaces()))(
  "an ordinary user's containers run, with a process more, and end",
  async () => {
    const program = [
      'import { container } from "hutch";',
      'const box = await container({ root: "./rootfs", command: ["sleep", "60"] }).start();',
      'const added = await box.exec(["sh", "-c", "id -u; cat /proc/self/uid_map"], { stdout: "pipe" });',
      "console.log(await added.stdout.text(), (await added.exited).code, box.kill('SIGKILL'));",
      "console.log((await box.exited).signal);",
    ].join("\n");
    writeFileSync(join(installed, "user.ts"), program);
    // Where the user can reach it.
    const own = join(installed, "bun");
    cpSync(process.execPath, own, { dereference: true });
    const { uid, env } = ordinaryUser();
    const { code, stdout, stderr } = await run([own, "user.ts"], { cwd: installed, uid, env });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout.replace(/ +/g, " ")).toBe(`0\n 0 ${uid} 1\n 0 true\nSIGKILL\n`);
  },
);

withRoot("a package that is linked works as one that is installed", async () => {
  const { code, stdout, stderr } = await bun(await project("link"), "example-0.ts");
  expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: EXAMPLES[0]?.output ?? "", stderr: "" });
});
