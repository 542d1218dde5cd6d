/** User namespaces that only carry the id maps of a mount (mount_setattr(2), MOUNT_ATTR_IDMAP). */
import { HutchError } from "../linux/error.ts";
import { AT_FDCWD, O_CLOEXEC, O_PATH, O_RDONLY, O_WRONLY } from "../linux/fcntl.ts";
import { PR_SET_PDEATHSIG } from "../linux/prctl.ts";
import { CLONE_NEWUSER } from "../linux/sched.ts";
import { SIGNALS } from "../linux/signal.ts";
import { __WALL } from "../linux/wait.ts";
import { branch, buffer, call, jump, label, slot, writeFile } from "./build.ts";
import type { Context } from "./context.ts";
import { mapText } from "./idmap.ts";
import type { SortedMount } from "./mount-options.ts";
import type { Slot, Step } from "./step.ts";
import { CLONE_ARGS_SIZE, cloneArgs } from "./struct.ts";

/** The descriptor of the user namespace that mounts[index] maps its ids with. */
export const idmapSlot = (index: number): Slot => slot(`mounts[${index}] ids`);

/**
 * In the launcher: for each mount with id maps a child in a user namespace, which ends once the namespace is
 * held.
 */
export const makeIdmaps = (context: Context, mounts: readonly SortedMount[]): Step[] =>
  mounts.filter(({ options }) => options.idmap !== undefined).flatMap((mount) => makeIdmap(context, mount));

function makeIdmap({ spec }: Context, { index, mount }: SortedMount): Step[] {
  const own = (mount.uidMappings?.length ?? 0) > 0;
  const uids = (own ? mount.uidMappings : spec.linux?.uidMappings) ?? [];
  const gids = (own ? mount.gidMappings : spec.linux?.gidMappings) ?? [];
  if (uids.length === 0 || gids.length === 0) {
    throw new HutchError({
      operation: `mounts[${index}]`,
      reason: "idmap without uidMappings and gidMappings",
      hint: "give the mount its mappings, or the container a user namespace",
    });
  }
  const why = `hold the id maps of ${mount.destination}`;
  const child = slot("holder");
  const name = buffer("pid text", 24);
  const proc = slot("proc");
  const directory = slot("proc pid");
  const map = slot("map");
  const wait = `hold ${index}`;
  const held = `held ${index}`;
  const write = (file: string, text: string) =>
    writeFile(why, directory, file, text, { flags: O_WRONLY | O_CLOEXEC, into: map });
  return [
    call(why, "clone3", [cloneArgs({ flags: CLONE_NEWUSER, exitSignal: SIGNALS.SIGCHLD }), CLONE_ARGS_SIZE], {
      into: child,
    }),
    branch(child, "ne", 0, held),
    // A launcher that fails, or is killed, before the namespace is held must not leave it behind.
    call("end with the launcher", "prctl", [PR_SET_PDEATHSIG, SIGNALS.SIGKILL, 0, 0, 0]),
    label(wait),
    call("stay until the namespace is held", "ppoll", [0, 0, 0, 0, 0], { errors: { EINTR: "ignore" } }),
    jump(wait),
    label(held),
    { kind: "decimal", to: name, value: child },
    call(why, "openat", [AT_FDCWD, "/proc", O_PATH | O_CLOEXEC, 0], { into: proc }),
    call(why, "openat", [proc, name, O_RDONLY | O_CLOEXEC, 0], { into: directory }),
    ...write("uid_map", mapText(uids)),
    ...write("gid_map", mapText(gids)),
    call(why, "openat", [directory, "ns/user", O_RDONLY | O_CLOEXEC, 0], { into: idmapSlot(index) }),
    call(why, "kill", [child, SIGNALS.SIGKILL]),
    call(why, "wait4", [child, 0, __WALL, 0], { errors: { EINTR: "retry" } }),
    call(why, "close", [directory]),
    call(why, "close", [proc]),
  ];
}
