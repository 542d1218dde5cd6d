/** The order of a birth: every rule of it as a claim about the plan. */
import { describe, expect, test } from "bun:test";
import { call, slot } from "../../src/plan/build.ts";
import type { CgroupPlan } from "../../src/plan/cgroup.ts";
import { makeContext } from "../../src/plan/context.ts";
import { planContainer } from "../../src/plan/order.ts";
import type { Plan } from "../../src/plan/step.ts";
import { HOST, LAUNCH, lastPosition, lines, plan, position, rootless, spec, USER } from "./fixture.ts";

const FILTER = { program: new Uint8Array(8), flags: 0 };

/** Each text occurs for the first time after the one before it. */
function follows(steps: Plan, ...texts: readonly string[]): void {
  const places = texts.map((text) => ({ text, at: position(steps, text) }));
  expect(places.toSorted((a, b) => a.at - b.at).map(({ text }) => text)).toEqual([...texts]);
}

const PLAIN = plan();
const KILL = ["CAP_KILL"];

describe("privileges", () => {
  test("with no_new_privs the filter comes last, right before the exec", () => {
    const steps = plan(spec({ noNewPrivileges: true }), { filter: FILTER });
    follows(steps, "PR_SET_NO_NEW_PRIVS", "capset(", "seccomp(", "execve(");
    const between = steps.slice(position(steps, "seccomp(") + 1, position(steps, "execve("));
    expect(between.filter(({ kind }) => kind === "call")).toEqual([]);
  });

  test("without no_new_privs the filter comes before the privileges go", () => {
    const steps = plan(spec({ noNewPrivileges: false }), { filter: FILTER });
    follows(steps, "seccomp(", "PR_CAPBSET_DROP", "setresuid(", "capset(");
  });

  test("the bounding set is cut while CAP_SETPCAP is there", () => {
    follows(PLAIN, "PR_CAPBSET_DROP", "setresuid(", "capset(");
  });

  test("groups change before the user, who could not change them", () => {
    follows(PLAIN, "PR_SET_KEEPCAPS", "setgroups(", "setresgid(", "setresuid(");
  });

  test("the ambient set is filled after the permitted and inheritable ones", () => {
    const steps = plan(spec({ capabilities: { permitted: KILL, inheritable: KILL, ambient: KILL } }));
    follows(steps, "capset(", "PR_CAP_AMBIENT_CLEAR_ALL", "PR_CAP_AMBIENT_RAISE");
  });

  test("the death signal is asked for after the change of user, which clears it", () => {
    const steps = plan(spec(), { dieWithLauncher: true });
    expect(lastPosition(steps, "PR_SET_PDEATHSIG")).toBeGreaterThan(lastPosition(steps, "capset("));
  });

  test("limits are set while they can be raised", () => {
    expect(position(PLAIN, "prlimit64(")).toBeLessThan(position(PLAIN, "setresuid("));
  });
});

describe("the process", () => {
  test("is closed to /proc before it is in any namespace that others can look from", () => {
    const init = position(PLAIN, "unshare(CLONE_NEWCGROUP");
    expect(lastPosition(PLAIN.slice(0, init), "PR_SET_DUMPABLE, 0")).toBeLessThan(init);
  });

  test("sets oom_score_adj before it is closed to /proc", () => {
    const steps = plan(spec({ oomScoreAdj: 100 }));
    const written = position(steps, "oom_score_adj");
    expect(
      steps
        .slice(written)
        .some((_, at) => at > 0 && position(steps.slice(written), "PR_SET_DUMPABLE, 0") > 0),
    ).toBe(true);
  });

  test("sets oom_score_adj before its ids change, which closes /proc too", () => {
    const joined = spec(
      { oomScoreAdj: 100 },
      { namespaces: [{ type: "mount" }, { type: "user", path: "/run/user-namespace" }] },
    );
    follows(plan(joined), "oom_score_adj", "setresuid(0");
  });

  test("the command below a reaper dies with it", () => {
    const text = lines(plan(spec(), { init: true, dieWithLauncher: true }));
    const death = text.findLastIndex((line) => line.includes("PR_SET_PDEATHSIG"));
    expect(death).toBeGreaterThan(text.findIndex((line) => line.startsWith("setpgid(")));
  });

  test("is born closed to /proc, before the launcher is in a namespace of others (CVE-2016-9962)", () => {
    const joined = spec({}, { namespaces: [{ type: "mount" }, { type: "pid", path: "/run/pid-namespace" }] });
    follows(plan(joined), "PR_SET_DUMPABLE, 0", "setns(", "clone3(");
    expect(lines(plan(joined)).join("\n")).not.toContain("PR_SET_DUMPABLE, 1");
  });

  test("is closed to /proc only after it has mapped its ids itself", () => {
    const steps = plan(rootless(), {}, USER);
    const init = steps.slice(position(steps, 'setgroups"'));
    follows(init, "gid_map", "PR_SET_DUMPABLE, 0");
    expect(position(steps, "PR_SET_DUMPABLE, 0")).toBeGreaterThan(position(steps, "clone3("));
  });

  test("is open to /proc while the clocks of a user namespace are set", () => {
    const { linux } = rootless();
    const namespaces = [...(linux?.namespaces ?? []), { type: "time" as const }];
    const timed = spec({}, { ...linux, namespaces, timeOffsets: { boottime: { secs: 1 } } });
    const init = plan(timed).slice(lastPosition(plan(timed), "PR_SET_DUMPABLE, 1"));
    follows(init, "PR_SET_DUMPABLE, 1", "timens_offsets", "PR_SET_DUMPABLE, 0");
  });

  test("maps its ids itself only after setgroups is denied (CVE-2014-8989)", () => {
    follows(plan(rootless(), {}, USER), 'setgroups"', 'uid_map"', 'gid_map"');
  });

  test("enters its working directory as its own user", () => {
    expect(lastPosition(PLAIN, "fchdir(<working directory>")).toBeGreaterThan(position(PLAIN, "setresuid("));
  });

  test("gets the caller's signal mask back after everything that could be interrupted", () => {
    expect(lastPosition(PLAIN, "SIG_SETMASK")).toBeGreaterThan(lastPosition(PLAIN, "capset("));
  });

  test("lets no descriptor through its exec", () => {
    const before = PLAIN.slice(0, position(PLAIN, "execve("));
    expect(lastPosition(before, "CLOSE_RANGE_CLOEXEC")).toBeGreaterThan(lastPosition(before, "openat2("));
  });
});

describe("the mount tree", () => {
  test("is cut off from the host before anything is mounted", () => {
    follows(PLAIN, "MS_REC|MS_SLAVE", "move_mount(");
  });

  test("is mounted, then filled with devices, then protected, then entered", () => {
    follows(PLAIN, 'fsopen("proc"', "mknodat(", "pivot_root(", "umount2(");
  });

  test("sysctls are written before /proc/sys is read-only", () => {
    const steps = plan(spec({}, { sysctl: { "net.ipv4.ip_forward": "1" } }));
    const readonly = steps.findIndex(
      (step) => step.kind === "next" && step.from.strings.includes("/proc/sys"),
    );
    expect(readonly).toBeGreaterThan(0);
    expect(position(steps, "/proc/sys/net/ipv4/ip_forward")).toBeLessThan(readonly);
  });

  test("masks lie on top of read-only paths", () => {
    const of = (path: string): number =>
      PLAIN.findIndex((step) => step.kind === "next" && step.from.strings.includes(path));
    expect(of("/proc/kcore")).toBeGreaterThan(of("/proc/sys"));
  });

  test("the root is read-only after the last mount point was made on it", () => {
    const readonly = PLAIN.findLastIndex(
      (step) => step.kind === "call" && step.why === "make the root read-only",
    );
    expect(readonly).toBeGreaterThan(lastPosition(PLAIN, "mkdirat("));
    expect(readonly).toBeLessThan(position(PLAIN, "pivot_root("));
  });

  test("files are made with exactly the mode that is asked for, and the umask is set for the process", () => {
    follows(PLAIN, "umask(0)", "mknodat(", "umask(022)");
  });

  test("a terminal is opened in the new /dev, and attached in a session of its own", () => {
    follows(plan(spec({ terminal: true })), "setsid(", "TIOCSPTLCK", "pivot_root(", "TIOCSCTTY");
  });

  test("a joined mount namespace is entered, not built", () => {
    const steps = plan(spec({}, { namespaces: [{ type: "mount", path: "/proc/1/ns/mnt" }] }));
    follows(steps, "setns(<namespace>, CLONE_NEWNS)", 'chroot("/srv")', "execve(");
    expect(() => position(steps, "pivot_root(")).toThrow();
  });
});

describe("the cgroup", () => {
  const cgroup: CgroupPlan = {
    create: [call("create", "mkdirat", [-100, "/cgroup/box", 0o755])],
    enter: [call("enter", "write", [slot("procs"), "0", 1])],
    into: undefined,
    remove: [call("remove", "unlinkat", [-100, "/cgroup/box", 0x200])],
    counts: {},
    directories: () => ["/cgroup/box"],
    views: [],
  };
  const steps = planContainer(makeContext(spec({}, {}, { mounts: [] }), HOST, LAUNCH, cgroup));

  test("is made before the container is, and entered before its namespace fixes its root", () => {
    const of = (why: string): number => steps.findIndex((step) => step.kind === "call" && step.why === why);
    expect(of("create")).toBeLessThan(position(steps, "clone3("));
    expect(of("enter")).toBeLessThan(position(steps, "unshare(CLONE_NEWCGROUP)"));
    expect(of("enter")).toBeGreaterThan(position(steps, "clone3("));
  });

  test("is removed on every way out of the launcher", () => {
    const remove = steps.findIndex((step) => step.kind === "label" && step.name === "remove");
    const undo = steps.findIndex((step) => step.kind === "label" && step.name === "undo");
    expect(steps.slice(remove, undo).some((step) => step.kind === "call" && step.why === "remove")).toBe(
      true,
    );
    const jump = steps.slice(undo).find((step) => step.kind === "jump");
    expect(jump).toMatchObject({ to: "remove" });
  });
});

test("a container without a process is refused", () => {
  const { process: _, ...rest } = spec();
  expect(() => planContainer(makeContext(rest, HOST, LAUNCH, undefined))).toThrow(
    "a container needs a process",
  );
});

test("no label is there twice, and none is missing, in any kind of plan", () => {
  const plans = [
    plan(spec({ terminal: true }), { init: true, timeout: 5, dieWithParent: true, dieWithLauncher: true }),
    plan(spec({ terminal: true }), { timeout: 5, filter: FILTER }),
    plan(rootless(), { init: true }, USER),
    plan(spec({}, {}, { root: { path: "/" } }), {
      overlay: { directory: "/srv/layer", inside: true },
      submounts: ["/srv"],
    }),
  ];
  for (const steps of plans) {
    const labels = steps.flatMap((step) => (step.kind === "label" ? [step.name] : []));
    expect(labels.length).toBe(new Set(labels).size);
    const wanted = steps.flatMap((step) => {
      if (step.kind === "jump" || step.kind === "branch") return [step.to];
      if (step.kind === "next") return [step.done];
      if (step.kind === "guard") return step.to === undefined ? [] : [step.to];
      if (step.kind !== "call") return [];
      return Object.values(step.errors ?? {}).flatMap((outcome) =>
        typeof outcome === "object" ? [outcome.to] : [],
      );
    });
    expect(wanted.filter((name) => !labels.includes(name))).toEqual([]);
  }
});
