/** What the plan does to unpack a root; test/e2e/pack-user.test.ts starts such files. */
import { describe, expect, test } from "bun:test";
import { unpackRoot } from "../../src/plan/unpack.ts";
import { lines, plan, position, rootless, spec, USER } from "./fixture.ts";

const PACKED = { offset: 36_864, size: 1_998_848, list: 5000 };
const steps = unpackRoot(PACKED, "x86_64");
const { list, ...place } = PACKED;
const pack = { ...place, unpack: { list, steps } };
const standalone = { name: "box", args: false, directory: undefined, rootVariable: undefined, pack };

describe("the plan of an ordinary user", () => {
  const own = plan(rootless(), { standalone }, USER);
  const text = lines(own).join("\n");

  test("mounts no image, and makes the root before it is attached and read-only at the end", () => {
    expect(text).not.toContain('"erofs"');
    expect(position(own, "mmap(")).toBeLessThan(position(own, "move_mount(<root>"));
    expect(text).toContain("mount_setattr(<root>");
  });

  test("names what it makes from within the tmpfs alone", () => {
    const into = position(own, 'chroot(".")');
    expect(into).toBeGreaterThan(position(own, "fchdir(<packed root>)"));
    expect(into).toBeLessThan(position(own, "mkdirat(AT_FDCWD, <entry>"));
    expect(text).toMatch(/openat\(AT_FDCWD, <entry>, [^)]*O_NOFOLLOW/);
  });

  test("is not read-only below a writable layer", () => {
    const overlay = { directory: undefined, inside: false };
    const layered = lines(plan(rootless(), { standalone, overlay }, USER)).join("\n");
    expect(layered).not.toContain("mount_setattr(<root>");
  });

  test("closes the file in the launcher and in init", () => {
    expect(lines(own).filter((line) => line === "close(3)")).toHaveLength(2);
  });
});

test("root unpacks nothing", () => {
  const text = lines(plan(spec(), { standalone })).join("\n");
  expect(text).toContain('"erofs"');
  expect(text).not.toContain("<entry>");
});

test("the steps are as many for every root", () => {
  expect(unpackRoot({ ...PACKED, size: 2 ** 36, list: 2 ** 30 }, "x86_64")).toHaveLength(steps.length);
  expect(steps.length).toBeLessThan(110);
});
