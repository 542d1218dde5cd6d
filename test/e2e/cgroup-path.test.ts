/** Where a container's cgroups lie, what it sees of them, and which it does not take. */
import { afterAll, expect } from "bun:test";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Spec } from "../../src/spec/spec.ts";
import { hutch } from "../support/hutch.ts";
import { anyReason, lacksCgroup, lacksRoot, testUnless } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { detached } from "./support-detached.ts";
import { bundle, type Change, freshId, inBundle, output, tryBundle, withLinux } from "./support-inside.ts";
import { asRoot } from "./support-lifecycle.ts";

const place = detached();
afterAll(place.end);

const OWN = `/hutch-path-${process.pid}`;
const PIDS = "/sys/fs/cgroup/pids";
const onV1 = testUnless(anyReason(lacksRoot(), lacksCgroup(1)));

const cgroupsOf = (pid: number): string[] => [
  ...new Set(
    readFileSync(`/proc/${pid}/cgroup`, "utf8")
      .trim()
      .split("\n")
      .map((line) => line.split(":")[2] ?? ""),
  ),
];

async function pidOf(id: string): Promise<number> {
  const { pid }: { pid: number } = JSON.parse(output(await place.call(["state", id])));
  return pid;
}

/** Removes what a nested path leaves above the container, in every hierarchy. */
function removeAbove(...paths: readonly string[]): void {
  for (const hierarchy of readdirSync("/sys/fs/cgroup")) {
    for (const path of paths) {
      try {
        rmdirSync(join("/sys/fs/cgroup", hierarchy, path));
      } catch {
        // It is not in this hierarchy.
      }
    }
  }
}

asRoot(
  "an absolute path, nested, is the same in every hierarchy, and hidden from the container",
  async () => {
    const path = `${OWN}/a/web`;
    const id = await place.run("sleep 300", () => withLinux({ cgroupsPath: path }));
    expect(cgroupsOf(await pidOf(id))).toEqual([path]);
    expect(output(await place.call(["exec", id, "sh", "-c", "cut -d: -f3 /proc/1/cgroup | sort -u"]))).toBe(
      "/\n",
    );
    output(await place.call(["delete", "--force", id]));
    removeAbove(`${OWN}/a`, OWN);
  },
);

onV1("a relative path lies below hutch's own cgroup, and without one hutch takes its name", async () => {
  const name = `hutch-path-${process.pid}-relative`;
  const relative = await place.run("sleep 300", () => withLinux({ cgroupsPath: name }));
  for (const path of cgroupsOf(await pidOf(relative))) expect(path).toEndWith(`/${name}`);
  const none = await place.run("sleep 300", () => withLinux({ cgroupsPath: "" }));
  for (const path of cgroupsOf(await pidOf(none))) expect(path).toEndWith(`/hutch-${none}`);
});

asRoot("a path with .. is refused before anything is made", async () => {
  const { code, stderr } = await tryBundle("true", withLinux({ cgroupsPath: `${OWN}/../../x` }));
  expect({ code, stderr }).toEqual({
    code: 125,
    stderr: `hutch: config.json: linux.cgroupsPath: expected a path without .. components, received "${OWN}/../../x"\n`,
  });
});

onV1("a cgroup that is there is not taken with processes, with cgroups, or frozen", async () => {
  const freezer = `/sys/fs/cgroup/freezer${OWN}-there`;
  mkdirSync(freezer);
  const sleeper = Bun.spawn(["sleep", "60"], { stdio: ["ignore", "ignore", "ignore"] });
  const refused = async (reason: string): Promise<void> => {
    const { directory } = await bundle("true", withLinux({ cgroupsPath: `${OWN}-there` }));
    for (const [command, failed] of [
      ["run", 125],
      ["create", 1],
    ] as const) {
      const { code, stderr } = await place.call([command, "--bundle", directory, freshId()]);
      expect({ code, stderr }).toEqual({
        code: failed,
        stderr: `hutch: take the cgroup ${freezer}: ${reason}\n`,
      });
    }
  };
  try {
    mkdirSync(join(freezer, "below"));
    await refused("it has cgroups below it");
    rmdirSync(join(freezer, "below"));
    writeFileSync(join(freezer, "cgroup.procs"), `${sleeper.pid}`);
    await refused("it has processes");
    writeFileSync("/sys/fs/cgroup/freezer/cgroup.procs", `${sleeper.pid}`);
    writeFileSync(join(freezer, "freezer.state"), "FROZEN");
    await refused("it is frozen");
    expect(statSync(freezer).mode & 0o7777).toBe(0o755);
  } finally {
    writeFileSync(join(freezer, "freezer.state"), "THAWED");
    sleeper.kill("SIGKILL");
    await sleeper.exited;
    rmdirSync(freezer);
  }
  expect(readdirSync(PIDS).filter((name) => name.startsWith(`${OWN.slice(1)}-there`))).toEqual([]);
});

onV1("an empty one is taken with the limits that it has, is one container's, and goes with it", async () => {
  const path = `${OWN}-empty`;
  const places = [`${PIDS}${path}`, `/sys/fs/cgroup/cpuset${path}`];
  const files = [`${PIDS}${path}/pids.max`, `/sys/fs/cgroup/cpuset${path}/cpuset.cpus`];
  const change = withLinux({ cgroupsPath: path });
  const here = (): boolean[] => places.map((directory) => existsSync(directory));
  const prepare = (): void => {
    for (const directory of places) mkdirSync(directory);
    for (const [index, file] of files.entries()) writeFileSync(file, index === 0 ? "77" : "0");
  };
  prepare();
  const id = await place.run("sleep 300", () => change);
  expect(cgroupsOf(await pidOf(id))).toEqual([path]);
  expect(files.map((file) => readFileSync(file, "utf8"))).toEqual(["77\n", "0\n"]);
  // Until its container is deleted, which would end whoever is there by then.
  await place.call(["kill", id, "KILL"]);
  while (!output(await place.call(["state", id])).includes("stopped")) await Bun.sleep(10);
  const { code, stderr } = await tryBundle("true", change);
  expect(code).toBe(125);
  expect(stderr).toMatch(/^hutch: take the cgroup .*: a container has it, which may be running/);
  expect(here()).toEqual([true, true]);
  output(await place.call(["delete", id]));
  expect(here()).toEqual([false, false]);
  prepare();
  expect(await inBundle("cat /sys/fs/cgroup/pids/pids.max", change)).toBe("77\n");
  expect(here()).toEqual([false, false]);
});

onV1("of a container in the foreground what was there is its own as soon as it is born", async () => {
  const path = `${OWN}-run`;
  mkdirSync(`${PIDS}${path}`);
  const id = freshId();
  const { directory } = await bundle("sleep 300", withLinux({ cgroupsPath: path }));
  const running = place.call(["run", "--bundle", directory, id]);
  while (!(await place.call(["state", id])).stdout.includes('"running"')) await Bun.sleep(10);
  const stats = JSON.parse(output(await place.call(["events", "--stats", id])));
  expect(stats.data.pids.current).toBe(1);
  output(await place.call(["delete", "--force", id]));
  expect((await running).code).toBe(137);
  expect(existsSync(`${PIDS}${path}`)).toBe(false);
});

const withoutNamespace: Change = (spec: Spec) => ({
  ...spec,
  linux: {
    ...spec.linux,
    namespaces: (spec.linux?.namespaces ?? []).filter(({ type }) => type !== "cgroup"),
  },
});

const writable: Change = (spec: Spec) => ({
  ...spec,
  mounts: (spec.mounts ?? []).map((mount) =>
    mount.type === "cgroup" ? { ...mount, options: ["nosuid", "noexec", "nodev"] } : mount,
  ),
});

/** Whatever is mounted: the processes that are seen, and directories below. */
const LOOK = "cd /sys/fs/cgroup; cat cgroup.procs */tasks 2>/dev/null | sort -u; find . -mindepth 2 -type d";

asRoot(
  "a mount of cgroups shows the container's own alone, and is read-only as the bundle says",
  async () => {
    expect(await inBundle(`${LOOK} | head -n 5`)).toMatch(/^1\n\d+\n\d+\n(\d+\n)*$/);
    const make =
      "for d in /sys/fs/cgroup /sys/fs/cgroup/*; do mkdir $d/sub 2>/dev/null && rmdir $d/sub && echo made; done; true";
    expect(await inBundle(make)).toBe("");
    expect(await inBundle(make, writable)).toStartWith("made\n");
  },
);

onV1("without a cgroup namespace too; its program is kept, and shows each container its own", async () => {
  const cache = temporaryDirectory("kept");
  const script = "grep -o 'hutch-e2e.*' /proc/self/cgroup | sort -u; cat /sys/fs/cgroup/pids/tasks | wc -l";
  const { directory } = await bundle(script, withoutNamespace);
  for (const _ of ["planned", "kept"]) {
    const id = freshId();
    const env = { ...process.env, HUTCH_CACHE: cache };
    const text = output(await hutch(["run", "--bundle", directory, id], { env }));
    expect(text).toMatch(new RegExp(`^hutch-${id}\\n[34]\\n$`));
  }
  expect(readdirSync(cache)).toHaveLength(1);
});
