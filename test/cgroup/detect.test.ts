import { expect, test } from "bun:test";
import { detectCgroups } from "../../src/cgroup/detect.ts";
import { DOCKER, HYBRID, hostOf, NONE, V1, V2 } from "./fixture.ts";

const CGROUP = "/sys/fs/cgroup";
const BASE = "27 1 254:0 / / rw - ext4 /dev/vda rw\n";

test("version 1 is recognised, with co-mounted controllers, names, and hutch's own directory in each", () => {
  const host = hostOf(V1);
  expect(host.version).toBe("v1");
  expect(host.unified).toBeUndefined();
  expect(host.hierarchies).toEqual([
    {
      controllers: ["net_cls", "net_prio"],
      mount: `${CGROUP}/net_cls,net_prio`,
      own: `${CGROUP}/net_cls,net_prio`,
    },
    { controllers: ["devices"], mount: `${CGROUP}/devices`, own: `${CGROUP}/devices/user.slice` },
    { controllers: ["pids"], mount: `${CGROUP}/pids`, own: `${CGROUP}/pids/user.slice/user-1000.slice` },
    { controllers: ["memory"], mount: `${CGROUP}/memory`, own: `${CGROUP}/memory/user.slice` },
    {
      controllers: ["cpu", "cpuacct"],
      mount: `${CGROUP}/cpu,cpuacct`,
      own: `${CGROUP}/cpu,cpuacct/user.slice`,
    },
    {
      controllers: ["name=systemd"],
      mount: `${CGROUP}/systemd`,
      own: `${CGROUP}/systemd/user.slice/user-1000.slice/session-3.scope`,
    },
  ]);
});

test("hybrid is version 1 with controllers beside version 2", () => {
  const host = hostOf(HYBRID);
  expect(host.version).toBe("hybrid");
  expect(host.hierarchies.map(({ controllers }) => controllers.join())).toEqual(
    "name=systemd pids blkio freezer devices memory cpuset cpuacct cpu".split(" "),
  );
  expect(host.hierarchies.find(({ controllers }) => controllers.includes("memory"))?.own).toBe(
    `${CGROUP}/memory/session/7`,
  );
  expect(host.unified).toEqual({ mount: `${CGROUP}/unified`, own: `${CGROUP}/unified` });
});

test("version 2 alone has no other hierarchies", () => {
  expect(hostOf(V2)).toEqual({
    version: "v2",
    hierarchies: [],
    unified: {
      mount: CGROUP,
      own: `${CGROUP}/user.slice/user-1000.slice/user@1000.service/app.slice/run-1.scope`,
    },
  });
});

test("a named hierarchy inside of version 2 does not make it hybrid", () => {
  const extra = `32 31 0:30 / ${CGROUP}/systemd rw - cgroup cgroup rw,name=systemd\n`;
  const host = detectCgroups(V2.mountinfo + extra, `1:name=systemd:/\n${V2.cgroup}`);
  expect(host.version).toBe("v2");
  expect(host.hierarchies).toEqual([]);
});

test("a named hierarchy alone is version 1", () => {
  const host = detectCgroups(
    `${BASE}32 27 0:30 / /c rw - cgroup cgroup rw,name=systemd\n`,
    "1:name=systemd:/\n",
  );
  expect(host.version).toBe("v1");
});

test("a machine without cgroups has none, and memberships of hierarchies that are not mounted do not count", () => {
  expect(hostOf(NONE)).toEqual({ version: "none", hierarchies: [] });
  expect(detectCgroups(NONE.mountinfo, "1:memory:/\n0::/\n")).toEqual({ version: "none", hierarchies: [] });
});

test("when a directory of the hierarchy is mounted, paths are relative to it", () => {
  const host = hostOf(DOCKER);
  expect(host.version).toBe("v1");
  expect(host.hierarchies).toEqual([
    { controllers: ["cpu", "cpuacct"], mount: `${CGROUP}/cpu,cpuacct`, own: `${CGROUP}/cpu,cpuacct` },
    { controllers: ["memory"], mount: `${CGROUP}/memory`, own: `${CGROUP}/memory/inner` },
  ]);
});

test.each([
  ["another branch of the tree", "/docker/abc", "/docker/abcdef"],
  ["outside of the cgroup namespace", "/", "/../other"],
])("hutch's own cgroup in %s is not looked for below the mount", (_, root, own) => {
  const host = detectCgroups(`${BASE}32 27 0:30 ${root} /c rw - cgroup2 c rw\n`, `0::${own}\n`);
  expect(host.unified).toEqual({ mount: "/c", own: "/c" });
});

test("spaces and backslashes in mount points are unescaped", () => {
  const host = detectCgroups(`${BASE}32 27 0:30 /a\\040b /my\\040c\\134g rw - cgroup2 c rw\n`, "0::/a b/c\n");
  expect(host.unified).toEqual({ mount: "/my c\\g", own: "/my c\\g/c" });
});

test("a cgroup whose name has colons is read to the end of the line", () => {
  const host = detectCgroups(`${BASE}32 27 0:30 / /c rw - cgroup2 c rw\n`, "0::/a:b:c\n");
  expect(host.unified?.own).toBe("/c/a:b:c");
});

test("of several mounts of one hierarchy the widest that shows hutch's own cgroup is taken", () => {
  const mounts = [
    "40 27 0:30 /other /other rw - cgroup cgroup rw,memory",
    "41 27 0:30 /mine /narrow rw - cgroup cgroup rw,memory",
    "42 27 0:30 / /wide rw - cgroup cgroup rw,memory",
    "43 27 0:30 / /second rw - cgroup cgroup rw,memory",
  ];
  const own = (list: readonly string[]) =>
    detectCgroups(BASE + list.join("\n"), "1:memory:/mine/here\n").hierarchies[0]?.own;
  expect(own(mounts)).toBe("/wide/mine/here");
  expect(own(mounts.toReversed())).toBe("/second/mine/here");
  expect(own(mounts.slice(0, 2))).toBe("/narrow/here");
});

test("a mount that another one covers is not used", () => {
  const covered = V1.mountinfo.replace("32 31", `90 31 0:80 / ${CGROUP} rw - cgroup2 cgroup2 rw\n32 31`);
  expect(detectCgroups(covered, `${V1.cgroup}0::/\n`)).toEqual({
    version: "v2",
    hierarchies: [],
    unified: { mount: CGROUP, own: CGROUP },
  });
});

test("a mount on top of a covering one is used", () => {
  const stacked = `${BASE}30 27 0:1 / /c rw - tmpfs t rw
31 30 0:2 / /c rw - tmpfs t rw
32 31 0:30 / /c/memory rw - cgroup cgroup rw,memory
33 30 0:31 / /c/pids rw - cgroup cgroup rw,pids
`;
  const { hierarchies } = detectCgroups(stacked, "2:pids:/\n1:memory:/\n");
  expect(hierarchies.map(({ mount }) => mount)).toEqual(["/c/memory"]);
});
