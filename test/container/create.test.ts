/** What is left of a creation that fails: nothing, and the reason. With real programs. */
import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { directory, makeDirectory, takeName } from "../../src/cgroup/directory.ts";
import { type Creation, create } from "../../src/container/create.ts";
import { recordOf } from "../../src/container/draft.ts";
import { stepError } from "../../src/container/step-error.ts";
import { emit } from "../../src/emit/index.ts";
import { hostArch } from "../../src/host/libc.ts";
import { ERRNO } from "../../src/linux/errno.ts";
import { call, exit } from "../../src/plan/build.ts";
import { controlDescriptor } from "../../src/plan/creator-control.ts";
import type { Plan } from "../../src/plan/step.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { DRAFT } from "./fixture.ts";

/** A creation whose creator is the plan. */
function creation(plan: Plan, rest: Partial<Creation> = {}): Creation {
  const report = { kind: "pipe", fd: controlDescriptor(0, "report") } as const;
  return {
    root: join(temporaryDirectory("create"), "root"),
    record: recordOf(DRAFT, "box"),
    program: {
      bytes: emit(plan, { arch: hostArch(), report }),
      details: "",
      asked: [],
      warnings: [],
      plan: async () => plan,
    },
    preserveFds: 0,
    tellsState: false,
    stays: false,
    unit: undefined,
    warn: () => {},
    console: undefined,
    pidfdSocket: undefined,
    whenMade: async () => {},
    whenReady: async () => {},
    ...rest,
  };
}

test("a creator that ends before init is ready leaves no container", async () => {
  const wish = creation([exit(0, "end")]);
  await expect(create(wish)).rejects.toThrow("create box: the container's first process has ended");
  expect(readdirSync(wish.root)).toEqual([]);
});

test("a step that fails in the creator is told by its purpose, and leaves no container", async () => {
  const wish = creation([call("enter nowhere", "chdir", ["/nowhere/at/all"], { exitCode: 126 })]);
  await expect(create(wish)).rejects.toMatchObject({
    message: expect.stringContaining("enter nowhere: chdir: ENOENT"),
    exitCode: 126,
  });
  expect(readdirSync(wish.root)).toEqual([]);
});

test("an id that is taken stays what it is", async () => {
  const wish = creation([exit(0, "end")]);
  mkdirSync(join(wish.root, "box"), { recursive: true });
  await expect(create(wish)).rejects.toThrow("container box: already exists");
  expect(readdirSync(wish.root)).toEqual(["box"]);
});

test("descriptors that are not there are refused before anything is written down", async () => {
  const wish = creation([exit(0, "end")], { preserveFds: 100_000 });
  await expect(create(wish)).rejects.toThrow("EBADF");
  expect(existsSync(wish.root)).toBe(false);
});

test("the error of a step has its hint and its exit code, and an errno without a name its number", () => {
  const step = call("make x", "mkdirat", [0, "x", 0], { hints: { EROFS: "mount it" }, exitCode: 126 });
  const plan: Plan = [step, { kind: "fail", message: "no command", exitCode: 127 }];
  const failure = stepError(plan, { index: 0, value: ERRNO.EROFS });
  expect(failure.message).toMatch(/^make x: mkdirat: EROFS \(.+\); hint: mount it$/);
  expect(failure.exitCode).toBe(126);
  expect(stepError(plan, { index: 0, value: 524 }).message).toBe("make x: mkdirat: errno 524");
  expect(stepError(plan, { index: 1, value: 0 })).toMatchObject({ message: "no command", exitCode: 127 });
});

test("a cgroup that is there already is told by its whole name, also by a program that is good for any id", async () => {
  const cgroup = directory("x", { parent: temporaryDirectory("cgroup"), name: undefined, ancestors: [] });
  mkdirSync(join(cgroup.parent, "hutch-box"));
  const wish = creation([...takeName([cgroup]), ...makeDirectory(cgroup)]);
  await expect(create(wish)).rejects.toThrow(
    `make the cgroup in ${cgroup.parent}: hutch-box: mkdirat: EEXIST`,
  );
});
