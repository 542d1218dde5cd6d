import { afterEach, expect } from "bun:test";
import { chmodSync, existsSync, mkdirSync, rmdirSync, statSync, writeFileSync } from "node:fs";
import { directory } from "../../src/cgroup/directory.ts";
import { removeDirectories } from "../../src/cgroup/remove.ts";
import { CONTAINERS_MODE, freezerOf } from "../../src/cgroup/take.ts";
import { createV1 } from "../../src/cgroup/v1.ts";
import { slot } from "../../src/plan/build.ts";
import { anyReason, lacksCgroup, lacksRoot, testUnless } from "../support/skip.ts";
import { runInCgroup } from "./program.ts";

const onV1 = testUnless(anyReason(lacksRoot(), lacksCgroup(1)));

const PARENT = "/sys/fs/cgroup/freezer";
const NAME = `hutch-take-${process.pid}`;
const PATH = `${PARENT}/${NAME}`;

afterEach(() => {
  if (existsSync(PATH)) rmdirSync(PATH);
});

const plan = () => {
  const place = directory("take", { parent: PARENT, name: NAME, ancestors: [] }, freezerOf(["freezer"]));
  const hierarchy = { controllers: ["freezer"], mount: PARENT, own: PARENT };
  const membership = { hierarchy, ancestors: [], directory: place, settings: [], tasks: slot("take tasks") };
  return {
    create: createV1([membership]),
    enter: [],
    into: undefined,
    remove: removeDirectories([place]),
    counts: {},
    directories: () => [PATH],
    views: [],
  };
};

const take = async (): Promise<string> => {
  const { stdout, stderr } = await runInCgroup(plan(), `stat -c %a ${PATH}; (mkdir ${PATH}) 2>&1 | wc -l`);
  return stdout + stderr;
};

onV1("a cgroup is taken that is empty, and then it is marked, and removed at the end", async () => {
  mkdirSync(PATH, { mode: 0o755 });
  expect(await take()).toBe("1755\n1\n");
  expect(existsSync(PATH)).toBe(false);
  // A new one is the same in the end.
  expect(await take()).toBe("1755\n1\n");
});

onV1("one that is a container's is not taken, although nobody is in it, and stays", async () => {
  mkdirSync(PATH);
  chmodSync(PATH, CONTAINERS_MODE);
  expect(await take()).toContain(`take the cgroup ${PATH}: a container has it`);
  expect(existsSync(PATH)).toBe(true);
});

onV1("of many that find it free at once one takes it", async () => {
  mkdirSync(PATH);
  const all = await Promise.all(Array.from({ length: 8 }, () => runInCgroup(plan(), "sleep 0.5")));
  const refused = all.filter(({ stderr }) => stderr !== "");
  expect(refused).toHaveLength(7);
  for (const { stderr } of refused) {
    expect(stderr).toMatch(/a container has it|another container is being made in it/);
  }
  expect(existsSync(PATH)).toBe(false);
});

onV1("what is refused keeps its mode, and is what it was", async () => {
  mkdirSync(PATH, { mode: 0o755 });
  writeFileSync(`${PATH}/freezer.state`, "FROZEN");
  expect(await take()).toContain(`take the cgroup ${PATH}: it is frozen`);
  expect(statSync(PATH).mode & 0o7777).toBe(0o755);
});
