import { expect, test } from "bun:test";
import { type BundleWish, planBundle } from "../../src/cli/bundle-plan.ts";
import { NAMELESS, readDraft } from "../../src/container/draft.ts";
import { emit } from "../../src/emit/index.ts";
import type { Look } from "../../src/host/look.ts";
import { CONTROL, controlDescriptor } from "../../src/plan/creator-control.ts";
import { defaultSpec } from "../../src/spec/default.ts";
import type { Spec } from "../../src/spec/spec.ts";
import { lines } from "../plan/fixture.ts";
import { machine } from "./machine.ts";

/** Looks that see a bundle at /nowhere/box, by way of a symlink, a config beside it, and nothing else. */
function bundleOf(rest: Partial<Spec> = {}): Look {
  const base = defaultSpec();
  const config = JSON.stringify({ ...base, process: { cwd: "/", args: ["sh"], ...base.process }, ...rest });
  return machine({
    kind: { link: "directory", "/nowhere/box/rootfs": "directory" },
    real: { link: "/nowhere/box", "/nowhere/box/rootfs": "/nowhere/root", other: "/nowhere/other" },
    text: { "/nowhere/box/config.json": config, other: config },
    cgroupMounts: "40 1 0:30 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
    cgroups: "0::/\n",
  });
}

const WISH: BundleWish = {
  id: "box",
  bundle: "link",
  config: undefined,
  preserveFds: 0,
  noPivot: false,
  keepKeyring: false,
  sendsPidfd: false,
  init: false,
  creates: true,
};

const planned = (wish: Partial<BundleWish> = {}, look = bundleOf()) =>
  planBundle({ ...WISH, ...wish }, look, () => {});

test("a bundle is planned by answers alone, with its root where its links lead", async () => {
  const { plan, details, isLasting } = await planned();
  expect(lines(plan).join("\n")).toContain('"/nowhere/root"');
  expect(isLasting).toBe(true);
  expect(readDraft(details)).toMatchObject({ bundle: "/nowhere/box", rootfs: "/nowhere/root" });
});

test("init waits for start, on descriptors after those that are preserved", async () => {
  for (const preserveFds of [0, 2]) {
    const printed = lines((await planned({ preserveFds })).plan);
    const waits = printed.findIndex((line) =>
      line.startsWith(`read(${controlDescriptor(preserveFds, "start")},`),
    );
    expect(waits).toBeGreaterThan(0);
    expect(printed.findIndex((line) => line.startsWith("execve("))).toBeGreaterThan(waits);
    const closes = printed.find((line) => line.startsWith("close_range("));
    expect(closes).toStartWith(`close_range(${3 + preserveFds + CONTROL.length}, `);
  }
});

test("a container has a cgroup without any limit: it is paused, counted and killed by it", async () => {
  const { cgroupsPath: _, resources: __, ...linux } = defaultSpec().linux ?? {};
  const { cgroups } = readDraft((await planned({}, bundleOf({ linux, mounts: [] }))).details);
  expect(cgroups).toHaveLength(1);
  expect(cgroups[0]).toEndWith(`/hutch-${NAMELESS}`);
});

test("the configuration is written down as it was, also one beside the bundle", async () => {
  const config = readDraft((await planned()).details).config ?? "";
  expect(JSON.parse(config)).toHaveProperty("ociVersion");
  expect(readDraft((await planned({ config: "other" })).details).config).toBe(config);
});

test("the wishes of the command line are in the plan", async () => {
  const text = async (wish: Partial<BundleWish>): Promise<string> =>
    lines((await planned(wish)).plan).join("\n");
  const plain = await text({});
  expect(plain).toContain("keyctl(");
  expect(plain).not.toContain(`sendmsg(${controlDescriptor(0, "pidfd")}`);
  const skipsPivot = async (noPivot: boolean): Promise<boolean> =>
    (await planned({ noPivot })).plan.some((step) => step.kind === "jump" && step.to === "no pivot");
  expect([await skipsPivot(false), await skipsPivot(true)]).toEqual([false, true]);
  expect(await text({ keepKeyring: true })).not.toContain("keyctl(");
  expect(await text({ sendsPidfd: true })).toContain(`sendmsg(${controlDescriptor(0, "pidfd")}`);
});

test("hooks of all kinds are taken", async () => {
  const hooks = {
    createRuntime: [{ path: "/a" }],
    createContainer: [{ path: "/b" }],
    startContainer: [{ path: "/in" }],
  };
  const { plan, details } = await planned({}, bundleOf({ hooks }));
  expect(lines(plan).join("\n")).toContain('execve("/in"');
  expect(() => emit(plan, { arch: "x86_64", report: { kind: "print", prefix: "test" } })).not.toThrow();
  expect(readDraft(details).hooks).toEqual(hooks);
});
