/** A mount of type cgroup, and a tmpfs that starts with what lies below it. */
import { describe, expect, test } from "bun:test";
import { slot } from "../../src/plan/build.ts";
import type { CgroupView } from "../../src/plan/cgroup.ts";
import { cgroupMount } from "../../src/plan/cgroup-mount.ts";
import { makeContext } from "../../src/plan/context.ts";
import { copyUp } from "../../src/plan/copy-up.ts";
import { sortMounts } from "../../src/plan/mount.ts";
import { planContainer } from "../../src/plan/order.ts";
import { context, HOST, LAUNCH, lastPosition, lines, position, spec, USER } from "./fixture.ts";

const MOUNT = { destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["ro"] };
const V2: CgroupView = { name: "", type: "cgroup2", options: [], directory: () => "/sys/fs/cgroup/box" };
const V1: CgroupView[] = [
  {
    name: "cpu,cpuacct",
    type: "cgroup",
    options: ["cpu", "cpuacct"],
    directory: () => "/sys/fs/cgroup/cpu/box",
  },
  {
    name: "systemd",
    type: "cgroup",
    options: ["none", "name=systemd"],
    directory: () => "/sys/fs/cgroup/systemd/box",
  },
];

function mounted(views: readonly CgroupView[], own: boolean): string[] {
  const cgroup = {
    create: [],
    enter: [],
    into: undefined,
    remove: [],
    counts: {},
    directories: () => [],
    views,
  };
  const of = spec({}, own ? {} : { namespaces: [{ type: "mount" }] }, { mounts: [MOUNT] });
  const made = makeContext(of, HOST, LAUNCH, cgroup);
  return sortMounts(made).flatMap((sorted) => lines(cgroupMount(made, sorted)));
}

describe("a mount of type cgroup", () => {
  test("is cgroup2 itself on version 2", () => {
    const text = mounted([V2], true);
    expect(text[0]).toContain('fsopen("cgroup2"');
    expect(text.join("\n")).toMatch(/fsmount\(.*MOUNT_ATTR_RDONLY/);
    expect(text.join("\n")).not.toContain('fsopen("tmpfs"');
  });

  test("without a cgroup namespace is the container's directory", () => {
    const text = mounted([V2], false).join("\n");
    expect(text).toContain('open_tree(AT_FDCWD, "/sys/fs/cgroup/box"');
    expect(text).not.toContain("fsopen(");
  });

  test("on version 1 is a directory a hierarchy, and a link a controller", () => {
    const text = mounted(V1, true).join("\n");
    for (const name of ["cpu,cpuacct", "systemd"])
      expect(text).toContain(`mkdirat(<mount>, "${name}", 0755)`);
    expect(text).toContain('symlinkat("cpu,cpuacct", <mount>, "cpuacct")');
    expect(text).not.toContain('symlinkat("systemd"');
    expect(text).toContain('FSCONFIG_SET_STRING, "name", "systemd"');
  });
});

describe("in a user namespace that root makes, the container's cgroup directories", () => {
  const cgroup = {
    create: [],
    enter: [],
    into: undefined,
    remove: [],
    counts: {},
    directories: () => [],
    views: V1,
  };
  const own = (types: readonly ("mount" | "user" | "cgroup")[]) =>
    makeContext(
      spec(
        {},
        {
          namespaces: types.map((type) => ({ type })),
          uidMappings: [{ containerID: 0, hostID: 100_000, size: 1 }],
          gidMappings: [{ containerID: 0, hostID: 100_000, size: 1 }],
        },
        { mounts: [MOUNT] },
      ),
      HOST,
      LAUNCH,
      cgroup,
    );
  const opened = (of: ReturnType<typeof own>) =>
    lines(planContainer(of)).filter((line) => /^open_tree\(.*\/sys\/fs\/cgroup\/.*box/.test(line));

  test("are opened by the launcher, once each, because init may not be allowed to", () => {
    const plan = planContainer(own(["mount", "user"]));
    expect(opened(own(["mount", "user"]))).toHaveLength(V1.length);
    expect(lastPosition(plan, "/sys/fs/cgroup/systemd/box")).toBeLessThan(position(plan, "clone3("));
  });

  test("are not opened when a cgroup namespace shows them", () => {
    expect(opened(own(["mount", "user", "cgroup"]))).toEqual([]);
  });
});

test("tmpcopyup closes its layers again, and uses user.* attributes where trusted.* is refused", () => {
  const copied = (of = context()) => lines(copyUp(of, "why", { mount: slot("m"), target: slot("t") }));
  const opened = copied().filter((line) => line.startsWith("dup3(")).length;
  expect(copied().filter((line) => /^close\(\d+\)/.test(line)).length).toBe(opened);
  expect(copied().join("\n")).not.toContain("userxattr");
  expect(copied(context(spec(), {}, USER)).join("\n")).toContain("userxattr");
});
