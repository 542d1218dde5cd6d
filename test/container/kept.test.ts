/** Programs that are kept for the next start, and when they are not used. */
import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  readdirSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
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

  const named = (index: number): string => `${index}`.padStart(40, "0");

  test("makes room by removing those that were used least lately, and nobody else's files", () => {
    const directory = kept("/");
    const { record } = recordingLook();
    for (let index = 0; index < 128; index++) {
      writeFileSync(join(directory, named(index)), "");
      // The first eight were written first, and used again since.
      const written = 1_000_000 + index;
      utimesSync(join(directory, named(index)), index < 8 ? 2_000_000 : written, written);
      writeFileSync(join(directory, `letter ${index}`), "");
    }
    keep(directory, KEY, PROGRAM, { ...record(), warnings: [] });
    const names = readdirSync(directory);
    const expected = [...Array(128).keys()].filter((index) => index < 8 || index >= 40).map(named);
    expect(names.filter((name) => name.startsWith("0")).sort()).toEqual(expected);
    expect(names.filter((name) => name.startsWith("letter")).length).toBe(128);
    expect(recall(directory, KEY)?.program).toEqual(PROGRAM);
  });

  test("is left alone by foreign files, however many", () => {
    const directory = kept("/");
    const { record } = recordingLook();
    keep(directory, named(1), PROGRAM, { ...record(), warnings: [] });
    for (let index = 0; index < 200; index++) writeFileSync(join(directory, `letter ${index}`), "");
    keep(directory, named(2), PROGRAM, { ...record(), warnings: [] });
    expect(recall(directory, named(1))?.program).toEqual(PROGRAM);
  });

  test("of more than 256 KiB is not kept", () => {
    const directory = kept("/");
    const { record } = recordingLook();
    keep(directory, named(1), new Uint8Array(200 * 1024), { ...record(), warnings: [] });
    keep(directory, named(2), new Uint8Array(256 * 1024), { ...record(), warnings: [] });
    expect(readdirSync(directory).sort()).toEqual([named(1), KEY]);
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
