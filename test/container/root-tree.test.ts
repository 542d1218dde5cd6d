/** A hostile directory as a tree. */
import { describe, expect, test } from "bun:test";
import { linkSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readRootTree } from "../../src/container/root-tree.ts";
import type { Directory, Node } from "../../src/image/tree.ts";
import { lacksRoot, testUnless } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";

function example(): string {
  const root = temporaryDirectory("tree");
  mkdirSync(join(root, "directory"), { mode: 0o750 });
  writeFileSync(join(root, "directory/file"), "0123456789", { mode: 0o640 });
  linkSync(join(root, "directory/file"), join(root, "hard"));
  symlinkSync("/etc/passwd", join(root, "out"));
  symlinkSync("/", join(root, "everything"));
  return root;
}

const at = (tree: Directory, ...names: readonly string[]): Node | undefined =>
  names.reduce<Node | undefined>(
    (node, name) => (node?.kind === "directory" ? node.entries.get(name) : undefined),
    tree,
  );

function fileAt(tree: Directory, ...names: readonly string[]) {
  const node = at(tree, ...names);
  if (node?.kind !== "file") throw new Error("expected a file");
  return node;
}

describe("a tree", () => {
  test("is what the directory has, and symlinks are not followed", () => {
    using root = readRootTree(example());
    expect(at(root.tree, "directory")).toMatchObject({ kind: "directory", mode: 0o750 });
    expect(at(root.tree, "directory", "file")).toMatchObject({ kind: "file", mode: 0o640, size: 10 });
    expect(at(root.tree, "out")).toMatchObject({ kind: "symlink", target: "/etc/passwd" });
    expect(at(root.tree, "everything")).toMatchObject({ kind: "symlink", target: "/" });
  });

  test("has a file with two names once", () => {
    using root = readRootTree(example());
    expect(at(root.tree, "hard")).toBe(fileAt(root.tree, "directory", "file"));
  });

  test("reads its files piece by piece", () => {
    using root = readRootTree(example());
    const bytes = new Uint8Array(new ArrayBuffer(4));
    root.read(fileAt(root.tree, "hard"), bytes, 3);
    expect(new TextDecoder().decode(bytes)).toBe("3456");
  });

  test("refuses a file that has changed since", () => {
    const path = example();
    using root = readRootTree(path);
    const file = fileAt(root.tree, "hard");
    writeFileSync(join(path, "hard"), "something else");
    expect(() => root.read(file, new Uint8Array(new ArrayBuffer(4)), 0)).toThrow("it changed meanwhile");
  });

  test("refuses a file that has become a symlink", () => {
    const path = example();
    using root = readRootTree(path);
    const file = fileAt(root.tree, "directory", "file");
    Bun.spawnSync(["sh", "-c", "rm -r directory && ln -s /etc directory"], { cwd: path });
    expect(() => root.read(file, new Uint8Array(new ArrayBuffer(4)), 0)).toThrow("ELOOP");
  });

  test("has no time after the one that is the latest", () => {
    const path = example();
    utimesSync(join(path, "hard"), 100, 100);
    using root = readRootTree(path, 200_000_000_000n);
    expect(at(root.tree, "hard")?.modified).toBe(100_000_000_000n);
    expect(root.tree.modified).toBe(200_000_000_000n);
  });

  test("refuses names that are not UTF-8, for they would get others", () => {
    const path = temporaryDirectory("tree");
    Bun.spawnSync(["sh", "-c", "touch \"$(printf 'a\\377b')\""], { cwd: path });
    expect(() => readRootTree(path)).toThrow("its name or target is not UTF-8");
  });

  test("that cannot be read, or has a target that is not UTF-8, is told by its path", () => {
    const path = temporaryDirectory("tree");
    Bun.spawnSync(["sh", "-c", "mkdir below; ln -s \"$(printf '\\377')\" below/link"], { cwd: path });
    expect(() => readRootTree(path)).toThrow(`pack ${path}/below/link: its name or target is not UTF-8`);
  });

  test("is without the file that is to be written", () => {
    const path = example();
    using root = readRootTree(path, undefined, join(path, "hard"));
    expect([...root.tree.entries.keys()].sort()).toEqual(["directory", "everything", "out"]);
    expect(at(root.tree, "directory", "file")).toBeUndefined();
    using whole = readRootTree(path, undefined, join(path, "nothing"));
    expect(whole.tree.entries.size).toBe(4);
  });

  test("of what is not there is an error", () => {
    expect(() => readRootTree("/nowhere")).toThrow("open /nowhere");
  });

  testUnless(lacksRoot())("leaves out what is mounted below", () => {
    const path = example();
    const library = JSON.stringify(join(import.meta.dir, "../../src/container/root-tree.ts"));
    const program = `const { readRootTree } = await import(${library});
      const node = readRootTree(${JSON.stringify(path)}).tree.entries.get("directory");
      console.log(node.kind, node.entries.size);`;
    const script = `mount -t tmpfs none ${path}/directory && touch ${path}/directory/x && exec "$0" -e "$1"`;
    const done = Bun.spawnSync(["unshare", "-m", "sh", "-c", script, process.execPath, program]);
    expect(done.stdout.toString()).toBe("directory 0\n");
  });
});
