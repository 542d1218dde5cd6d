/** Programs that are kept for the next start, and when they are not used. */
import { describe, expect, test } from "bun:test";
import { chmodSync, existsSync, readdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { keep, keptDirectory, keyOf, recall } from "../../src/container/kept.ts";
import { recordingLook } from "../../src/host/look.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const PROGRAM = new Uint8Array([1, 10, 2, 0, 255]);
const KEY = "key";

/** A directory with one program, for which `path` was looked at. */
function kept(path: string, warnings: string[] = []) {
  const directory = join(temporaryDirectory("kept"), "programs");
  const { look, record } = recordingLook();
  look("kind", path);
  keep(directory, KEY, PROGRAM, { ...record(), warnings });
  return directory;
}

describe("where programs are kept", () => {
  test("is for root and for users apart, and can be chosen or switched off", () => {
    expect(keptDirectory({}, 0)).toBe("/run/hutch/programs");
    expect(keptDirectory({ XDG_RUNTIME_DIR: "/run/user/5" }, 5)).toBe("/run/user/5/hutch/programs");
    expect(keptDirectory({}, 5)).toBeUndefined();
    expect(keptDirectory({ XDG_RUNTIME_DIR: "relative" }, 5)).toBeUndefined();
    expect(keptDirectory({ HUTCH_CACHE: "/x" }, 0)).toBe("/x");
    expect(keptDirectory({ HUTCH_CACHE: "off" }, 0)).toBeUndefined();
  });
});

describe("a kept program", () => {
  test("comes back with its warnings, byte for byte", () => {
    const found = recall(kept("/", ["careful"]), KEY);
    expect(found?.program).toEqual(PROGRAM);
    expect(found?.warnings).toEqual(["careful"]);
  });

  test("is nobody else's to read or to write", () => {
    const directory = kept("/");
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    expect(statSync(join(directory, KEY)).mode & 0o777).toBe(0o600);
    expect(readdirSync(directory)).toEqual([KEY]);
  });

  test("is not used when an answer has changed", () => {
    const path = join(temporaryDirectory("looked"), "file");
    const directory = kept(path);
    expect(recall(directory, KEY)).toBeDefined();
    writeFileSync(path, "");
    expect(recall(directory, KEY)).toBeUndefined();
  });

  test("is not used when others could have written it", () => {
    const file = kept("/");
    chmodSync(join(file, KEY), 0o620);
    expect(recall(file, KEY)).toBeUndefined();
    const directory = kept("/");
    chmodSync(directory, 0o777);
    expect(recall(directory, KEY)).toBeUndefined();
  });

  test("is not used through a symlink", () => {
    const directory = kept("/");
    symlinkSync(KEY, join(directory, "link"));
    expect(recall(directory, "link")).toBeUndefined();
    symlinkSync(directory, `${directory}-link`);
    expect(recall(`${directory}-link`, KEY)).toBeUndefined();
  });

  test("that is damaged is none", () => {
    const directory = kept("/");
    for (const text of [
      "",
      "{",
      "{}\n",
      "null\n",
      '{"asked":[["a"]],"digest":"","warnings":[]}\n',
      "no newline",
    ]) {
      writeFileSync(join(directory, KEY), text, { mode: 0o600 });
      expect({ text, found: recall(directory, KEY) }).toEqual({ text, found: undefined });
    }
  });

  test("is not kept in a directory of others, and that is no error", () => {
    const directory = temporaryDirectory("others");
    chmodSync(directory, 0o777);
    const { record } = recordingLook();
    keep(directory, KEY, PROGRAM, { ...record(), warnings: [] });
    expect(existsSync(join(directory, KEY))).toBe(false);
    expect(() => keep("/dev/null/x", KEY, PROGRAM, { ...record(), warnings: [] })).not.toThrow();
  });

  test("makes room by removing its like, and nobody else's files", () => {
    const directory = kept("/");
    const { record } = recordingLook();
    for (let index = 0; index < 130; index++) {
      writeFileSync(join(directory, `${index}`.padStart(40, "0")), "");
      writeFileSync(join(directory, `letter ${index}`), "");
    }
    keep(directory, KEY, PROGRAM, { ...record(), warnings: [] });
    const names = readdirSync(directory);
    expect(names.filter((name) => name.startsWith("0"))).toEqual([]);
    expect(names.filter((name) => name.startsWith("letter")).length).toBe(130);
  });

  test("that is not there is none", () => {
    expect(recall("/not/there", KEY)).toBeUndefined();
  });
});

test("the key tells apart what is cut into words differently", () => {
  expect(keyOf(["ab", "c"])).not.toBe(keyOf(["a", "bc"]));
  expect(keyOf(["a"])).toBe(keyOf(["a"]));
  expect(keyOf([])).toMatch(/^[0-9a-f]{40}$/);
});
