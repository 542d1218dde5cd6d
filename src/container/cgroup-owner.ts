/** Who is to own a container's cgroup (OCI config-linux, "Cgroup ownership"). */
import type { Spec } from "../spec/spec.ts";

const PLACE = "/sys/fs/cgroup";

/**
 * The user of the host that is the one of the process, if that is not root, and the container has its cgroups
 * mounted for writing, in a cgroup namespace of its own. Undefined also where a user namespace is joined,
 * whose ids are not known here.
 */
export function cgroupOwner({ process, linux, mounts = [] }: Spec): number | undefined {
  const isWritable = mounts.some(
    ({ type, source, destination, options = [] }) =>
      type === "cgroup" && source === "cgroup" && destination === PLACE && !options.includes("ro"),
  );
  const namespaces = linux?.namespaces ?? [];
  const isNew = namespaces.some(({ type, path }) => type === "cgroup" && (path ?? "") === "");
  if (!isWritable || !isNew || process === undefined) return undefined;
  const user = namespaces.find(({ type }) => type === "user");
  const { uid = 0 } = process.user ?? {};
  if (user === undefined) return uid === 0 ? undefined : uid;
  if ((user.path ?? "") !== "") return undefined;
  const map = (linux?.uidMappings ?? []).find(
    ({ containerID, size }) => uid >= containerID && uid < containerID + size,
  );
  return map === undefined ? undefined : map.hostID + uid - map.containerID;
}
