import { expect, test } from "bun:test";
import { gatherHost } from "../../src/container/host.ts";
import type { Look, Question } from "../../src/host/look.ts";
import type { Host } from "../../src/plan/context.ts";

const INITIAL = "         0          0 4294967295\n";

/** A machine of these answers. */
const machine =
  (answers: Partial<Record<Question, string>>): Look =>
  (question) =>
    answers[question];

test("the caller's ids and limits are what the machine answers, exact above 2^53", () => {
  const nofile = "1024:18446744073709551615";
  const host = gatherHost(machine({ user: "1000", group: "100", uidMap: INITIAL, nofile }));
  expect(host).toMatchObject({ uid: 1000, gid: 100, nested: false });
  expect(host.nofile).toEqual({ soft: 1024n, hard: 18446744073709551615n });
  expect(gatherHost(machine({})).nofile).toBeUndefined();
});

test("a caller whose ids are mapped, or who cannot tell, is nested", () => {
  expect(gatherHost(machine({ uidMap: "0 100000 65536\n" })).nested).toBeTrue();
  expect(gatherHost(machine({})).nested).toBeTrue();
});

test("the bounding set is read as bits, and an unknown one is empty", () => {
  expect(gatherHost(machine({ bounding: "000001ffffffffff" })).bounding()).toBe((1n << 41n) - 1n);
  expect(gatherHost(machine({})).bounding()).toBe(0n);
});

test("what is no directory is a file to bind on, and what is missing is nothing", () => {
  const kindOn = (kind: string | undefined) =>
    gatherHost(kind === undefined ? machine({}) : machine({ kind })).kind("/x");
  expect(["directory", "file", "character", "socket", undefined].map(kindOn)).toEqual([
    "directory",
    "file",
    "file",
    "file",
    undefined,
  ]);
});

test("a security module is there when the kernel says that it is on, and only who wants to know asks", () => {
  const enabled = "/sys/module/apparmor/parameters/enabled";
  const answers = (texts: Readonly<Record<string, string>>): Host =>
    gatherHost((question, argument = "") => (question === "text" ? texts[argument] : undefined));
  expect(answers({ [enabled]: "Y\n" }).hasSecurityModule("apparmor")).toBeTrue();
  expect(answers({ [enabled]: "N\n" }).hasSecurityModule("apparmor")).toBeFalse();
  expect(answers({}).hasSecurityModule("apparmor")).toBeFalse();
  expect(answers({ "/sys/fs/selinux/enforce": "0" }).hasSecurityModule("selinux")).toBeTrue();
  expect(answers({ "/sys/fs/selinux": "directory" }).hasSecurityModule("selinux")).toBeFalse();
});

test("only what a plan needs is asked: a question more is a start that is not kept", () => {
  const asked: string[] = [];
  gatherHost((question) => {
    asked.push(question);
    return undefined;
  });
  expect(asked.sort()).toEqual(["group", "nofile", "uidMap", "user"]);
});
