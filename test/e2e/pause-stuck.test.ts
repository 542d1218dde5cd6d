/** Freezing what does not want to be frozen, and what would run away. */
import { afterAll, expect } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually, SLOWNESS } from "../support/patience.ts";
import { rootfs } from "../support/rootfs.ts";
import { anyReason, testUnless } from "../support/skip.ts";
import { lacksFuse, stuckProcess } from "../support/stuck.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { detached } from "./support-detached.ts";
import { withLinux } from "./support-inside.ts";
import { asRoot, isLive, unavailable } from "./support-lifecycle.ts";

const place = detached();
const { call, run, root } = place;
afterAll(place.end);

const cgroupsOf = (id: string): string[] =>
  JSON.parse(readFileSync(join(root, id, "record.json"), "utf8")).cgroups;

/** The directory whose freezer the container is in; of version 2 there is only one. */
const freezerOf = (id: string): string => {
  const all = cgroupsOf(id);
  return all.find((directory) => directory.includes("freezer")) ?? all[0] ?? "";
};

const pidsIn = (directory: string): string[] =>
  readFileSync(join(directory, "cgroup.procs"), "utf8").split("\n").filter(Boolean);

const explicit = (name: string) => withLinux({ cgroupsPath: `/${name}` });

testUnless(anyReason(unavailable, lacksFuse()))(
  "a process that cannot be frozen makes pause fail in time, and all others go on; afterwards it can be",
  async () => {
    const files = await rootfs(temporaryDirectory("stuck-root"));
    const id = await run("while :; do echo x >> /count; sleep 0.05; done", explicit, files);
    const count = () => readFileSync(join(files, "count"), "utf8").length;
    const statusOf = async () => JSON.parse((await call(["state", id])).stdout).status;
    {
      await using stuck = await stuckProcess();
      writeFileSync(join(freezerOf(id), "cgroup.procs"), `${stuck.pid}`);
      const begin = performance.now();
      const paused = call(["pause", id]);
      await Bun.sleep(1500);
      // Not done, so not paused.
      expect(await statusOf()).toBe("running");
      const { code, stderr } = await paused;
      expect({ code, stderr }).toEqual({
        code: 1,
        stderr: `hutch: pause container ${id}: its processes could not be frozen within five seconds; hint: one of them waits for a device or a file system\n`,
      });
      expect(performance.now() - begin).toBeLessThan(12_000 * SLOWNESS);
      const start = count();
      expect(await eventually(() => count() > start)).toBe(true);
      expect(await statusOf()).toBe("running");
    }
    expect(await call(["pause", id])).toMatchObject({ code: 0, stderr: "" });
    expect(await statusOf()).toBe("paused");
  },
  40_000,
);

asRoot(
  "resume undoes a pause that was killed half-way",
  async () => {
    const id = await run("sleep 300", explicit);
    const directory = freezerOf(id);
    const isV1 = directory.includes("freezer");
    writeFileSync(join(directory, isV1 ? "freezer.state" : "cgroup.freeze"), isV1 ? "FROZEN" : "1");
    expect(await call(["resume", id])).toMatchObject({ code: 0, stderr: "" });
    expect(JSON.parse((await call(["state", id])).stdout).status).toBe("running");
  },
  20_000,
);

/** A process that has another pid each time it is looked for. */
const HOP = "#!/bin/sh\n/hop &\n";

asRoot(
  "kill --all ends also what forks faster than it can be told, without a pid namespace",
  async () => {
    const files = await rootfs(temporaryDirectory("hop-root"));
    writeFileSync(join(files, "hop"), HOP, { mode: 0o755 });
    const id = await run(
      "/hop & /hop & /hop & sleep 300",
      (name) => (spec) =>
        withLinux({
          cgroupsPath: `/${name}`,
          resources: { pids: { limit: 64 } },
          namespaces: (spec.linux?.namespaces ?? []).filter(({ type }) => type !== "pid"),
        })(spec),
      files,
    );
    const directory = freezerOf(id);
    // The shell, the sleep, and one that hops.
    expect(await eventually(() => pidsIn(directory).length > 2)).toBe(true);
    expect(await call(["kill", "--all", id, "KILL"])).toMatchObject({ code: 0, stderr: "" });
    await eventually(() => !pidsIn(directory).some(isLive));
    expect(pidsIn(directory).filter(isLive)).toEqual([]);
    expect((await call(["delete", id])).code).toBe(0);
  },
  20_000,
);
