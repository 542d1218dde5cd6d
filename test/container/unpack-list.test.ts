/** Lists as plan/unpack.ts reads them; test/e2e/pack-user.test.ts has files made by them. */
import { expect, test } from "bun:test";
import { unpackList } from "../../src/container/unpack-list.ts";
import type { Directory, Node } from "../../src/image/tree.ts";
import { FLAG, KIND, LIST_TAIL, RECORD } from "../../src/plan/unpack.ts";

const OWN = { mode: 0o755, uid: 0, gid: 0, modified: 1_500_000_000n, xattrs: [] };
const directory = (entries: Record<string, Node>, of: Partial<Directory> = {}): Directory => ({
  ...OWN,
  ...of,
  kind: "directory",
  entries: new Map(Object.entries(entries)),
});
const file = (of: object = {}) => ({ ...OWN, kind: "file", size: 0, path: "", ...of }) as const;

/** [kind, name, text or bytes of the second part] of each record. */
function read(list: Uint8Array) {
  const view = new DataView(list.buffer, list.byteOffset, list.byteLength);
  const found: { kind: number; name: string; second: string; at: number }[] = [];
  for (let at = 0; at < list.length - LIST_TAIL; ) {
    const size = view.getUint32(at + RECORD.size, true);
    const second = view.getUint32(at + RECORD.second, true);
    const text = (from: number, to: number) =>
      new TextDecoder().decode(list.subarray(at + from, at + to)).replace(/\0$/, "");
    found.push({
      kind: list[at + RECORD.kind] ?? -1,
      name: text(RECORD.name, second),
      second: text(second, size),
      at,
    });
    at += size;
  }
  return { view, found, brief: found.map(({ kind, name, second }) => [kind, name, second]) };
}

test("a directory begins, has its entries by name, and ends with its attributes", () => {
  const tree = directory({
    b: { ...OWN, kind: "symlink", target: "../x" },
    a: directory({
      f: { ...OWN, kind: "fifo" },
      d: { ...OWN, kind: "character", device: { major: 1, minor: 3 } },
    }),
  });
  expect(read(unpackList(tree, () => [])).brief).toEqual([
    [KIND.directory, "a", ""],
    [KIND.special, "f", ""],
    [KIND.leave, ".", ""],
    [KIND.symlink, "b", "../x"],
    [KIND.leave, ".", ""],
  ]);
});

test("a second name is a link to the first, unless that has no path of 4095 bytes", () => {
  const twice = file();
  const deep = (depth: number): Node =>
    depth === 0 ? directory({ x: twice }) : directory({ ["n".repeat(250)]: deep(depth - 1) });
  expect(read(unpackList(directory({ a: twice, b: twice }), () => [])).brief).toContainEqual([
    KIND.link,
    "b",
    "/a",
  ]);
  const names = read(unpackList(directory({ a: deep(20), b: twice }), () => [])).brief;
  expect(names.at(-2)).toEqual([KIND.file, "b", ""]);
});

test("times, owners, special bits and the places of data are in their fields", () => {
  const tree = directory({ f: file({ mode: 0o4711, uid: 7, gid: 8, modified: -1n }) });
  const { view, found } = read(unpackList(tree, () => [{ from: 4096, at: 2 ** 33, length: 5 }]));
  const [{ at } = { at: -1 }] = found;
  expect(view.getUint16(at + RECORD.mode, true)).toBe(0o4711);
  expect(view.getUint8(at + RECORD.flags)).toBe(0);
  expect([view.getUint32(at + RECORD.uid, true), view.getUint32(at + RECORD.gid, true)]).toEqual([7, 8]);
  expect(view.getBigInt64(at + RECORD.seconds, true)).toBe(-1n);
  expect(view.getUint32(at + RECORD.nanoseconds, true)).toBe(999_999_999);
  const second = at + view.getUint32(at + RECORD.second, true);
  expect([0, 8, 16].map((offset) => view.getBigUint64(second + offset, true))).toEqual([
    4096n,
    2n ** 33n,
    5n,
  ]);
  const end = found.at(-1)?.at ?? -1;
  // The tmpfs has another mode of its own.
  expect(view.getUint8(end + RECORD.flags)).toBe(FLAG.ownedByRoot);
});

test("an extended attribute follows its file, with the place of its value", () => {
  const value = new Uint8Array([1, 2, 3]);
  const list = unpackList(directory({ f: file({ xattrs: [{ name: "user.x", value }] }) }), () => []);
  const { view, found } = read(list);
  const attribute = found[1];
  expect(attribute).toMatchObject({ kind: KIND.attribute, name: "f" });
  const at = attribute?.at ?? 0;
  const from = at + Number(view.getBigInt64(at + RECORD.seconds, true));
  expect([...list.subarray(from, from + view.getUint32(at + RECORD.nanoseconds, true))]).toEqual([1, 2, 3]);
});
