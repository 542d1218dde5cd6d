/** The plan of exec: what is done where, and what is let go of before. */
import { describe, expect, test } from "bun:test";
import { CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWUSER } from "../../src/linux/sched.ts";
import { slot } from "../../src/plan/build.ts";
import type { Context, Launch } from "../../src/plan/context.ts";
import { supervise } from "../../src/plan/exec-supervisor.ts";
import { planJoiner } from "../../src/plan/joiner.ts";
import { HIGH, JOINER_CONTROL, type Joining, joinerDescriptor } from "../../src/plan/joiner-control.ts";
import { member as planMember } from "../../src/plan/member.ts";
import { FIRST_ARGUMENT } from "../../src/plan/note-arguments.ts";
import type { Plan } from "../../src/plan/step.ts";
import { context, lines, position, process, rootless, spec, USER } from "./fixture.ts";

const JOINING: Joining = {
  namespaces: CLONE_NEWNS | CLONE_NEWPID,
  tasks: [],
  unified: [],
  detached: false,
  pidFile: undefined,
  sendsPidfd: false,
};

type Part = Parameters<typeof process>[0];

const plan = (joining: Partial<Joining> = {}, part: Part = {}, launch: Partial<Launch> = {}): Plan =>
  planJoiner(context(spec(part), launch), process(part), { ...JOINING, ...joining });

/** The steps from one label up to another. */
function between(steps: Plan, from: string, to?: string): Plan {
  const at = (name: string) => steps.findIndex((step) => step.kind === "label" && step.name === name);
  expect(at(from)).toBeGreaterThan(-1);
  return steps.slice(at(from), to === undefined ? undefined : at(to));
}

const joiner = (steps: Plan): Plan => between(steps, "joiner", "member");
const member = (steps: Plan): Plan => between(steps, "member");

/** Each text occurs for the first time after the one before it. */
function follows(steps: Plan, ...texts: readonly string[]): void {
  const places = texts.map((text) => ({ text, at: position(steps, text) }));
  expect(places.toSorted((a, b) => a.at - b.at).map(({ text }) => text)).toEqual([...texts]);
}

const TASKS = ["/sys/fs/cgroup/pids/box/tasks"];

describe("the joiner", () => {
  test("is in the cgroups, closed to /proc and without the host's descriptors when it joins", () => {
    const steps = joiner(plan({ tasks: TASKS }, { oomScoreAdj: 5 }));
    follows(steps, "box/tasks", "oom_score_adj", "PR_SET_DUMPABLE, 0", "close_range(", "setns(", "clone3(");
  });

  test("finds the cgroups in its arguments where only their number is known", () => {
    const steps = plan({ tasks: TASKS, unified: ["/sys/fs/cgroup/unified/box"], givesPaths: true });
    expect(lines(steps).filter((line) => line.includes("/sys/fs/cgroup"))).toEqual([]);
    const given = steps.flatMap((step) => (step.kind === "given" ? [[step.what, step.into.name]] : []));
    // The directory is entered by the birth, the tasks after it; among the arguments tasks are first.
    expect(given).toEqual([
      [FIRST_ARGUMENT + 1, "cgroup given 1"],
      [FIRST_ARGUMENT, "cgroup given 0"],
    ]);
    expect(steps).toContainEqual(
      expect.objectContaining({ name: "openat", subject: slot("cgroup given 1") }),
    );
  });

  test("joins all namespaces at once, by the pidfd that hutch has verified", () => {
    const steps = joiner(plan({ namespaces: CLONE_NEWUSER | CLONE_NEWNS }));
    const text = lines(steps).filter((line) => line.startsWith("setns("));
    expect(text.length).toBe(1);
    expect(text[0]).toStartWith(`setns(${joinerDescriptor(0, "init")}, `);
    expect(text[0]).toContain("CLONE_NEWUSER");
    expect(text[0]).toContain("CLONE_NEWNS");
  });

  test("joins nothing where the container has nothing of its own", () => {
    expect(lines(plan({ namespaces: 0 })).filter((line) => line.startsWith("setns("))).toEqual([]);
  });

  test("lets go of the pidfd before anybody is born who can be seen", () => {
    const steps = joiner(plan());
    const clone = position(steps, "clone3(");
    expect(position(steps, `close(${joinerDescriptor(0, "init")})`)).toBeLessThan(clone);
    expect(position(steps, 'chdir("/")')).toBeLessThan(clone);
  });

  for (const detached of [false, true]) {
    for (const terminal of [false, true]) {
      test(`leaves the member the pipe of reports and the way for the terminal: ${detached}, ${terminal}`, () => {
        const steps = joiner(plan({ detached }, { terminal }));
        const closed = JOINER_CONTROL.filter((which) =>
          lines(steps).includes(`close(${joinerDescriptor(0, which)})`),
        );
        const idle = [...(detached ? [] : ["report"]), ...(terminal ? [] : ["console"])];
        expect(new Set<string>(closed)).toEqual(new Set([...idle, "init"]));
        expect(lines(steps)).toContain(`close_range(${joinerDescriptor(0, "program")}, 4294967295, 0)`);
      });
    }
  }

  test("keeps the member away from the memory that its pid is left in", () => {
    const text = lines(joiner(plan()));
    const advice = text.findIndex((line) => line.startsWith("madvise("));
    expect(advice).toBeGreaterThan(-1);
    expect(advice).toBeLessThan(text.findIndex((line) => line.startsWith("clone3(")));
  });

  test("enters the root by chroot where the container shares the mount namespace", () => {
    const own = spec({}, { namespaces: [{ type: "pid" }] });
    const shared: Context = context(own);
    follows(joiner(planJoiner(shared, process(), JOINING)), "setns(", 'chroot("/srv")', "clone3(");
    expect(lines(joiner(plan())).some((line) => line.startsWith("chroot("))).toBe(false);
  });
});

describe("version 2 of cgroups", () => {
  const unified = ["/sys/fs/cgroup/box", "/sys/fs/cgroup/box/init"];

  test("is entered by birth, in the first directory that takes processes", () => {
    const steps = plan({ unified });
    follows(steps, unified[0] ?? "", unified[1] ?? "");
    const clones = steps.filter((step) => step.kind === "call" && step.name === "clone3").slice(0, 2);
    const busy = clones.map((step) => (step.kind === "call" ? step.errors?.EBUSY : undefined));
    expect(busy).toEqual([{ to: "cgroup 0 is busy" }, undefined]);
  });

  test("the joiner never enters a cgroup when there is none", () => {
    expect(lines(plan()).some((line) => line.includes("/sys/fs/cgroup"))).toBe(false);
  });
});

describe("the member", () => {
  test("goes the way of a container's first process from the credentials on", () => {
    const steps = member(
      plan({}, { noNewPrivileges: true }, { filter: { program: new Uint8Array(8), flags: 0 } }),
    );
    follows(
      steps,
      ...["setsid(", "close_range(", "prlimit64(", "PR_SET_NO_NEW_PRIVS", "PR_CAPBSET_DROP", "setresuid("],
      ...["umask(", "openat2(", "capset(", "CLOSE_RANGE_CLOEXEC", "SIG_SETMASK", "seccomp(", "execve("],
    );
  });

  test("becomes root of a user namespace first, whose ids it was not born with", () => {
    const own = rootless();
    const steps = planJoiner(context(own, {}, USER), process(), JOINING);
    // A namespace of one id of the caller's own: it is that id.
    expect(lines(member(steps))[0]).toStartWith("keyctl(");
    const map = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
    const mapped = { ...own, linux: { ...own.linux, uidMappings: map, gidMappings: map } };
    expect(lines(member(planJoiner(context(mapped), process(), JOINING)))[0]).toBe("setresgid(0, 0, 0)");
  });

  test("resolves its working directory inside the root (CVE-2024-21626)", () => {
    const text = lines(member(plan({}, { cwd: "/proc/self/fd/7" })));
    expect(text.find((line) => line.includes("/proc/self/fd/7"))).toStartWith("openat2(");
  });

  test("has the report pipe until the exec closes it, and only when hutch is there to read", () => {
    const first = (detached: boolean) =>
      lines(planMember(context(spec(), { preserveFds: 2 }), process(), { ...JOINING, detached })).filter(
        (line) => line.startsWith("close_range("),
      );
    expect(first(true)).toEqual([
      "close_range(6, 4294967295, 0)",
      "close_range(5, 4294967295, CLOSE_RANGE_CLOEXEC)",
    ]);
    expect(first(false)).toEqual([
      "close_range(5, 4294967295, 0)",
      "close_range(5, 4294967295, CLOSE_RANGE_CLOEXEC)",
    ]);
  });
});

describe("the supervisor", () => {
  test("makes its program impossible to execute again before all else (CVE-2019-5736)", () => {
    expect(lines(plan())[0]).toBe(`fchmod(${HIGH.program}, 0)`);
    expect(lines(plan({ detached: true }))[0]).toStartWith(`fchmod(${joinerDescriptor(0, "program")}, `);
  });

  test("writes the pid file whole, under another name first", () => {
    const steps = between(plan({ pidFile: "/run/p" }), "member is known");
    follows(
      steps,
      'openat(AT_FDCWD, "/run/p.hutch"',
      'renameat2(AT_FDCWD, "/run/p.hutch", AT_FDCWD, "/run/p"',
    );
  });

  test("of a detached command hands it over, or ends it when hutch is gone", () => {
    const text = lines(supervise(context(), process(), { ...JOINING, detached: true }));
    expect(text.some((line) => line.startsWith(`write(${joinerDescriptor(0, "pid")}, `))).toBe(true);
    expect(text.some((line) => line.startsWith(`read(${joinerDescriptor(0, "go")}, `))).toBe(true);
    expect(text.some((line) => line.startsWith("rt_sigtimedwait("))).toBe(false);
  });

  test("sends a pidfd when it is asked to", () => {
    const sends = (sendsPidfd: boolean) =>
      lines(plan({ sendsPidfd })).some((line) =>
        line.startsWith(`sendmsg(${joinerDescriptor(0, "socket")}, `),
      );
    expect([sends(false), sends(true)]).toEqual([false, true]);
  });
});
