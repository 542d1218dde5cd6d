/** A root inside of the program's file: what the plan does. test/e2e/pack.test.ts starts such files. */
import { describe, expect, test } from "bun:test";
import { branch, call, label, slot } from "../../src/plan/build.ts";
import { keepPackFile, openPack, PACK_FILE } from "../../src/plan/pack.ts";
import { contract, say } from "../emit/machine.ts";
import { lines, plan, spec } from "./fixture.ts";

const PACK = { offset: 36_864, size: 1_998_848 };
const standalone = { name: "box", args: false, directory: undefined, rootVariable: undefined, pack: PACK };

describe("the plan", () => {
  const steps = plan(spec(), { standalone });

  test("keeps the file through the copy, and closes it when the image is mounted", () => {
    const text = lines(steps);
    const close = text.findIndex((line) => line.startsWith("close_range("));
    expect(text[close]).toStartWith(`close_range(${PACK_FILE + 1},`);
    const at = (part: string) => text.findIndex((line) => line.startsWith(part));
    expect(at("dup3(")).toBeLessThan(at("execveat("));
    expect(at("fsmount(")).toBeLessThan(at(`close(${PACK_FILE})`));
    expect(text.filter((line) => line === `close(${PACK_FILE})`)).toHaveLength(1);
    expect(at(`close(${PACK_FILE})`)).toBeLessThan(at("clone3("));
  });

  test("copies the program alone, not the image behind it", () => {
    const copied = lines(steps).find((line) => line.startsWith("sendfile("));
    expect(copied).toContain("<size>");
    expect(steps).toContainEqual({ kind: "compute", op: "set", into: slot("size"), left: PACK.offset });
  });

  test("mounts the file itself where the kernel can, from where the image begins in it", () => {
    const [source, offset] = lines(openPack(PACK)).filter((line) => line.includes("FSCONFIG_SET_STRING"));
    expect(source).toContain(`"source", "/proc/self/fd/${PACK_FILE}"`);
    expect(offset).toMatch(/"fsoffset", "36864".*EINVAL: go to "mount the packed root by a loop device"/);
  });

  test("takes no directory of the host for the root", () => {
    expect(lines(steps).join("\n")).not.toContain('open_tree(AT_FDCWD, "/srv"');
  });

  test("configures the device in one call, read-only, to be freed by the last who uses it", () => {
    const [configure] = lines(openPack(PACK)).filter((line) => line.includes("lo_offset"));
    expect(configure).toContain("lo_offset=36864, lo_sizelimit=1998848, lo_flags=5");
  });
});

describe("the file's descriptor", () => {
  const self = slot("this program");
  const show = [
    call("is it open?", "fcntl", [PACK_FILE, 1, 0], { into: slot("flags") }),
    branch(slot("flags"), "ne", 0, "closed at exec"),
    say("kept"),
    label("closed at exec"),
  ];

  contract("is handed on when it has its number already", ({ run }) => {
    const open = call("open", "openat", [-100, "/proc/self/exe", 0o2000000, 0], { into: self });
    expect(
      run([call("free it", "close_range", [3, 2 ** 32 - 1, 0]), open, ...keepPackFile(self), ...show]),
    ).toMatchObject({
      stdout: Buffer.from("kept"),
    });
  });

  contract("takes the place of what was inherited", ({ run }) => {
    const open = call("open", "openat", [-100, "/proc/self/exe", 0o2000000, 0], { into: self });
    const taken = call("taken", "dup3", [1, PACK_FILE, 0o2000000]);
    const free = call("free it", "close_range", [4, 2 ** 32 - 1, 0]);
    expect(run([taken, free, open, ...keepPackFile(self), ...show])).toMatchObject({
      stdout: Buffer.from("kept"),
    });
  });
});
