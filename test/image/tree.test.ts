import { expect, test } from "bun:test";
import { type Directory, type Node, sortedEntries } from "../../src/image/tree.ts";

const PLAIN = { mode: 0o644, uid: 0, gid: 0, modified: 0n, xattrs: [] };
const fifo: Node = { ...PLAIN, kind: "fifo" };

test("names are in the order of their bytes, not of UTF-16", () => {
  const names = ["b", "a", "\u{1f600}", "\uffee", "B", "é", "a.b", "a-b"];
  const tree: Directory = {
    ...PLAIN,
    kind: "directory",
    entries: new Map(names.map((name) => [name, fifo])),
  };
  expect(sortedEntries(tree).map(([name]) => name)).toEqual([
    "B",
    "a",
    "a-b",
    "a.b",
    "b",
    "é",
    "\uffee",
    "\u{1f600}",
  ]);
});
