import { describe, expect, test } from "bun:test";
import { lstatSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { write } from "../../src/host/fd.ts";
import { replaceFile } from "../../src/host/whole-file.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const put =
  (text: string) =>
  (fd: number): void =>
    write(fd, new TextEncoder().encode(text));

describe("a file that is replaced", () => {
  test("is another one than before, of the mode that is asked for", () => {
    const path = join(temporaryDirectory("whole"), "box");
    writeFileSync(path, "old", { mode: 0o600 });
    const { ino } = statSync(path);
    replaceFile(path, 0o755, put("new"));
    expect(readFileSync(path, "utf8")).toBe("new");
    expect(statSync(path).mode & 0o777).toBe(0o755 & ~process.umask());
    expect(statSync(path).ino).not.toBe(ino);
  });

  test("is found through a symlink, which stays", () => {
    const place = temporaryDirectory("whole");
    writeFileSync(join(place, "target"), "old");
    symlinkSync("target", join(place, "link"));
    replaceFile(join(place, "link"), 0o644, put("new"));
    expect(lstatSync(join(place, "link")).isSymbolicLink()).toBe(true);
    expect(readFileSync(join(place, "target"), "utf8")).toBe("new");
  });

  test("is not put in the place of a symlink to what is not there", () => {
    const place = temporaryDirectory("whole");
    symlinkSync("target", join(place, "link"));
    const link = join(place, "link");
    expect(() => replaceFile(link, 0o644, put("new"))).toThrow(`write ${link}: it is a symlink`);
    expect(readdirSync(place)).toEqual(["link"]);
  });

  test("is as it was when the new one cannot be written, and nothing else is there", () => {
    const place = temporaryDirectory("whole");
    writeFileSync(join(place, "box"), "old");
    const fail = (fd: number): void => {
      put("half")(fd);
      throw new RangeError("no more");
    };
    expect(() => replaceFile(join(place, "box"), 0o644, fail)).toThrow("no more");
    expect(readFileSync(join(place, "box"), "utf8")).toBe("old");
    expect(readdirSync(place)).toEqual(["box"]);
  });

  test("is not written to what somebody else has put in the way", () => {
    const place = temporaryDirectory("whole");
    writeFileSync(join(place, "victim"), "untouched");
    writeFileSync(join(place, "box"), "old");
    symlinkSync("victim", join(place, `box.hutch-${process.pid}`));
    expect(() => replaceFile(join(place, "box"), 0o644, put("new"))).toThrow("EEXIST");
    expect(readFileSync(join(place, "victim"), "utf8")).toBe("untouched");
    expect(readFileSync(join(place, "box"), "utf8")).toBe("old");
  });

  test("has no name before it is whole, so that a signal leaves nothing behind", () => {
    const place = temporaryDirectory("whole");
    writeFileSync(join(place, "box"), "old");
    for (const name of ["box", "new"])
      replaceFile(join(place, name), 0o644, (fd) => {
        put("new")(fd);
        expect(readdirSync(place).filter((each) => each.includes("hutch"))).toEqual([]);
      });
    expect(readdirSync(place).sort()).toEqual(["box", "new"]);
  });

  test("is named in the message when its directory is not there", () => {
    const path = join(temporaryDirectory("whole"), "none/box");
    expect(() => replaceFile(path, 0o644, put("new"))).toThrow(`write ${path}: ENOENT`);
  });

  test("is no device and no pipe: those stay, and are written to", () => {
    const pipe = join(temporaryDirectory("whole"), "pipe");
    Bun.spawnSync(["mkfifo", pipe]);
    const reader = Bun.spawn(["cat", pipe], { stdout: "pipe" });
    replaceFile(pipe, 0o644, put("through"));
    expect(statSync(pipe).isFIFO()).toBe(true);
    return new Response(reader.stdout).text().then((text) => expect(text).toBe("through"));
  });
});
