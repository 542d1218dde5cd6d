import { expect, test } from "bun:test";
import { type CgroupInput, planCgroup } from "../../src/cgroup/index.ts";
import { PLAIN } from "../../src/container/plan.ts";
import { emit } from "../../src/emit/index.ts";
import { ARCHES } from "../../src/linux/arch.ts";
import type { CgroupPlan } from "../../src/plan/cgroup.ts";
import { type Host, makeContext } from "../../src/plan/context.ts";
import { planContainer } from "../../src/plan/order.ts";
import type { Argument, Slot } from "../../src/plan/step.ts";
import { defaultSpec } from "../../src/spec/default.ts";
import type { Linux } from "../../src/spec/spec.ts";
import { DOCKER, HYBRID, hostOf, NONE, type Texts, V1, V2 } from "./fixture.ts";

const CGROUP = "/sys/fs/cgroup";

const HOST: Host = {
  arch: "x86_64",
  uid: 0,
  gid: 0,
  nested: false,
  kind: () => "directory",
  bounding: () => 0n,
  hasSecurityModule: () => false,
  nofile: undefined,
};

const isSlot = (argument: Argument): argument is Slot =>
  typeof argument === "object" && argument.kind === "slot";

const plan = (texts: Texts, input: Partial<CgroupInput> = {}): CgroupPlan | undefined =>
  planCgroup({
    host: hostOf(texts),
    resources: undefined,
    cgroupsPath: undefined,
    id: () => "web",
    uid: 0,
    mountsCgroup: false,
    ...input,
  });

const ALL: readonly (readonly [string, Texts])[] = [
  ["v1", V1],
  ["hybrid", HYBRID],
  ["v2", V2],
  ["docker", DOCKER],
];

test.each(ALL)("%s: nothing wanted is no plan, and limits that limit nothing are nothing", (_, texts) => {
  expect(plan(texts)).toBeUndefined();
  expect(
    plan(texts, { resources: { memory: {}, cpu: { shares: 0 }, devices: [] }, cgroupsPath: "" }),
  ).toBeUndefined();
});

test.each(ALL)("%s: a mount of cgroups alone makes no cgroup for an ordinary user", (_, texts) => {
  expect(plan(texts, { mountsCgroup: true, uid: 1000 })).toMatchObject({
    create: [],
    enter: [],
    into: undefined,
    remove: [],
  });
});

test.each(ALL)(
  "%s: for root it makes one in all that is shown, so that nothing of the host's is",
  (_, texts) => {
    const made = plan(texts, { mountsCgroup: true });
    const shown = made?.views.map((view) => view.directory()) ?? [];
    expect(shown.length).toBeGreaterThan(0);
    expect(shown.filter((path) => !path.endsWith("/hutch-web"))).toEqual([]);
    expect(made?.directories().toSorted()).toEqual(shown.toSorted());
  },
);

test.each(ALL)("%s: a limit makes, enters and removes", (_, texts) => {
  const made = plan(texts, { resources: { memory: { limit: 1 << 20 } } });
  expect(made?.create.length).toBeGreaterThan(0);
  expect(made?.remove.length).toBeGreaterThan(0);
  // Version 2 is entered at birth.
  expect(made?.enter.length === 0).toBe(made?.into !== undefined);
  expect(made?.into !== undefined).toBe(texts === V2);
});

test.each(ALL)(
  "%s: names of labels are unique, and the plan can be emitted for every architecture",
  (_, texts) => {
    const resources = {
      memory: { limit: 1 << 20, swap: 1 << 21 },
      cpu: { shares: 512, quota: 5000 },
      ...(texts === DOCKER ? {} : { pids: { limit: 5 }, devices: [{ allow: false }] }),
    };
    const made = plan(texts, { resources, cgroupsPath: "/a/b/web" });
    const steps = [...(made?.create ?? []), ...(made?.enter ?? []), ...(made?.remove ?? [])];
    for (const arch of ARCHES) {
      expect(emit(steps, { arch, report: { kind: "print", prefix: "hutch" } }).length).toBeGreaterThan(1000);
    }
    const names = steps.flatMap((step) => (step.kind === "label" ? [step.name] : []));
    expect(names.filter((name) => !name.startsWith("cgroup "))).toEqual([]);
  },
);

test("what a mount of cgroups shows on hybrid: each hierarchy by the name of its directory, and version 2", () => {
  const input = { mountsCgroup: true, resources: { pids: { limit: 5 } }, uid: 1000 };
  const views = plan(HYBRID, input)?.views ?? [];
  const shown = views.map(({ name, type, options, directory }) => [name, type, options.join(), directory()]);
  expect(shown).toEqual([
    ["systemd", "cgroup", "none,name=systemd", `${CGROUP}/systemd`],
    ["pids", "cgroup", "pids", `${CGROUP}/pids/hutch-web`],
    ["blkio", "cgroup", "blkio", `${CGROUP}/blkio`],
    ["freezer", "cgroup", "freezer", `${CGROUP}/freezer`],
    ["devices", "cgroup", "devices", `${CGROUP}/devices`],
    ["memory", "cgroup", "memory", `${CGROUP}/memory/session/7`],
    ["cpuset", "cgroup", "cpuset", `${CGROUP}/cpuset`],
    ["cpuacct", "cgroup", "cpuacct", `${CGROUP}/cpuacct`],
    ["cpu", "cgroup", "cpu", `${CGROUP}/cpu`],
    ["unified", "cgroup2", "", `${CGROUP}/unified`],
  ]);
});

test("co-mounted controllers are one view", () => {
  const views = plan(V1, { mountsCgroup: true, uid: 1000 })?.views ?? [];
  const view = views.find(({ name }) => name === "cpu,cpuacct");
  expect(view).toMatchObject({ type: "cgroup", options: ["cpu", "cpuacct"] });
  expect(view?.directory()).toBe(`${CGROUP}/cpu,cpuacct/user.slice`);
});

test("hierarchies on directories of one name are told apart by their controllers", () => {
  const mountinfo = HYBRID.mountinfo
    .replace(" /sys/fs/cgroup/systemd ", " /other/a ")
    .replace(" /sys/fs/cgroup/memory ", " /third/a ");
  const views = plan({ ...HYBRID, mountinfo }, { mountsCgroup: true })?.views ?? [];
  expect(views.map(({ name }) => name)).toEqual(
    "systemd pids blkio freezer devices memory cpuset cpuacct cpu unified".split(" "),
  );
});

test("on version 2 the container's cgroup is the only view, without a name", () => {
  const views = plan(V2, { mountsCgroup: true, resources: { pids: { limit: 5 } } })?.views ?? [];
  expect(views.map((view) => ({ ...view, directory: view.directory() }))).toEqual([
    {
      name: "",
      type: "cgroup2",
      options: [],
      directory: `${CGROUP}/hutch-web`,
      self: { kind: "slot", name: "cgroup v2" },
    },
  ]);
});

/** The program of a container that mounts its cgroups, as text, and how often its id was asked for. */
function programOf(texts: Texts, wish: Pick<Linux, "cgroupsPath" | "namespaces">) {
  let asked = 0;
  const id = (): string => {
    asked++;
    return "unmistakable";
  };
  const base = defaultSpec();
  const linux = { ...base.linux, resources: { memory: { limit: 1 << 20 } }, ...wish };
  const { resources, cgroupsPath } = linux;
  const cgroup = plan(texts, { id, resources, cgroupsPath, mountsCgroup: true });
  const context = makeContext({ ...base, linux }, HOST, { ...PLAIN, id }, cgroup);
  const program = emit(planContainer(context), {
    arch: HOST.arch,
    report: { kind: "print", prefix: "hutch" },
  });
  return { text: Buffer.from(program).toString("latin1"), asked: () => asked };
}

const namespaces = defaultSpec().linux?.namespaces ?? [];

test.each(ALL)("%s: with a cgroup namespace a program knows nothing of the container's id", (_, texts) => {
  const { text, asked } = programOf(texts, { namespaces });
  expect(text).toContain("hutch-program");
  expect(text).not.toContain("unmistakable");
  expect(asked()).toBe(0);
});

test.each(ALL)("%s: nor does one without, which shows what its launcher has open", (_, texts) => {
  const shared = namespaces.filter(({ type }) => type !== "cgroup");
  const { text, asked } = programOf(texts, { namespaces: shared });
  expect(text).toContain("the container's cgroup");
  expect(text).not.toContain("unmistakable");
  expect(asked()).toBe(0);
});

test.each(ALL)("%s: with an explicit path neither the id nor an argument is in the program", (_, texts) => {
  const shared = namespaces.filter(({ type }) => type !== "cgroup");
  const { text, asked } = programOf(texts, { namespaces: shared, cgroupsPath: "/pods/web" });
  expect(text).toContain("/pods/web\0");
  expect(text).not.toContain("hutch-program");
  expect(asked()).toBe(0);
});

test.each(ALL)("%s: nothing that names a cgroup is overwritten while it is removed", (_, texts) => {
  const { create = [], remove = [] } = plan(texts, { resources: { memory: { limit: 1 } } }) ?? {};
  const used = create.flatMap((step) =>
    step.kind === "call" && step.name === "mkdirat" ? step.args.filter(isSlot).map(({ name }) => name) : [],
  );
  const written = remove.flatMap((step) =>
    "into" in step && step.into !== undefined ? [step.into.name] : [],
  );
  expect(used.length).toBeGreaterThan(0);
  expect(written.length).toBeGreaterThan(0);
  expect(used.filter((name) => written.includes(name))).toEqual([]);
});

test("limits on a machine without cgroups are refused, and so is an explicit path", () => {
  expect(() => plan(NONE, { resources: { pids: { limit: 5 } } })).toThrow(
    "limit the container's resources: no cgroup file system is mounted; hint: mount",
  );
  expect(() => plan(NONE, { cgroupsPath: "/web" })).toThrow("make the cgroup /web: no cgroup file system");
  expect(plan(NONE, { mountsCgroup: true })?.views).toEqual([]);
});

test("a path that leads out of the tree is refused before anything is done", () => {
  expect(() => plan(HYBRID, { cgroupsPath: "/../web" })).toThrow("contains ..");
  expect(() => plan(V2, { cgroupsPath: "a/../../web" })).toThrow("contains ..");
});
