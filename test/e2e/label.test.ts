/**
 * Labels of security modules: refused where the kernel has no module; else written through a procfs that is
 * one.
 */
import { expect } from "bun:test";
import { chmodSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { emit } from "../../src/emit/index.ts";
import { hostArch } from "../../src/host/libc.ts";
import { exit } from "../../src/plan/build.ts";
import { setLabel } from "../../src/plan/lsm.ts";
import type { Process } from "../../src/spec/spec.ts";
import { context, process as processWith } from "../plan/fixture.ts";
import { lacksHutch } from "../support/hutch.ts";
import { lacksBusybox } from "../support/rootfs.ts";
import { anyReason, lacksProgram, lacksRoot, type SkipReason, testUnless } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { box } from "./support-exec.ts";
import { type Change, tryBundle, withLinux, withProcess } from "./support-inside.ts";
import { place } from "./support-lifecycle.ts";

const isAbsent = (path: string, name: string): SkipReason =>
  existsSync(path) ? `needs a kernel without ${name}` : undefined;
const hasAppArmor = isAbsent("/sys/module/apparmor", "AppArmor");
const hasSelinux = isAbsent("/sys/fs/selinux", "SELinux");
const noModules = anyReason(hasAppArmor, hasSelinux);
const ready = anyReason(lacksHutch(), lacksBusybox(), lacksRoot(), noModules);
const asRoot = testUnless(ready);

/** What asks for a module, and what is said where the kernel has none. */
const WISHES: readonly (readonly [what: string, change: Change, message: string])[] = [
  [
    "an AppArmor profile",
    withProcess({ apparmorProfile: "tight" }),
    "process.apparmorProfile: expected no profile, because this kernel has no AppArmor\n",
  ],
  [
    "an SELinux label",
    withProcess({ selinuxLabel: "x:y:z" }),
    "process.selinuxLabel: expected no label, because this kernel has no SELinux\n",
  ],
  [
    "a label of mounts",
    withLinux({ mountLabel: "x:y:z" }),
    "linux.mountLabel: expected no label, because this kernel has no SELinux\n",
  ],
];

for (const [what, change, message] of WISHES) {
  asRoot(`${what} that the kernel cannot give is refused before anything is made`, async () => {
    const ran = await tryBundle("echo ran", change);
    expect([ran.code, ran.stdout]).toEqual([125, ""]);
    expect(ran.stderr).toEndWith(message);
    const { call, create, root } = await place("true", change);
    const created = await call(...create("box").slice(2));
    expect(created.code).toBe(1);
    expect(created.stderr).toEndWith(message);
    expect(existsSync(join(root, "box"))).toBe(false);
  });
}

asRoot("exec --apparmor and --process-label are refused, and the container is as it was", async () => {
  await using container = await box();
  for (const [option, field] of [
    ["--apparmor", "process.apparmorProfile"],
    ["--process-label", "process.selinuxLabel"],
  ] as const) {
    const { code, stdout, stderr } = await container.exec([option, "tight", "ID", "echo", "ran"]);
    expect([code, stdout]).toEqual([expect.any(Number), ""]);
    expect(code).not.toBe(0);
    expect(stderr).toContain(`${field}: expected no`);
  }
  expect(await container.shell("echo lives")).toBe("lives\n");
});

/** The path of a program that sets the labels of a process, and ends. */
function program(process: Partial<Process>): string {
  const path = join(temporaryDirectory("label"), "program");
  const steps = [...setLabel(context(), processWith(process)), exit(0, "end")];
  writeFileSync(path, emit(steps, { arch: hostArch(), report: { kind: "print", prefix: "hutch" } }));
  chmodSync(path, 0o755);
  return path;
}

testUnless(noModules)("the label reaches the kernel, which has no module to take it", () => {
  for (const process of [{ apparmorProfile: "tight" }, { selinuxLabel: "x:y:z" }]) {
    const { stderr, exitCode } = Bun.spawnSync([program(process)], { stderr: "pipe" });
    expect(stderr.toString()).toMatch(/^hutch: (put|give) the program .*: write: EINVAL/);
    expect(exitCode).toBe(125);
  }
});

const inNamespace = testUnless(anyReason(lacksRoot(), lacksProgram("unshare")));

/** Runs a program in a mount namespace in which a shell has done something to /proc. */
function afterMounting(path: string, script: string): string {
  const command = ["unshare", "--mount", "sh", "-ec", `${script}; exec ${path}`];
  return Bun.spawnSync(command, { stderr: "pipe" }).stderr.toString();
}

inNamespace("a /proc that is another file system gets no label (CVE-2019-16884)", () => {
  const fake = temporaryDirectory("fake-proc");
  mkdirSync(join(fake, "self/attr"), { recursive: true });
  writeFileSync(join(fake, "self/attr/exec"), "");
  const script = `mount --bind ${fake} /proc`;
  expect(afterMounting(program({ selinuxLabel: "x:y:z" }), script)).toContain("/proc is not a procfs");
  expect(Bun.file(join(fake, "self/attr/exec")).size).toBe(0);
});

inNamespace("an attribute file that something was bound over gets no label (CVE-2025-52881)", () => {
  for (const other of ["/proc/sys/kernel/hostname", "/dev/null"]) {
    const script = `mount --bind ${other} /proc/$$/attr/exec`;
    expect(afterMounting(program({ selinuxLabel: "x:y:z" }), script)).toContain(
      "openat2: EXDEV (invalid cross-device link); hint: something is mounted over it in /proc",
    );
  }
});
