/** What a process of one container shows of itself does not touch what becomes of another. */
import { afterAll, expect } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { HUTCH, hutch } from "../support/hutch.ts";
import { eventually } from "../support/patience.ts";
import { anyReason, lacksProgram, testUnless } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { freshId, withLinux, withProcess } from "./support-inside.ts";
import { isLive, limited, place, reach, remains, stateOf, unavailable } from "./support-lifecycle.ts";

const asRoot = testUnless(unavailable);
const withBash = testUnless(anyReason(unavailable, lacksProgram("bash")));

const children: Bun.Subprocess[] = [];
afterAll(() => {
  for (const child of children) child.kill("SIGKILL");
});

withBash("who forges a launcher's arguments cannot keep delete from ending another container", async () => {
  const where = await place("exec sleep 1000");
  const id = freshId();
  const victim = Bun.spawn([HUTCH, "--root", where.root, "run", "--bundle", where.bundle, id]);
  children.push(victim);
  expect(await eventually(() => existsSync(join(where.root, id, "pid")))).toBe(true);
  await reach(where, id, "running");
  // A process with the arguments of the victim's launcher, which stands still: not even SIGKILL ends it.
  const directory = temporaryDirectory("forgery");
  writeFileSync(join(directory, `hutch-${id}`), "sleep 1000");
  const forge = `cd ${directory}; exec -a hutch bash hutch-${id} ${where.root}/${id}`;
  const args = withProcess({ args: [Bun.which("bash") ?? "", "-c", forge] });
  const attacker = await place("", (spec) => args({ ...limited(spec), root: { path: "/", readonly: true } }));
  const other = freshId();
  await attacker.ok("run", "--detach", "--bundle", attacker.bundle, other);
  const { pid } = await stateOf(attacker, other);
  const words = () => readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  expect(await eventually(() => words()[0] === "hutch")).toBe(true);
  await attacker.ok("pause", other);
  const begin = performance.now();
  const { code, stderr } = await where.call("delete", "--force", id);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(performance.now() - begin).toBeLessThan(8000);
  expect(await victim.exited).toBe(137);
  expect(existsSync(join(where.root, id))).toBe(false);
  await attacker.ok("delete", "--force", other);
  expect([...remains(attacker, other), ...remains(where, id)]).toEqual([]);
});

/** A script that calls itself what hutch calls its reaper, or a process that has ended. */
const NAMES = ["hutch-init", ") Z 1 (", "a) R 1 1 1"];

asRoot("a container that renames itself has its own state, and is ended as every other", async () => {
  for (const name of NAMES) {
    const where = await place(`echo '${name}' > /proc/$$/comm; sleep 1000 & wait`, limited);
    const id = freshId();
    await where.ok("run", "--detach", "--bundle", where.bundle, id);
    const { pid } = await stateOf(where, id);
    const comm = () => readFileSync(`/proc/${pid}/comm`, "utf8").trim();
    expect(await eventually(() => comm() === name)).toBe(true);
    expect(await stateOf(where, id)).toEqual({ status: "running", pid });
    await where.ok("kill", id, "KILL");
    expect(await eventually(() => !isLive(pid))).toBe(true);
    expect((await stateOf(where, id)).status).toBe("stopped");
    await where.ok("delete", id);
    expect(remains(where, id)).toEqual([]);
  }
});

asRoot(
  "without a pid namespace, delete ends the container's processes and none that is called alike",
  async () => {
    const namespaces = withLinux({
      namespaces: [
        { type: "mount" },
        { type: "network" },
        { type: "ipc" },
        { type: "uts" },
        { type: "cgroup" },
      ],
    });
    const change = withProcess({ args: ["/bin/sh", "-c", "sleep 1000"] });
    const [one, two] = [
      await place("true", (s) => change(namespaces(limited(s)))),
      await place("sleep 1000", limited),
    ];
    const [first, second] = [freshId(), freshId()];
    for (const [where, id] of [
      [one, first],
      [two, second],
    ] as const) {
      await where.ok("run", "--detach", "--bundle", where.bundle, id);
    }
    const other = await stateOf(two, second);
    await one.ok("delete", "--force", first);
    expect(await stateOf(two, second)).toEqual(other);
    expect(isLive(other.pid)).toBe(true);
    await two.ok("delete", "--force", second);
    expect([...remains(one, first), ...remains(two, second)]).toEqual([]);
    expect((await hutch(["--root", one.root, "list", "-q"])).stdout).toBe("");
  },
);
