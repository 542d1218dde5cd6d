/** events, against what the kernel says of the cgroup. */
import { afterAll, expect } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { HUTCH } from "../support/hutch.ts";
import { eventually, SLOWNESS } from "../support/patience.ts";
import { detached, limitedBox } from "./support-detached.ts";
import { freshId, sharedRoot } from "./support-inside.ts";
import { asRoot, place as lifecyclePlace } from "./support-lifecycle.ts";

const place = detached();
const { call } = place;
afterAll(place.end);

asRoot("--stats is one line with what the container uses and may use", async () => {
  const own = await limitedBox(place);
  const { code, stdout } = await call(["events", "--stats", own.id]);
  expect(code).toBe(0);
  expect(stdout.trim()).not.toContain("\n");
  const event = JSON.parse(stdout);
  expect(event).toMatchObject({
    type: "stats",
    id: own.id,
    data: { memory: { usage: { limit: 64 * 2 ** 20 } }, pids: { current: 1 }, network_interfaces: null },
  });
  expect(event.data.cpu.usage.total).toBeGreaterThan(0);
  expect(event.data.memory.usage.usage).toBeGreaterThan(0);
});

asRoot("--stats has no member that runc's does not have", async () => {
  const own = await limitedBox(place);
  const known =
    /"(type|id|data|cpu|usage|total|percpu|percpu_kernel|percpu_user|kernel|user|throttling|periods|throttledPeriods|throttledTime|cpuset|cpus|mems|cpu_exclusive|mem_hardwall|mem_exclusive|memory_\w+|sched_\w+|memory|cache|swap|kernelTCP|raw|limit|max|failcnt|pids|current|blkio|hugetlb|intel_rdt|network_interfaces|psi|some|full|avg\d+|io\w+Recursive|major|minor|op|value|\d+[KMG]B)":/g;
  const { stdout } = await call(["events", "--stats", own.id]);
  const rest = stdout.replace(/"raw":\{[^}]*\}/, '"raw":{}').replaceAll(known, "");
  expect(rest).not.toMatch(/"\w+":/);
});

/** The events of a container, as they come. */
function following(id: string, interval: string) {
  const child = Bun.spawn([HUTCH, "--root", place.root, "events", "--interval", interval, id], {
    stdout: "pipe",
    timeout: 30_000 * SLOWNESS,
  });
  let text = "";
  const isRead = (async () => {
    const decoder = new TextDecoder();
    for await (const chunk of child.stdout) text += decoder.decode(chunk, { stream: true });
  })();
  return {
    types: () =>
      text
        .split("\n")
        .slice(0, -1)
        .map((line): string => JSON.parse(line).type),
    ends: async () => {
      await isRead;
      return { code: await child.exited, ooms: text.split("\n").filter((line) => line.includes('"oom"')) };
    },
  };
}

asRoot("is a line each interval, and ends with the container", async () => {
  const own = await limitedBox(place);
  const { types, ends } = following(own.id, "200ms");
  expect(await eventually(() => types().length >= 3)).toBe(true);
  await call(["kill", own.id, "KILL"]);
  expect(await ends()).toEqual({ code: 0, ooms: [] });
  expect(new Set(types())).toEqual(new Set(["stats"]));
});

/** What dd wants is more than there is. */
const GREEDY = "dd if=/dev/zero of=/dev/null bs=100M count=1";

for (const [claim, script, times] of [
  ["of a process that was killed for want of memory", `${GREEDY}; sleep 1`, 1],
  ["of each, also of the first, with which the stream ends", `${GREEDY}; ${GREEDY}; exec ${GREEDY}`, 3],
] as const) {
  asRoot(`tells ${claim}`, async () => {
    const go = `go-${freshId()}`;
    const own = await limitedBox(place, `until [ -e /${go} ]; do sleep 0.05; done; ${script}`, 16 * 2 ** 20);
    const { types, ends } = following(own.id, "100ms");
    // It looks since then.
    expect(await eventually(() => types().length > 0)).toBe(true);
    writeFileSync(join(await sharedRoot(), go), "");
    expect(await ends()).toEqual({ code: 0, ooms: Array(times).fill(`{"type":"oom","id":"${own.id}"}`) });
  });
}

asRoot("of a container that has ended, or is not there, is an error", async () => {
  const own = await limitedBox(place, "true");
  const hasEnded = async () => JSON.parse((await call(["state", own.id])).stdout).status === "stopped";
  expect(await eventually(hasEnded)).toBe(true);
  expect((await call(["events", "--stats", own.id])).stderr).toContain("container not running");
  expect((await call(["events", "--stats", "nobody"])).stderr).toContain("does not exist");
});

asRoot("of a container without a cgroup is an error: nothing counts what it uses", async () => {
  const own = await lifecyclePlace("sleep 100", (spec) => ({
    ...spec,
    linux: { ...spec.linux, resources: {} },
  }));
  const id = freshId();
  const call = (...args: string[]) => own.call("--cgroup-manager=disabled", ...args);
  expect(await call(...own.create(id))).toMatchObject({ code: 0, stderr: "" });
  expect(await call("events", "--stats", id)).toMatchObject({
    stdout: "",
    stderr: expect.stringContaining(
      `events of ${id}: it has no cgroup, and nothing counts what it uses; hint: `,
    ),
  });
  expect(await call("delete", "--force", id)).toMatchObject({ code: 0 });
});
