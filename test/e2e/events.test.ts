/** events, against what the kernel says of the cgroup. */
import { afterAll, expect } from "bun:test";
import { HUTCH } from "../support/hutch.ts";
import { SLOWNESS } from "../support/patience.ts";
import { detached, limitedBox } from "./support-detached.ts";
import { asRoot } from "./support-lifecycle.ts";

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

asRoot("is a line each interval, and ends with the container", async () => {
  const own = await limitedBox(place, `sleep ${1.2 * SLOWNESS}`);
  const { code, stdout } = await call(["events", "--interval", "200ms", own.id]);
  expect(code).toBe(0);
  const types = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line).type);
  expect(types.length).toBeGreaterThanOrEqual(3);
  expect(new Set(types)).toEqual(new Set(["stats"]));
});

asRoot("tells of a process that was killed for want of memory", async () => {
  // What dd wants is more than there is; the shell goes on.
  const script = `sleep ${SLOWNESS}; dd if=/dev/zero of=/dev/null bs=100M count=1; sleep 1`;
  const own = await limitedBox(place, script, 16 * 2 ** 20);
  const child = Bun.spawn([HUTCH, "--root", place.root, "events", "--interval", "60s", own.id], {
    stdout: "pipe",
  });
  const text = await child.stdout.text();
  expect(JSON.parse(text.split("\n")[0] ?? "{}")).toEqual({ type: "oom", id: own.id });
});

asRoot("tells of each process, also of the first, with which the stream ends", async () => {
  const script = `sleep ${SLOWNESS}; for n in 1 2; do dd if=/dev/zero of=/dev/null bs=100M count=1; done; exec dd if=/dev/zero of=/dev/null bs=100M count=1`;
  const own = await limitedBox(place, script, 16 * 2 ** 20);
  const { stdout, code } = await call(["events", "--interval", "60s", own.id]);
  const lines = stdout.trim().split("\n");
  expect({ code, lines }).toEqual({ code: 0, lines: Array(3).fill(`{"type":"oom","id":"${own.id}"}`) });
});

asRoot("of a container that has ended, or is not there, is an error", async () => {
  const own = await limitedBox(place, "true");
  await Bun.sleep(300);
  expect((await call(["events", "--stats", own.id])).stderr).toContain("container not running");
  expect((await call(["events", "--stats", "nobody"])).stderr).toContain("does not exist");
});
