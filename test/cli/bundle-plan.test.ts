import { expect, test } from "bun:test";
import { planBundle } from "../../src/cli/bundle-plan.ts";
import { defaultSpec } from "../../src/spec/default.ts";
import type { Process } from "../../src/spec/spec.ts";
import { lines } from "../plan/fixture.ts";
import { machine } from "./machine.ts";

/** Looks that see a bundle at /nowhere/box, by way of a symlink, and nothing else. */
function bundleOf(process: Partial<Process> = {}, caller: Parameters<typeof machine>[0] = {}) {
  const base = defaultSpec();
  const { cgroupsPath: _, resources: __, ...linux } = base.linux ?? {};
  const config = {
    ...base,
    linux,
    mounts: base.mounts?.filter(({ type }) => type !== "cgroup"),
    process: { ...base.process, terminal: false, ...process },
  };
  return machine({
    ...caller,
    kind: { link: "directory", "/nowhere/box/rootfs": "directory" },
    real: { link: "/nowhere/box", "/nowhere/box/rootfs": "/nowhere/root" },
    text: { "/nowhere/box/config.json": JSON.stringify(config) },
  });
}

const WISH = {
  config: undefined,
  bundle: "link",
  id: "box",
  init: false,
  preserveFds: 0,
  noPivot: false,
  keepKeyring: false,
  notes: "forget" as const,
};

test("a bundle is planned by answers alone, with its root where its links lead", async () => {
  const warnings: string[] = [];
  const { plan, isLasting } = await planBundle(WISH, bundleOf(), (line) => warnings.push(line));
  const printed = lines(plan).join("\n");
  expect(printed).toContain('"/nowhere/root"');
  expect(printed).toContain('["sh"]');
  expect(warnings).toEqual([]);
  expect(isLasting).toBe(true);
});

test("the program takes its own execute permission away before anything else is opened", async () => {
  const printed = lines((await planBundle(WISH, bundleOf(), () => {})).plan);
  const own = printed.findIndex((line) => /^fchmod\(100, 0?o?[0-6]*\)/.test(line));
  expect(own).toBeGreaterThanOrEqual(0);
  expect(printed.findIndex((line) => line.startsWith("open"))).toBeGreaterThan(own);
});

test("preserved descriptors are left open, the next one is not", async () => {
  const closes = async (preserveFds: number): Promise<string[]> =>
    lines((await planBundle({ ...WISH, preserveFds }, bundleOf(), () => {})).plan)
      .filter((line) => line.startsWith("close_range("))
      .map((line) => /\((\d+),/.exec(line)?.[1] ?? "");
  expect(await closes(0)).toContain("3");
  expect(await closes(2)).not.toContain("3");
  expect(await closes(2)).toContain("5");
});

test("what the specification wants to be a warning is told, and the container planned all the same", async () => {
  const warnings: string[] = [];
  const capabilities = { ambient: ["CAP_KILL"], permitted: ["CAP_KILL"], bounding: ["CAP_KILL"] };
  const { plan } = await planBundle(WISH, bundleOf({ capabilities }), (line) => warnings.push(line));
  expect(warnings).toEqual([
    "process.capabilities.ambient: expected capabilities that are also permitted and inheritable, " +
      'received "CAP_KILL"',
  ]);
  expect(plan.length).toBeGreaterThan(0);
});

test("an ordinary user is told that the bundle has no user namespace, unless a capability makes up for it", async () => {
  const ofUser = (effective: string) =>
    planBundle(WISH, bundleOf({}, { user: "1000", group: "1000", effective }), () => {});
  await expect(ofUser("0000000000000000")).rejects.toThrow(
    "linux.namespaces: an ordinary user needs a user namespace of the container's own; hint: hutch spec --rootless",
  );
  expect((await ofUser("0000000000200000")).plan.length).toBeGreaterThan(0);
});
