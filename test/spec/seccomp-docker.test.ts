import { expect, test } from "bun:test";
import { fromDockerProfile } from "../../src/spec/seccomp-docker.ts";

const profile = {
  defaultAction: "SCMP_ACT_ERRNO",
  defaultErrnoRet: 1,
  archMap: [
    { architecture: "SCMP_ARCH_X86_64", subArchitectures: ["SCMP_ARCH_X86", "SCMP_ARCH_X32"] },
    { architecture: "SCMP_ARCH_AARCH64", subArchitectures: ["SCMP_ARCH_ARM"] },
    { architecture: "SCMP_ARCH_RISCV64", subArchitectures: null },
  ],
  syscalls: [
    { names: ["read"], action: "SCMP_ACT_ALLOW", args: null, comment: "", includes: {}, excludes: {} },
    { names: ["ptrace"], action: "SCMP_ACT_ALLOW", includes: { minKernel: "4.8" } },
    { names: ["bpf"], action: "SCMP_ACT_ALLOW", includes: { caps: ["CAP_SYS_ADMIN", "CAP_BPF"] } },
    { names: ["cacheflush"], action: "SCMP_ACT_ALLOW", includes: { arches: ["arm", "arm64"] } },
    { names: ["clone3"], action: "SCMP_ACT_ERRNO", errnoRet: 38, excludes: { caps: ["CAP_SYS_ADMIN"] } },
    { names: ["clone"], action: "SCMP_ACT_ALLOW", excludes: { arches: ["amd64"] } },
    { name: "stime", action: "SCMP_ACT_ALLOW", excludes: { minKernel: "5.10" } },
    {
      names: ["socket"],
      action: "SCMP_ACT_ALLOW",
      args: [{ index: 0, value: 40, valueTwo: 0, op: "SCMP_CMP_NE" }],
    },
  ],
};

const names = (capabilities: string[], arch: "x86_64" | "aarch64", kernel: string) =>
  fromDockerProfile(profile, capabilities, arch, kernel).syscalls?.flatMap((rule) => rule.names);

test("rules that ask for capabilities apply only with all of them", () => {
  expect(names(["CAP_SYS_ADMIN"], "x86_64", "6.1.0-13-amd64")).not.toContain("bpf");
  expect(names(["CAP_SYS_ADMIN", "CAP_BPF"], "x86_64", "6.1.0")).toContain("bpf");
});

test("rules that exclude a capability apply only without it", () => {
  expect(names([], "x86_64", "6.1")).toContain("clone3");
  expect(names(["CAP_SYS_ADMIN"], "x86_64", "6.1")).not.toContain("clone3");
});

test("rules apply on the architectures they ask for and not on those they exclude", () => {
  expect(names([], "x86_64", "6.1")).not.toContain("cacheflush");
  expect(names([], "aarch64", "6.1")).toContain("cacheflush");
  expect(names([], "x86_64", "6.1")).not.toContain("clone");
});

test("kernel versions compare as numbers", () => {
  expect(names([], "x86_64", "4.7.9")).not.toContain("ptrace");
  expect(names([], "x86_64", "4.18.0")).toContain("ptrace");
  expect(names([], "x86_64", "5.9.0")).toContain("stime");
  expect(names([], "x86_64", "5.10.0")).not.toContain("stime");
});

test("the result is a profile of the OCI spec for this machine", () => {
  expect(fromDockerProfile(profile, [], "aarch64", "6.1.0")).toEqual({
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrnoRet: 1,
    architectures: ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"],
    syscalls: [
      { names: ["read"], action: "SCMP_ACT_ALLOW" },
      { names: ["ptrace"], action: "SCMP_ACT_ALLOW" },
      { names: ["cacheflush"], action: "SCMP_ACT_ALLOW" },
      { names: ["clone3"], action: "SCMP_ACT_ERRNO", errnoRet: 38 },
      { names: ["clone"], action: "SCMP_ACT_ALLOW" },
      {
        names: ["socket"],
        action: "SCMP_ACT_ALLOW",
        args: [{ index: 0, value: 40, valueTwo: 0, op: "SCMP_CMP_NE" }],
      },
    ],
  });
});

test("a profile of the OCI spec is taken as it is", () => {
  const plain = { defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_X86"], syscalls: [] };
  expect(JSON.stringify(fromDockerProfile(plain, [], "x86_64", "6.1"))).toBe(JSON.stringify(plain));
});

test("what is wrong is told with its path", () => {
  const bad =
    (syscall: object, more: object = {}) =>
    () =>
      fromDockerProfile(
        { defaultAction: "SCMP_ACT_ERRNO", syscalls: [syscall], ...more },
        [],
        "x86_64",
        "6.1",
        "my.json",
      );
  const rule = { names: ["read"], action: "SCMP_ACT_ALLOW" };
  expect(bad({ ...rule, action: "SCMP_ACT_ALOW" })).toThrow(
    /^my\.json: syscalls\[0\]\.action: .*SCMP_ACT_ALLOW/,
  );
  expect(bad({ ...rule, args: [{ index: 0, value: -1, op: "SCMP_CMP_EQ" }] })).toThrow(
    /syscalls\[0\]\.args\[0\]\.value/,
  );
  expect(bad({ ...rule, name: "write" })).toThrow(/syscalls\[0\]: has both/);
  expect(bad({ action: "SCMP_ACT_ALLOW" })).toThrow(/syscalls\[0\]: names no system call/);
  expect(bad({ ...rule, includes: { minKernel: "new" } })).toThrow(
    /includes\.minKernel: "new" is not a kernel version/,
  );
  expect(
    bad(rule, { architectures: ["SCMP_ARCH_X86"], archMap: [{ architecture: "SCMP_ARCH_X86_64" }] }),
  ).toThrow(/both `archMap` and `architectures`/);
});
