/**
 * Cgroups that are mounted in a compiled file's container: it sees its own, as under `hutch run`, and nothing
 * of the host's tree beside.
 */
import { afterAll, beforeAll, expect } from "bun:test";
import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { defaultSpec } from "../../src/spec/default.ts";
import type { Spec } from "../../src/spec/spec.ts";
import { hutch, lacksHutch, run } from "../support/hutch.ts";
import { lacksBusybox, rootfs } from "../support/rootfs.ts";
import { anyReason, lacksCgroup, lacksRoot, testUnless } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { ordinaryUser } from "../support/user.ts";

const CGROUPS = "/sys/fs/cgroup";
const CANARY = `hutch-canary-${process.pid}`;
const ID = `hutch-compile-cgroup-${process.pid}`;
const PATH = `/${ID}-above/here`;
const REASON = anyReason(
  lacksHutch(),
  lacksBusybox(),
  lacksRoot(),
  lacksCgroup(1) === undefined || lacksCgroup(2) === undefined ? undefined : "needs cgroups",
);

/** Every hierarchy's root; of version 2 the one. */
const roots = (): string[] =>
  existsSync(join(CGROUPS, "cgroup.controllers"))
    ? [CGROUPS]
    : readdirSync(CGROUPS)
        .map((name) => join(CGROUPS, name))
        .filter((path) => lstatSync(path).isDirectory());

let root = "";
beforeAll(async () => {
  if (REASON !== undefined) return;
  root = await rootfs();
  mkdirSync(join(root, "sys/fs/cgroup"), { recursive: true });
  chmodSync(root, 0o755);
  // A cgroup of the host's, which no container has to do with.
  for (const path of roots()) mkdirSync(join(path, CANARY));
});
afterAll(() => {
  for (const path of REASON === undefined ? roots() : []) {
    rmdirSync(join(path, CANARY));
    if (existsSync(`${path}/${ID}-above`)) rmdirSync(`${path}/${ID}-above`);
  }
});

/** Which hierarchies and files there are, of which part of the tree, and what can be done to it. */
const PROBE = `cut -d' ' -f4- /proc/self/mountinfo | grep cgroup; ls -1 /sys/fs/cgroup; ls -l /sys/fs/cgroup |
    grep -- '->' | sed 's/.* \\([^ ]* ->\\)/\\1/'
  [ -e /sys/fs/cgroup/cgroup.procs ] || for d in /sys/fs/cgroup/*/; do echo $d; ls -1 $d; done
  mkdir /sys/fs/cgroup/below 2>&1; rmdir /sys/fs/cgroup/below 2>/dev/null; cat /proc/self/cgroup`;

/** Names of cgroups, and where they lie: below that of hutch, for a file below the root. */
const plain = (text: string): string[] =>
  text
    .replaceAll(/(^|:)\/\S*hutch-[^/\s]*/gm, "$1/NAME")
    .split("\n")
    // The kernel lists mounts as they were made: bound before or after the directory that holds them.
    .toSorted()
    // Of the controllers of version 2 a file hands down the usual ones.
    .filter((line) => !/^(hugetlb|rdma|misc|dmem)\./.test(line));

const LIMITS = { pids: { limit: 30 } };

function specOf(part: Spec["linux"], command: string, options: readonly string[]): Spec {
  const spec = defaultSpec();
  const mounts = (spec.mounts ?? []).filter(({ type }) => type !== "cgroup");
  const mount = { destination: CGROUPS, type: "cgroup", source: "cgroup", options: [...options] };
  return {
    ...spec,
    root: { path: root },
    process: { cwd: "/", ...spec.process, terminal: false, args: ["sh", "-c", command] },
    mounts: [...mounts, mount],
    linux: { ...spec.linux, resources: {}, ...part },
  };
}

const types = (...without: readonly string[]) =>
  (defaultSpec().linux?.namespaces ?? []).filter(({ type }) => !without.includes(type));
const own = types();
const shared = types("cgroup");
const MAPS = [{ containerID: 0, hostID: 100_000, size: 1000 }];
const USER = { uidMappings: MAPS, gidMappings: MAPS };

async function bothOf(spec: Spec, user: object = {}) {
  const bundle = temporaryDirectory("bundle");
  await Bun.write(join(bundle, "config.json"), JSON.stringify(spec));
  chmodSync(bundle, 0o755);
  const file = join(bundle, "box");
  expect(await hutch(["compile", "--bundle", bundle, "-o", file])).toMatchObject({ code: 0, stderr: "" });
  chmodSync(bundle, 0o777);
  const state = Object.keys(user).length === 0 ? ["--root", join(bundle, "state")] : [];
  const direct = () => hutch([...state, "run", "--bundle", bundle, ID], user);
  const pid = join(bundle, "pid");
  const started = (around: readonly string[] = []) =>
    run([...around, "sh", "-c", 'echo $$ >"$1"; exec "$0"', file, pid], user);
  // The name of a file's cgroup begins with its process.
  const left = async () => {
    const names = [`hutch-${ID}`, `hutch-${(await Bun.file(pid).text()).trim()}-`];
    return roots().flatMap((path) =>
      readdirSync(path).filter((name) => names.some((of) => name.startsWith(of))),
    );
  };
  return { file: started, direct, left };
}

for (const [claim, linux, options] of [
  ["in a cgroup namespace", { namespaces: own }, ["ro"]],
  ["without a cgroup namespace", { namespaces: shared }, ["ro"]],
  ["without one, to be written", { namespaces: shared }, ["rw"]],
  ["without one, with limits", { namespaces: shared, resources: LIMITS }, ["ro"]],
  ["without one, at a path", { namespaces: shared, cgroupsPath: PATH }, ["rw"]],
  [
    "in a namespace, at a path, with limits",
    { namespaces: own, cgroupsPath: PATH, resources: LIMITS },
    ["ro"],
  ],
  ["in a user namespace", { namespaces: [...shared, { type: "user" }], ...USER }, ["ro"]],
  ["in namespaces of user and cgroup", { namespaces: [...own, { type: "user" }], ...USER }, ["ro"]],
  [
    "in the host's cgroup namespace",
    { namespaces: [...shared, { type: "cgroup", path: "/proc/self/ns/cgroup" }] },
    [],
  ],
] as const satisfies readonly (readonly [string, Spec["linux"], readonly string[]])[]) {
  testUnless(REASON)(`${claim}: a file shows the cgroups that hutch run shows, and leaves none`, async () => {
    const { file, direct, left } = await bothOf(specOf(linux as Spec["linux"], PROBE, options));
    const [ofFile, ofRun] = [await file(), await direct()];
    expect({ ...ofFile, stdout: plain(ofFile.stdout) }).toEqual({ ...ofRun, stdout: plain(ofRun.stdout) });
    expect(ofFile.stdout.split("\n").length).toBeGreaterThan(20);
    expect(await left()).toEqual([]);
  });

  testUnless(REASON)(`${claim}: nothing of the host's tree is to be seen in a file`, async () => {
    const looking = `find /sys/fs/cgroup | grep -E '/release_agent$|canary'
      find /sys/fs/cgroup -name cgroup.procs | grep -q . && echo looked`;
    const { file } = await bothOf(specOf(linux as Spec["linux"], looking, options));
    expect(await file()).toMatchObject({ code: 0, stdout: "looked\n", stderr: "" });
  });
}

testUnless(REASON)(
  "an ordinary user's container without limits shows the caller's, as hutch run",
  async () => {
    const bundle = temporaryDirectory("rootless");
    const user = ordinaryUser();
    expect(await hutch(["spec", "--rootless", "--bundle", bundle])).toMatchObject({ code: 0 });
    const spec: Spec = await Bun.file(join(bundle, "config.json")).json();
    for (const without of ["", "cgroup"]) {
      const { mounts, process, linux } = specOf({}, PROBE, ["ro"]);
      const mount = mounts?.find(({ type }) => type === "cgroup");
      const others = (spec.mounts ?? []).filter(({ destination }) => destination !== CGROUPS);
      const { file, direct } = await bothOf(
        {
          ...spec,
          root: { path: root },
          process: { cwd: "/", ...spec.process, terminal: false, args: process?.args ?? [] },
          mounts: [...others, ...(mount === undefined ? [] : [mount])],
          linux: {
            ...spec.linux,
            uidMappings: [{ containerID: 0, hostID: user.uid, size: 1 }],
            gidMappings: [{ containerID: 0, hostID: user.uid, size: 1 }],
            resources: linux?.resources ?? {},
            namespaces: (spec.linux?.namespaces ?? []).filter(({ type }) => type !== without),
          },
        },
        user,
      );
      const [ofFile, ofRun] = [await file(), await direct()];
      expect({ ...ofFile, stdout: plain(ofFile.stdout) }).toEqual({ ...ofRun, stdout: plain(ofRun.stdout) });
      expect(ofFile.code).toBe(0);
    }
  },
);

testUnless(REASON)(
  "what was made is removed when one of the cgroups belongs to another container",
  async () => {
    const name = `${ID}-taken`;
    const [taken = "", ...others] = roots().toReversed();
    mkdirSync(join(taken, name));
    chmodSync(join(taken, name), 0o1755);
    const { file } = await bothOf(specOf({ namespaces: shared, cgroupsPath: `/${name}` }, "true", ["ro"]));
    const { code, stderr } = await file();
    rmdirSync(join(taken, name));
    expect({ code, stderr }).toEqual({ code: 125, stderr: expect.stringContaining("a container has it") });
    expect(others.filter((path) => existsSync(join(path, name)))).toEqual([]);
  },
);

const UNIFIED = join(CGROUPS, "unified");
const HIDING = ["unshare", "--mount", "--propagation", "private", "sh", "-c"];

testUnless(anyReason(REASON, existsSync(UNIFIED) ? undefined : "needs version 2 beside version 1"))(
  "where something else is mounted in the place of version 2, that is left out",
  async () => {
    const { file, left } = await bothOf(specOf({ namespaces: own }, "ls /sys/fs/cgroup", ["ro"]));
    expect((await file()).stdout).toContain("unified");
    const hidden = await file([...HIDING, `mount -t tmpfs hutch-hidden ${UNIFIED} && exec "$@"`, "sh"]);
    expect(hidden).toMatchObject({ code: 0, stderr: "" });
    expect(hidden.stdout).not.toContain("unified");
    expect(await left()).toEqual([]);
  },
);

testUnless(anyReason(REASON, lacksCgroup(1)))(
  "a file that its caller's cgroup allows no process more says so once, and leaves no cgroup",
  async () => {
    const full = join(CGROUPS, "pids", `${ID}-full`);
    mkdirSync(full);
    await Bun.write(join(full, "pids.max"), "1");
    const { file, left } = await bothOf(specOf({ namespaces: own, resources: LIMITS }, "true", ["ro"]));
    const { code, stderr } = await file(["sh", "-c", 'echo $$ >"$0/cgroup.procs"; exec "$@"', full]);
    rmdirSync(full);
    expect({ code, stderr }).toEqual({
      code: 125,
      stderr: expect.stringMatching(/^box: make .*: clone3: EAGAIN .*pids\.max, or RLIMIT_NPROC\n$/),
    });
    expect(await left()).toEqual([]);
  },
);

testUnless(REASON)("a command that is not there leaves no cgroup", async () => {
  const spec = specOf({ namespaces: shared }, "", ["ro"]);
  const { file, left } = await bothOf({
    ...spec,
    process: { cwd: "/", ...spec.process, args: ["no-such-command"] },
  });
  expect(await file()).toMatchObject({ code: 127 });
  expect(await left()).toEqual([]);
});
