import { expect, test } from "bun:test";
import { cgroupOwner } from "../../src/container/cgroup-owner.ts";
import { defaultSpec } from "../../src/spec/default.ts";
import type { Linux, Spec } from "../../src/spec/spec.ts";

const WRITABLE = { destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["nosuid"] };
const USER = [{ type: "user" as const }, ...(defaultSpec().linux?.namespaces ?? [])];
const MAPS: Linux = { namespaces: USER, uidMappings: [{ containerID: 0, hostID: 100_000, size: 1000 }] };

function specOf(uid: number, linux: Linux = {}, mounts: NonNullable<Spec["mounts"]> = [WRITABLE]): Spec {
  const base = defaultSpec();
  const process = { cwd: "/", ...base.process, user: { uid, gid: 0 } };
  return { ...base, mounts, process, linux: { ...base.linux, ...linux } };
}

test.each([
  ["root owns it already", specOf(0), undefined],
  ["another user", specOf(33), 33],
  ["root of a user namespace", specOf(0, MAPS), 100_000],
  ["another user of it", specOf(33, MAPS), 100_033],
  ["a user without a mapping", specOf(5000, MAPS), undefined],
  ["a user namespace that is joined", specOf(33, { namespaces: [{ type: "user", path: "/x" }] }), undefined],
  ["the host's cgroup namespace", specOf(33, { namespaces: [{ type: "mount" }] }), undefined],
  ["a mount that is read-only", specOf(33, {}, [{ ...WRITABLE, options: ["ro"] }]), undefined],
  ["no mount", specOf(33, {}, []), undefined],
])("%s", (_, spec, owner) => {
  expect(cgroupOwner(spec)).toBe(owner);
});
