/** Labels of security modules: where they are opened, verified, held and written, and what is refused. */
import { describe, expect, test } from "bun:test";
import type { Host } from "../../src/plan/context.ts";
import { CONTROL } from "../../src/plan/creator-control.ts";
import { planJoiner } from "../../src/plan/joiner.ts";
import { labelOption } from "../../src/plan/lsm.ts";
import { mountAll, sortMounts } from "../../src/plan/mount.ts";
import type { Plan } from "../../src/plan/step.ts";
import { calls, context, HOST, lines, plan, position, process, spec } from "./fixture.ts";

const FILTER = { program: new Uint8Array(8), flags: 0 };
const PROFILE = { apparmorProfile: "box-default" };
const LABEL = { selinuxLabel: "system_u:system_r:container_t:s0:c1,c2" };
const without = (module: string): Host => ({ ...HOST, hasSecurityModule: (name) => name !== module });
const ofLabels = (steps: Plan) =>
  steps.filter((step) => step.kind === "call" && /profile|label/i.test(step.why));

describe("a process with an AppArmor profile", () => {
  const steps = plan(spec(PROFILE), { filter: FILTER });

  test("has it written to its own attribute file, or to the one that all modules share", () => {
    expect(lines(ofLabels(steps))).toMatchSnapshot();
  });

  test("opens the file on the host's /proc, before a namespace is joined or the root is entered", () => {
    const opened = position(steps, "self/attr/apparmor/exec");
    expect(opened).toBeLessThan(position(steps, "unshare(CLONE_NEWCGROUP"));
    expect(opened).toBeLessThan(position(steps, "pivot_root("));
  });

  test("crosses no mount and no magic link below /proc, and asks whether it is a procfs", () => {
    const how = lines([steps[position(steps, "self/attr/apparmor/exec")] ?? fail()])[0];
    expect(how).toContain("RESOLVE_NO_XDEV|RESOLVE_NO_MAGICLINKS");
    const asked = steps.slice(position(steps, "fstatfs("));
    expect(asked[1]).toMatchObject({ kind: "load", offset: 0, size: 8 });
    expect(asked[2]).toMatchObject({ kind: "branch", is: "eq", right: 0x9fa0 });
    expect(asked[3]).toMatchObject({ kind: "fail", message: expect.stringContaining("not a procfs") });
  });

  test("keeps the file when all others are closed", () => {
    const held = position(steps, "dup3(<attribute file>, 3, ");
    const [next] = lines(calls(steps.slice(held + 1)));
    expect(next).toStartWith("close_range(4, ");
  });

  test("writes after the privileges went, and before a process that could inherit it is made or executed", () => {
    const initial = plan(spec({ ...PROFILE, noNewPrivileges: true }), { init: true, filter: FILTER });
    const written = position(initial, '"exec box-default"');
    expect(written).toBeGreaterThan(position(initial, "capset("));
    expect(written).toBeLessThan(position(initial, "clone(SIGCHLD"));
    expect(written).toBeLessThan(position(initial, "seccomp("));
  });

  test("that is created writes after its hooks, which are not the container's programs", () => {
    const startContainer = [{ path: "/bin/hook" }];
    const created = plan(spec(PROFILE, {}, { hooks: { startContainer } }), { creates: true });
    expect(position(created, '"exec box-default"')).toBeGreaterThan(position(created, 'execve("/bin/hook"'));
    const behind = 3 + CONTROL.length;
    const held = position(created, `dup3(<attribute file>, ${behind}, `);
    expect(lines(calls(created.slice(held + 1)))[0]).toStartWith(`close_range(${behind + 1}, `);
  });
});

test("an SELinux label is written as it is, to the one file", () => {
  expect(lines(ofLabels(plan(spec(LABEL))))).toMatchSnapshot();
});

test("a process without labels does nothing of this", () => {
  const steps = plan(spec({ apparmorProfile: "", selinuxLabel: "" }, { mountLabel: "" }));
  expect(lines(steps).filter((line) => line.includes("attribute file"))).toEqual([]);
  expect(steps).toEqual(plan(spec()));
});

test("exec writes where the host's /proc is, and before anything of the container's is entered", () => {
  const joining = {
    namespaces: 0x20000,
    tasks: [],
    unified: [],
    detached: false,
    pidFile: undefined,
    sendsPidfd: false,
  };
  const steps = planJoiner(context(), process(PROFILE), joining);
  expect(position(steps, '"exec box-default"')).toBeLessThan(position(steps, "setns("));
  expect(position(steps, '"exec box-default"')).toBeGreaterThan(position(steps, "clone3("));
  expect(() => planJoiner(context(spec(), {}, without("apparmor")), process(PROFILE), joining)).toThrow(
    "process.apparmorProfile: expected no profile",
  );
});

describe("what the kernel does not have is refused by name", () => {
  const refusals = [
    [
      spec(PROFILE),
      "apparmor",
      "process.apparmorProfile: expected no profile, because this kernel has no AppArmor",
    ],
    [spec(LABEL), "selinux", "process.selinuxLabel: expected no label, because this kernel has no SELinux"],
    [
      spec({}, { mountLabel: "l" }, { mounts: [] }),
      "selinux",
      "linux.mountLabel: expected no label, because this kernel has no SELinux",
    ],
  ] as const;
  for (const [wish, module, message] of refusals) {
    test(message, () => expect(() => plan(wish, {}, without(module))).toThrow(message));
  }

  test("a profile and a label at once", () => {
    expect(() => plan(spec({ ...PROFILE, ...LABEL }))).toThrow("a process has one of the two");
  });

  test("nobody is asked about modules when there is no wish", () => {
    const host: Host = {
      ...HOST,
      hasSecurityModule: () => {
        throw new Error("asked");
      },
    };
    expect(() => plan(spec(), {}, host)).not.toThrow();
  });
});

describe("linux.mountLabel", () => {
  const label = "system_u:object_r:container_file_t:s0:c1,c2";
  const types = ["tmpfs", "devpts", "ext4", "proc", "sysfs", "mqueue"];
  const mounts = types.map((type) => ({ destination: `/${type}`, type, source: type }));
  const labelled = context(spec({}, { mountLabel: label }, { mounts }));

  test("of a message queue is an attribute of its root", () => {
    const calls = lines(mountAll(labelled, sortMounts(labelled)));
    const set = calls.findIndex((line) => line.startsWith("fsetxattr("));
    expect(calls[set]).toBe(
      `fsetxattr(<root to label>, "security.selinux", ${JSON.stringify(label)}, ${label.length}, 0)`,
    );
    expect(calls.filter((line) => line.startsWith("fsetxattr("))).toHaveLength(1);
    expect(calls[set - 1]).toStartWith('openat(<mount>, ".", O_RDONLY|O_CLOEXEC|O_DIRECTORY');
  });

  test("is an option of every new file system that takes one, and not cut at its commas", () => {
    const options = lines(mountAll(labelled, sortMounts(labelled))).filter((line) =>
      line.includes("context"),
    );
    expect(options).toEqual(Array(3).fill(`fsconfig(<fs>, FSCONFIG_SET_STRING, "context", "${label}", 0)`));
    expect(types.filter((type) => labelOption(labelled, type).length > 0)).toEqual([
      "tmpfs",
      "devpts",
      "ext4",
    ]);
  });

  test("is not for binds, whose files have labels", () => {
    const bind = context(
      spec({}, { mountLabel: label }, { mounts: [{ destination: "/a", type: "bind", source: "/srv" }] }),
    );
    expect(lines(mountAll(bind, sortMounts(bind))).filter((line) => line.includes("context"))).toEqual([]);
  });

  test("is the masks' too", () => {
    const steps = plan(spec({}, { mountLabel: label }, { mounts: [] }));
    expect(
      steps.some((step) => step.kind === "call" && step.why.startsWith("mask the directory: option con")),
    ).toBe(true);
  });
});

function fail(): never {
  throw new Error("there is no such step");
}
