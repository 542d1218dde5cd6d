/** Plans of `create` and `run`: what they are good for, and what is written down of them. */
import { expect, test } from "bun:test";
import { planCreation, type Wish } from "../../src/container/creation.ts";
import { NAMELESS, readDraft, recordOf } from "../../src/container/draft.ts";
import { PLAIN } from "../../src/container/plan.ts";
import { machine } from "../cli/machine.ts";
import { HOST, lines, spec } from "../plan/fixture.ts";

const LOOK = machine({
  cgroupMounts: "40 1 0:30 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
  cgroups: "0::/\n",
});
const LIMITED = spec({}, { resources: { pids: { limit: 9 } } }, { mounts: [], annotations: { a: "b" } });

const planned = (rest: Partial<Wish> = {}) =>
  planCreation({ id: "box", bundle: "/b", spec: LIMITED, host: HOST, launch: PLAIN, ...rest }, LOOK);

test("a plan is the same for every id, and so is what is written down, but for the id", async () => {
  const [one, other] = [await planned(), await planned({ id: "crate" })];
  expect(one.isLasting).toBe(true);
  expect(other).toEqual(one);
  const draft = readDraft(one.details);
  expect(draft.cgroups).toHaveLength(1);
  expect(draft.cgroups[0]).toEndWith(`/hutch-${NAMELESS}`);
  expect(recordOf(draft, "crate").cgroups[0]).toEndWith("/hutch-crate");
});

test("a plan with cgroup mounts is good for every id, also without a cgroup namespace", async () => {
  // What is mounted then are the container's own cgroups, whose names have the id.
  const mounts = [{ destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup" }];
  const { namespaces } = LIMITED.linux ?? {};
  const shared = spec(
    {},
    {
      resources: { pids: { limit: 9 } },
      namespaces: (namespaces ?? []).filter(({ type }) => type !== "cgroup"),
    },
    { mounts },
  );
  const { plan, isLasting, details } = await planned({ spec: shared });
  expect(isLasting).toBe(true);
  expect(lines(plan).join("\n")).not.toContain("hutch-box");
  expect(details).not.toContain("hutch-box");
});

test("what is written down is what the description says", async () => {
  const { details } = await planned({ spec: { ...LIMITED, hooks: { poststop: [{ path: "/p" }] } } });
  expect(readDraft(details)).toMatchObject({
    ociVersion: LIMITED.ociVersion,
    bundle: "/b",
    rootfs: "/srv",
    owner: 0,
    annotations: { a: "b" },
    hooks: { poststop: [{ path: "/p" }] },
    terminal: false,
  });
  expect(readDraft(details).config).toBeUndefined();
  expect(readDraft((await planned({ config: "{}" })).details).config).toBe("{}");
  const terminal = spec({ terminal: true }, {}, { mounts: [] });
  expect(readDraft((await planned({ spec: terminal })).details).terminal).toBe(true);
});

test("only namespaces that are made are written down, not those that are joined", async () => {
  const namespaces = [{ type: "mount" as const }, { type: "network" as const, path: "/run/netns/x" }];
  const { details } = await planned({ spec: spec({}, { namespaces }, { mounts: [] }) });
  expect(readDraft(details).namespaces).toEqual(["mount"]);
});

test("init dies with its launcher, however the container is started", async () => {
  for (const creates of [false, true]) {
    const { plan } = await planned({ launch: { ...PLAIN, creates } });
    const born = plan.findIndex((step) => step.kind === "label" && step.name === "init");
    expect(lines(plan.slice(born))[0]).toStartWith("prctl(PR_SET_PDEATHSIG, SIGKILL");
  }
});
