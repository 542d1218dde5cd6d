/** What hutch says of itself, against the schema and against what it does. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { features } from "../../src/container/features.ts";
import { MOUNT_OPTIONS } from "../../src/linux/mount-option.ts";
import { sortOptions } from "../../src/plan/mount-options.ts";
import { compileSeccomp } from "../../src/plan/seccomp.ts";
import { HOOK_NAMES } from "../../src/spec/hooks.ts";
import { parseSpec } from "../../src/spec/parse.ts";
import { refuseUnsupported } from "../../src/spec/supported.ts";
import { isValid } from "../support/json-schema.ts";
import { ROOT } from "../support/source.ts";

const SCHEMA = join(ROOT, "test/oci/schema/features-schema.json");
const own = features("x86_64");

/** Whether a configuration with this is accepted. */
function accepts(part: object): boolean {
  const base = { ociVersion: "1.3.0", root: { path: "rootfs" } };
  try {
    refuseUnsupported(parseSpec({ ...base, ...part }));
    return true;
  } catch {
    return false;
  }
}

test("the features are valid, on both architectures", () => {
  expect(isValid(JSON.parse(JSON.stringify(own)), SCHEMA)).toBe(true);
  expect(isValid(JSON.parse(JSON.stringify(features("aarch64"))), SCHEMA)).toBe(true);
});

test("a configuration that asks for nothing special is accepted", () => {
  expect(accepts({})).toBe(true);
  expect(accepts({ process: { cwd: "/", args: ["sh"], user: { uid: 0, gid: 0 } } })).toBe(true);
  expect(accepts({ linux: { namespaces: [{ type: "network" }], resources: {} } })).toBe(true);
});

test("a hook is claimed exactly if a configuration with it is accepted", () => {
  for (const name of HOOK_NAMES) {
    expect({ name, claimed: own.hooks.includes(name) }).toEqual({
      name,
      claimed: accepts({ hooks: { [name]: [{ path: "/bin/true" }] } }),
    });
  }
});

test("every mount option that is claimed is taken, and one that is refused is not claimed", () => {
  const taken = (word: string): boolean => {
    try {
      sortOptions({ destination: "/", type: "tmpfs", options: [word] }, 0);
      return true;
    } catch {
      return false;
    }
  };
  expect(own.mountOptions.filter((word) => !taken(word))).toEqual([]);
  expect(own.mountOptions).toContain("rro");
  expect(own.mountOptions).toContain("tmpcopyup");
  const refused = Object.keys(MOUNT_OPTIONS).filter((word) => !taken(word));
  expect(refused.length).toBeGreaterThan(0);
  expect(refused.filter((word) => own.mountOptions.includes(word))).toEqual([]);
});

test("what is claimed of seccomp can be compiled, and what is not claimed is refused", () => {
  const { actions, archs, supportedFlags, knownFlags } = own.linux.seccomp;
  for (const action of actions) {
    const profile = { defaultAction: action, architectures: archs, flags: supportedFlags };
    expect(compileSeccomp(profile, "x86_64").program.length).toBeGreaterThan(0);
  }
  expect(archs).toEqual(["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]);
  for (const flag of knownFlags) {
    const seccomp = { defaultAction: "SCMP_ACT_ALLOW", flags: [flag] };
    expect({ flag, taken: accepts({ linux: { seccomp } }) }).toEqual({
      flag,
      taken: supportedFlags.includes(flag),
    });
  }
});

test("security modules and resources are claimed exactly if a configuration with them is accepted", () => {
  const process = { cwd: "/", args: ["sh"], user: { uid: 0, gid: 0 } };
  const { apparmor, selinux, intelRdt, netDevices, cgroup } = own.linux;
  expect(apparmor.enabled).toBe(accepts({ process: { ...process, apparmorProfile: "x" } }));
  expect(selinux.enabled).toBe(
    accepts({ process: { ...process, selinuxLabel: "x" } }) && accepts({ linux: { mountLabel: "x" } }),
  );
  expect(intelRdt.enabled).toBe(accepts({ linux: { intelRdt: { closID: "x" } } }));
  const linux = { namespaces: [{ type: "network" }], netDevices: { eth0: { name: "x" } } };
  expect(netDevices.enabled).toBe(accepts({ linux }));
  expect(cgroup.rdma).toBe(accepts({ linux: { resources: { rdma: { mlx5_1: { hcaHandles: 3 } } } } }));
  expect(cgroup).toMatchObject({ v1: true, v2: true, systemd: true, systemdUser: true });
});
