/** Images that were made of trees, read by fsck.erofs and by the kernel. */
import { describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { erofsImage, type Image } from "../../src/image/erofs.ts";
import type { Directory, Node, RegularFile } from "../../src/image/tree.ts";
import { lacksErofs } from "../support/erofs.ts";
import { anyReason, lacksProgram, lacksRoot, testUnless } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const ATTRIBUTES = { mode: 0o755, uid: 1, gid: 2, modified: 1_000_000_000_000_000_001n, xattrs: [] };

const directory = (entries: Record<string, Node> = {}): Directory => ({
  ...ATTRIBUTES,
  kind: "directory",
  entries: new Map(Object.entries(entries)),
});
/** A file whose every byte tells its place. */
const file = (size: number, rest: Partial<RegularFile> = {}): RegularFile => ({
  ...ATTRIBUTES,
  kind: "file",
  size,
  path: `${size}`,
  ...rest,
});
const byteAt = (at: number): number => (at * 31 + (at >> 8)) & 0xff;

function bytesOf(image: Image): Uint8Array {
  const bytes = new Uint8Array(image.size);
  for (const piece of image.pieces()) {
    if ("bytes" in piece) bytes.set(piece.bytes, piece.at);
    else
      for (let index = 0; index < piece.length; index++) bytes[piece.at + index] = byteAt(piece.from + index);
  }
  return bytes;
}

const SIZES = [0, 1, 4031, 4032, 4033, 4095, 4096, 4097, 8192, 12_287, 100_000];
const linked = file(5000, { mode: 0o4711 });

function everything(): Directory {
  return directory({
    ...Object.fromEntries(SIZES.map((size) => [`file-${size}`, file(size)])),
    deep: directory({ deeper: directory({ deepest: directory() }) }),
    many: directory(
      Object.fromEntries(Array.from({ length: 400 }, (_, index) => [`entry ${index}`, file(9)])),
    ),
    one: linked,
    other: linked,
    link: { ...ATTRIBUTES, mode: 0o777, kind: "symlink", target: "../some/where/é" },
    long: { ...ATTRIBUTES, mode: 0o777, kind: "symlink", target: `/${"x".repeat(4094)}` },
    null: { ...ATTRIBUTES, mode: 0o666, kind: "character", device: { major: 1, minor: 3 } },
    disk: { ...ATTRIBUTES, kind: "block", device: { major: 259, minor: 70_000 } },
    fifo: { ...ATTRIBUTES, kind: "fifo" },
    socket: { ...ATTRIBUTES, kind: "socket" },
    capable: file(77, {
      xattrs: [
        { name: "security.capability", value: new Uint8Array([1, 0, 0, 2, 0, 0x20, ...new Uint8Array(14)]) },
        { name: "user.long", value: new Uint8Array(3900).fill(7) },
      ],
    }),
    "!before the dots": file(3),
  });
}

describe("an image", () => {
  test("is the same for the same tree, in whatever order its names come", () => {
    const tree = everything();
    const reversed: Directory = { ...tree, entries: new Map([...tree.entries].reverse()) };
    expect(Bun.hash(bytesOf(erofsImage(tree)))).toBe(Bun.hash(bytesOf(erofsImage(everything()))));
    expect(Bun.hash(bytesOf(erofsImage(tree)))).toBe(Bun.hash(bytesOf(erofsImage(reversed))));
  });

  test("has pieces that do not overlap, and whole blocks", () => {
    const image = erofsImage(everything());
    expect(image.size % 4096).toBe(0);
    const spans = [...image.pieces()]
      .map((piece) => [piece.at, piece.at + ("bytes" in piece ? piece.bytes.length : piece.length)] as const)
      .sort(([a], [b]) => a - b);
    for (const [index, [start]] of spans.entries()) {
      expect(start).toBeGreaterThanOrEqual(spans[index - 1]?.[1] ?? 0);
    }
    expect(spans.at(-1)?.[1]).toBeLessThanOrEqual(image.size);
  });

  testUnless(lacksProgram("fsck.erofs"))("has nothing that fsck.erofs finds fault with", () => {
    const path = join(temporaryDirectory("image"), "image");
    for (const tree of [directory(), everything()]) {
      writeFileSync(path, bytesOf(erofsImage(tree)));
      const done = Bun.spawnSync(["fsck.erofs", "--extract", path], { stderr: "pipe" });
      expect({ code: done.exitCode, said: done.stderr.toString() }).toEqual({ code: 0, said: "" });
    }
  });

  testUnless(anyReason(lacksRoot(), lacksErofs()))("is to the kernel what the tree is", () => {
    const place = temporaryDirectory("image");
    mkdirSync(join(place, "mount"));
    writeFileSync(join(place, "image"), bytesOf(erofsImage(everything())));
    const format = "%P|%y|%m|%U|%G|%n|%T@|%l|%s\\n";
    const script = `mount -t erofs -o loop,ro image mount && cd mount && find . -printf '${format}' &&
      cmp -n 8192 file-100000 file-12287; md5sum file-* && stat -c %t:%T null disk`;
    const done = Bun.spawnSync(["unshare", "-m", "sh", "-c", script], { cwd: place, stderr: "pipe" });
    expect(done.stderr.toString()).toBe("");
    const lines = done.stdout.toString().split("\n");
    const time = "1000000000.0000000010";
    expect(lines).toContain(`file-4033|f|755|1|2|1|${time}||4033`);
    expect(lines).toContain(`one|f|4711|1|2|2|${time}||5000`);
    expect(lines).toContain(`link|l|777|1|2|1|${time}|../some/where/é|16`);
    expect(lines).toContain(`long|l|777|1|2|1|${time}|/${"x".repeat(4094)}|4095`);
    expect(lines).toContain(`socket|s|755|1|2|1|${time}||0`);
    expect(lines.find((line) => line.startsWith("deep|"))).toStartWith(`deep|d|755|1|2|3|${time}`);
    expect(lines.filter((line) => line.startsWith("many/entry "))).toHaveLength(400);
    expect(lines).toEqual(expect.arrayContaining(["1:3", "103:11170"]));
    for (const size of SIZES) {
      const content = Uint8Array.from({ length: size }, (_, at) => byteAt(at));
      expect(lines).toContain(`${new Bun.CryptoHasher("md5").update(content).digest("hex")}  file-${size}`);
    }
  });
});
