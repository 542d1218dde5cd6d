/** The process and its namespaces: ids, capabilities, limits, names, exec. */
import { describe, expect, test } from "bun:test";
import { CAPABILITIES } from "../../src/linux/capability.ts";
import {
  CLONE_NEWCGROUP,
  CLONE_NEWNS,
  CLONE_NEWPID,
  CLONE_NEWTIME,
  CLONE_NEWUSER,
} from "../../src/linux/sched.ts";
import { dropBounding, setCapabilities } from "../../src/plan/capability.ts";
import { isNew, withoutMknod } from "../../src/plan/context.ts";
import { closeDescriptors, DEFAULT_PATH, execute } from "../../src/plan/exec.ts";
import { isMapped, mapsItself, mapText, toContainer } from "../../src/plan/idmap.ts";
import { waitsForMaps } from "../../src/plan/launcher.ts";
import { cloneFlags, enterTime, joinNamespaces, loopbackUp, names } from "../../src/plan/namespace.ts";
import {
  becomeRoot,
  setOomScore,
  setRlimits,
  setScheduler,
  setUmask,
  setUser,
} from "../../src/plan/process.ts";
import { loadSeccomp } from "../../src/plan/seccomp-load.ts";
import type { Struct } from "../../src/plan/step.ts";
import {
  CLONE_ARGS_SIZE,
  cloneArgs,
  MOUNT_ATTR_SIZE,
  mountAttr,
  OPEN_HOW_SIZE,
  openHow,
} from "../../src/plan/struct.ts";
import { setSysctls } from "../../src/plan/sysctl.ts";
import { calls, context, HOST, lines, process, rootless, spec, USER } from "./fixture.ts";

const sizeOf = ({ fields }: Struct): number => fields.reduce((sum, { size }) => sum + size, 0);

test("the structs have the sizes that the kernel is told", () => {
  expect(sizeOf(cloneArgs({ flags: 0, exitSignal: 17 }))).toBe(CLONE_ARGS_SIZE);
  expect(sizeOf(mountAttr({}))).toBe(MOUNT_ATTR_SIZE);
  expect(sizeOf(openHow(0, 0, 0))).toBe(OPEN_HOW_SIZE);
});

describe("ids", () => {
  const maps = [
    { containerID: 0, hostID: 1000, size: 1 },
    { containerID: 1, hostID: 100_000, size: 10 },
  ];

  test("a map is written a range a line", () => {
    expect(mapText(maps)).toBe("0 1000 1\n1 100000 10\n");
  });

  test("are found in their range, and nowhere else", () => {
    expect([999, 1000, 1001, 100_009, 100_010].map((id) => toContainer(maps, id))).toEqual([
      undefined,
      0,
      undefined,
      10,
      undefined,
    ]);
    expect([0, 10, 11].map((id) => isMapped(maps, id))).toEqual([true, true, false]);
  });

  test("an ordinary user maps its own id itself; all else is written from outside", () => {
    const own = context(rootless(), {}, USER);
    expect([mapsItself(own), waitsForMaps(own)]).toEqual([true, false]);
    const other = context(rootless(), {}, { ...USER, uid: 1001 });
    expect([mapsItself(other), waitsForMaps(other)]).toEqual([false, true]);
    expect(waitsForMaps(context(rootless()))).toBe(true);
    expect(waitsForMaps(context())).toBe(false);
  });

  test("who maps itself leaves its groups alone, which it may not set", () => {
    const text = lines(setUser(process(), context(rootless(), {}, USER))).join("\n");
    expect(text).not.toContain("setgroups(");
    expect(lines(setUser(process(), context())).join("\n")).toContain("setgroups(0, NULL)");
  });

  test("root of a user namespace is taken only where it is mapped", () => {
    const user = (containerID: number) =>
      context(
        spec(
          {},
          {
            namespaces: [{ type: "user" }],
            uidMappings: [{ containerID, hostID: 100_000, size: 10 }],
            gidMappings: [{ containerID, hostID: 100_000, size: 10 }],
          },
        ),
      );
    expect(lines(becomeRoot(user(0)))).toEqual(["setresgid(0, 0, 0)", "setresuid(0, 0, 0)"]);
    expect(becomeRoot(user(5))).toEqual([]);
    expect(becomeRoot(context())).toEqual([]);
  });
});

describe("capabilities", () => {
  test("the bounding loop goes up to what the kernel knows, not to what hutch knows", () => {
    const steps = dropBounding(process());
    expect(calls(steps)[0]?.errors).toEqual({ EINVAL: { to: "bounding set is done" } });
    expect(steps).toContainEqual(expect.objectContaining({ kind: "branch", is: "lt", right: 64 }));
  });

  test("the kept set is a mask of the listed ones", () => {
    const kept = dropBounding(process({ capabilities: { bounding: ["CAP_CHOWN", "CAP_KILL"] } }))[0];
    expect(kept).toMatchObject({ op: "set", left: (1n << 0n) | (1n << 5n) });
  });

  test("the upper halves hold the numbers from 32", () => {
    const all = [...CAPABILITIES];
    const [capset] = calls(setCapabilities(process({ capabilities: { effective: all, permitted: all } })));
    const data = capset?.args[1];
    const fields =
      typeof data === "object" && data.kind === "struct" ? data.fields.map(({ value }) => value) : [];
    expect(fields).toEqual([0xffffffff, 0xffffffff, 0, 0x1ff, 0x1ff, 0]);
  });

  test("no list is none", () => {
    const [capset] = calls(setCapabilities({ cwd: "/", args: ["x"] }));
    const data = capset?.args[1];
    const fields =
      typeof data === "object" && data.kind === "struct" ? data.fields.map(({ value }) => value) : ["?"];
    expect(fields).toEqual([0, 0, 0, 0, 0, 0]);
  });
});

describe("namespaces", () => {
  const all = context(
    spec(
      {},
      {
        namespaces: [
          { type: "user" },
          { type: "mount" },
          { type: "pid" },
          { type: "cgroup" },
          { type: "time" },
        ],
      },
    ),
  );

  test("are born with the first process, but for cgroup and time", () => {
    expect(cloneFlags(all)).toBe(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID);
    expect(cloneFlags(all) & (CLONE_NEWCGROUP | CLONE_NEWTIME)).toBe(0);
  });

  test("an empty path is a new one, a path is joined", () => {
    const given = context(
      spec(
        {},
        {
          namespaces: [
            { type: "pid", path: "" },
            { type: "uts", path: "/proc/1/ns/uts" },
          ],
        },
      ),
    );
    expect([isNew(given, "pid"), isNew(given, "uts"), isNew(given, "ipc")]).toEqual([true, false, false]);
  });

  test("the user namespace is joined first, the mount namespace by init", () => {
    const joined = context(
      spec(
        {},
        {
          namespaces: (["mount", "network", "user"] as const).map((type) => ({ type, path: `/ns/${type}` })),
        },
      ),
    );
    const opened = (which: "launcher" | "init") =>
      calls(joinNamespaces(joined, which)).flatMap(({ name, args }) => (name === "openat" ? [args[1]] : []));
    expect(opened("launcher")).toEqual(["/ns/user", "/ns/network"]);
    expect(opened("init")).toEqual(["/ns/mount"]);
  });

  test("the clocks are set before the time namespace is entered", () => {
    const timed = context(
      spec({}, { namespaces: [{ type: "time" }], timeOffsets: { boottime: { secs: 5, nanosecs: 6 } } }),
    );
    const text = lines(enterTime(timed));
    expect(text[0]).toContain("CLONE_NEWTIME");
    expect(text.findIndex((line) => line.includes("boottime 5 6"))).toBeGreaterThan(0);
    expect(text.findIndex((line) => line.startsWith("setns("))).toBeGreaterThan(
      text.findIndex((line) => line.includes("boottime 5 6")),
    );
    expect(enterTime(context())).toEqual([]);
  });

  test("loopback is brought up in a new network namespace alone", () => {
    expect(loopbackUp(context()).length).toBeGreaterThan(0);
    expect(loopbackUp(context(spec({}, { namespaces: [] })))).toEqual([]);
  });

  test("names are as long as their bytes", () => {
    const named = context(spec({}, {}, { hostname: "häuschen", domainname: "d" }));
    expect(lines(names(named))).toEqual(['sethostname("häuschen", 9)', 'setdomainname("d", 1)']);
  });

  test("mknod is for root of the host alone", () => {
    const inUser = context(spec({}, { namespaces: [{ type: "user" }] }));
    expect([withoutMknod(context()), withoutMknod(inUser), withoutMknod(context(spec(), {}, USER))]).toEqual([
      false,
      true,
      true,
    ]);
  });
});

describe("the process", () => {
  test("has the caller's RLIMIT_NOFILE, unless the spec says otherwise", () => {
    expect(lines(setRlimits(process({ rlimits: [] }), context()))).toEqual([
      expect.stringContaining("rlim_cur=1024, rlim_max=4096"),
    ]);
    const own = process({ rlimits: [{ type: "RLIMIT_NOFILE", soft: 5, hard: 6 }] });
    expect(lines(setRlimits(own, context()))).toEqual([expect.stringContaining("rlim_cur=5, rlim_max=6")]);
    expect(setRlimits(process({ rlimits: [] }), context(spec(), {}, { ...HOST, nofile: undefined }))).toEqual(
      [],
    );
  });

  test("has the usual umask, or its own", () => {
    expect(lines([setUmask(process())])).toEqual(["umask(022)"]);
    expect(lines([setUmask(process({ user: { uid: 0, gid: 0, umask: 0o77 } }))])).toEqual(["umask(077)"]);
  });

  test("what is not asked for is not done", () => {
    expect([
      setOomScore(process()),
      setScheduler(process()),
      loadSeccomp(context()),
      setSysctls(context()),
    ]).toEqual([[], [], [], []]);
  });

  test("sysctls are files below /proc/sys", () => {
    const text = lines(setSysctls(context(spec({}, { sysctl: { "net.ipv4.ip_forward": "1" } }))));
    expect(text).toEqual([
      expect.stringContaining('"/proc/sys/net/ipv4/ip_forward", O_WRONLY|O_CLOEXEC'),
      'write(<sysctl>, "1", 1)',
      "close(<sysctl>)",
    ]);
  });

  test("keeps the descriptors that are to be preserved", () => {
    expect(lines([closeDescriptors(0)])[0]).toContain("close_range(3,");
    expect(lines([closeDescriptors(2)])[0]).toContain("close_range(5,");
  });
});

describe("the exec", () => {
  const failures = (args: string[], env: string[] = []) =>
    execute(process({ args, env }), { givenEnvironment: false }).flatMap((step) =>
      step.kind === "fail" ? [`${step.exitCode} ${step.message}`] : [],
    );
  /** The paths that are tried: arguments of the calls, or strings of a list. */
  const tried = (args: string[], env: string[] = []) =>
    execute(process({ args, env }), { givenEnvironment: false }).flatMap((step) => {
      if (step.kind === "next") return step.from.strings;
      return step.kind === "call" && step.name === "execve" && typeof step.args[0] === "string"
        ? [step.args[0]]
        : [];
    });

  test("a command with a slash is executed as it is", () => {
    expect(tried(["./x"], ["PATH=/a"])).toEqual(["./x"]);
  });

  test("a command without one is looked for in the container's PATH", () => {
    expect(tried(["x"], ["PATH=/a:/b"])).toEqual(["/a/x", "/b/x"]);
    expect(tried(["x"], ["PATH="])).toEqual(["./x"]);
    expect(tried(["x"])).toEqual(DEFAULT_PATH.split(":").map((directory) => `${directory}/x`));
  });

  test("what is not found is 127, what cannot be executed 126", () => {
    expect(failures(["x"]).map((text) => text.slice(0, 4))).toContain("127 ");
    expect(failures(["x"]).map((text) => text.slice(0, 4))).toContain("126 ");
    const [execve] = calls(execute(process({ args: ["/x"] }), { givenEnvironment: false }));
    expect(execve?.exitCode).toBe(126);
  });
});
