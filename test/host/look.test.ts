import { expect, test } from "bun:test";
import { readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { isQuestion, look, recordingLook, stillTrue } from "../../src/host/look.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const directory = temporaryDirectory("look");

/** The looks at two files whose texts are these; undefined is no file. */
function looksAt(first: string | undefined, second: string | undefined) {
  const { look: recorded, record } = recordingLook();
  for (const [name, text] of Object.entries({ first, second })) {
    const path = `${directory}/${name}`;
    if (text === undefined) rmSync(path, { force: true });
    else writeFileSync(path, text);
    recorded("text", path);
  }
  return record();
}

test("a question about a path is answered by what is there, and by nothing when nothing is", () => {
  writeFileSync(`${directory}/file`, "text");
  symlinkSync("file", `${directory}/link`);
  expect(look("kind", `${directory}/link`)).toBe("file");
  expect(look("kindOfLink", `${directory}/link`)).toBe("symlink");
  expect(look("real", `${directory}/link`)).toBe(`${directory}/file`);
  expect(look("text", `${directory}/link`)).toBe("text");
  expect(look("kind", `${directory}/missing`)).toBeUndefined();
  expect(look("text", `${directory}/missing`)).toBeUndefined();
});

test("a question about this process is answered as /proc does", () => {
  const status = readFileSync("/proc/self/status", "utf8");
  expect(`CapBnd:\t${look("bounding")}\n`).toBe(/^CapBnd:.*\n/m.exec(status)?.[0] ?? "");
  expect(`CapEff:\t${look("effective")}\n`).toBe(/^CapEff:.*\n/m.exec(status)?.[0] ?? "");
  expect(look("user")).toBe(/^Uid:\t\d+\t(\d+)/m.exec(status)?.[1]);
  expect(look("mountPoints")?.split("\n")).toContain("/proc");
  for (const line of look("cgroupMounts")?.trim().split("\n") ?? []) expect(line).toMatch(/^$| - cgroup/);
});

test("a name that is no question is none, also when every object has it", () => {
  expect(isQuestion("kind")).toBeTrue();
  expect(isQuestion("toString")).toBeFalse();
  expect(isQuestion("")).toBeFalse();
});

test("a question that is asked twice is recorded once, and one of two arguments twice", () => {
  const { look: recorded, record } = recordingLook();
  recorded("kind", "/");
  recorded("kind", "/");
  recorded("kind", "/proc");
  recorded("user");
  expect(record().asked).toEqual([
    ["kind", "/"],
    ["kind", "/proc"],
    ["user", ""],
  ]);
});

test("looks are true until an answer is another one", () => {
  const looks = looksAt("one", undefined);
  expect(stillTrue(looks)).toBeTrue();
  writeFileSync(`${directory}/second`, "");
  expect(stillTrue(looks)).toBeFalse();
  rmSync(`${directory}/second`);
  expect(stillTrue(looks)).toBeTrue();
  writeFileSync(`${directory}/first`, "two");
  expect(stillTrue(looks)).toBeFalse();
});

test("no two lists of answers are taken for one another", () => {
  const answers = [
    ["ab", "c"],
    ["a", "bc"],
    ["", "abc"],
    ["abc", ""],
    ["abc", undefined],
    ["abc", "-"],
    ["1:a", "b"],
    ["", ""],
    [undefined, ""],
  ] as const;
  const digests = answers.map(([first, second]) => looksAt(first, second).digest);
  expect(new Set(digests).size).toBe(answers.length);
});

test("looks with a question that this hutch does not know are not true", () => {
  const looks = looksAt("one", "two");
  expect(stillTrue({ ...looks, asked: [...looks.asked, ["weather", ""]] })).toBeFalse();
});
