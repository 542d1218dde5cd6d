import { expect, test } from "bun:test";
import { appendFileSync, mkdirSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { writeImage } from "../../src/container/pack.ts";
import { readRootTree } from "../../src/container/root-tree.ts";
import { open, using } from "../../src/host/fd.ts";
import { erofsImage } from "../../src/image/erofs.ts";
import { O_CREAT, O_RDWR } from "../../src/linux/fcntl.ts";
import { temporaryDirectory } from "../support/temporary.ts";

test("an image stands behind what is in the file, and ends it; twice the same", () => {
  const place = temporaryDirectory("pack");
  mkdirSync(join(place, "root"));
  writeFileSync(join(place, "root/large"), new Uint8Array(3 * 2 ** 20 + 5).fill(7));
  const texts = ["one", "two"].map(async (name) => {
    const path = join(place, name);
    using root = readRootTree(join(place, "root"), 0n);
    const image = erofsImage(root.tree);
    using(open(path, O_RDWR | O_CREAT, 0o600), (fd) => {
      writeFileSync(path, "program");
      writeImage(fd, 8192, image, root.read, path);
    });
    expect(statSync(path).size).toBe(8192 + image.size);
    const bytes = await Bun.file(path).bytes();
    expect(new TextDecoder().decode(bytes.subarray(0, 8))).toBe("program\0");
    expect(bytes.filter((byte) => byte === 7).length).toBeGreaterThanOrEqual(3 * 2 ** 20 + 5);
    return Bun.hash(bytes);
  });
  return Promise.all(texts).then(([one, two]) => expect(one).toBe(two));
});

test("what has a hole in a file of the root has one in the image", () => {
  const place = temporaryDirectory("pack");
  mkdirSync(join(place, "root"));
  const file = join(place, "root/log");
  writeFileSync(file, "");
  truncateSync(file, 2 ** 26);
  appendFileSync(file, "end");
  const path = join(place, "image");
  using root = readRootTree(join(place, "root"), 0n);
  const image = erofsImage(root.tree);
  using(open(path, O_RDWR | O_CREAT, 0o600), (fd) => writeImage(fd, 0, image, root.read, path));
  const { size, blocks } = statSync(path);
  expect(size).toBeGreaterThan(2 ** 26);
  expect(blocks * 512).toBeLessThan(2 ** 22);
});
