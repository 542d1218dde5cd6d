/**
 * The order of a container's birth, inside. Every line stands where it does for a reason, which is given; the
 * rest of plan/ says how each thing is done, this file says when.
 */
import { PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS } from "../linux/prctl.ts";
import type { Process } from "../spec/spec.ts";
import { call } from "./build.ts";
import { dropBounding, setCapabilities } from "./capability.ts";
import { type Context, isNew } from "./context.ts";
import { awaitCgroup, awaitStart, pauseForHooks } from "./creator.ts";
import { CONTROL } from "./creator-control.ts";
import { makeDevices } from "./device.ts";
import { closeAtExec, closeDescriptors, execute, findCommand } from "./exec.ts";
import { FOLLOW } from "./follow.ts";
import { CALLERS_UMASK } from "./hook.ts";
import { awaitMaps, mapsItself, writeOwnMaps } from "./idmap.ts";
import {
  beginHooks,
  holdHooks,
  hookDescriptors,
  pauseForOwnHooks,
  runStartHooks,
  tellBegin,
} from "./init-hooks.ts";
import { launcher } from "./launcher.ts";
import { holdLabel, labelDescriptors, openLabel, writeLabel } from "./lsm.ts";
import { mountAll, sortMounts } from "./mount.ts";
import type { SortedMount } from "./mount-options.ts";
import { enterTime, joinKeyring, joinNamespaces, loopbackUp, names, unshareCgroup } from "./namespace.ts";
import { unpackRoot } from "./pack.ts";
import { askToDie, dieWithLauncher } from "./parent-death.ts";
import { protectPaths } from "./path.ts";
import {
  becomeRoot,
  createDirectory,
  enterDirectory,
  openContainerRoot,
  setOomScore,
  setPersonality,
  setRlimits,
  setScheduler,
  setUmask,
  setUser,
} from "./process.ts";
import { reap } from "./reaper.ts";
import { attachRoot, enterJoinedRoot, enterRoot, isolateMounts, makeRootReadonly } from "./root.ts";
import { loadSeccomp } from "./seccomp-load.ts";
import { restoreMask } from "./signal.ts";
import type { Plan, Step } from "./step.ts";
import { setSysctls } from "./sysctl.ts";
import { attachTerminal, openTerminal } from "./terminal.ts";

/** The whole plan of a container in the foreground: the launcher, and init inside of it. */
export function planContainer(context: Context): Plan {
  const { process } = context.spec;
  if (process === undefined) throw new RangeError("a container needs a process");
  const mounts = sortMounts(context);
  return launcher(context, mounts, init(context, process, mounts));
}

const setDumpable = (value: 0 | 1, why: string): Step =>
  call(why, "prctl", [PR_SET_DUMPABLE, value, 0, 0, 0]);

/** Everything that happens in the container's first process. */
function init(context: Context, process: Process, mounts: readonly SortedMount[]): Step[] {
  const { creates, preserveFds, followed } = context.launch;
  const held = preserveFds + (creates ? CONTROL.length : followed ? FOLLOW.length : 0);
  const labels = labelDescriptors(process);
  /** Where the socket of the hooks is, if there are any. */
  const hooks = 3 + held + labels;
  return [
    ...beginHooks(context),
    ...(creates ? [askToDie()] : endWithLauncher(context, "at birth")),
    // Before the change of ids: /proc of this process belongs to root, who it may be no longer then.
    ...setOomScore(process),
    // On the host's /proc too: nothing of the container's can have put something in the way (CVE-2025-52881).
    ...openLabel(context, process),
    ...enterUser(context),
    // The change of ids has undone it.
    ...(creates || !isNew(context, "user") ? [] : endWithLauncher(context, "as root")),
    ...enterTime(context),
    setDumpable(0, "keep /proc of this process closed to the container (CVE-2016-9962)"),
    // In its cgroup before the cgroup namespace is made, because that fixes the namespace's root.
    ...(context.cgroup?.enter ?? []),
    // By systemd, whom hutch asks from outside: it knows processes by the host's pids.
    ...awaitCgroup(context),
    ...unshareCgroup(context),
    ...joinNamespaces(context, "init"),
    ...(context.launch.keepKeyring ? [] : joinKeyring()),
    // A session of its own: no controlling terminal is shared with the host (CVE-2017-5226).
    call("a session of its own", "setsid", []),
    ...names(context),
    ...loopbackUp(context),
    // The modes of device nodes and directories are to be what the plan says.
    call(
      "make files with exactly the mode that is asked for",
      "umask",
      [0],
      context.spec.hooks?.createContainer?.length ? { into: CALLERS_UMASK } : {},
    ),
    ...(isNew(context, "mount")
      ? buildRoot(context, process, mounts)
      : [...pauseForHooks(context), ...pauseForOwnHooks(context), ...enterJoinedRoot(context)]),
    ...(process.terminal ? attachTerminal(process) : []),
    ...holdLabel(process, 3 + held),
    ...holdHooks(context, hooks),
    closeDescriptors(held + labels + hookDescriptors(context)),
    ...setRlimits(process, context),
    ...setScheduler(process),
    ...setPersonality(context),
    openContainerRoot(),
    ...becomeUser(context, process),
    closeAtExec(preserveFds),
    // Here, so that create fails, and not start, when there is nothing to execute.
    ...(creates ? [...findCommand(process), ...awaitStart(context)] : runStartHooks(context, process, hooks)),
    // After the hooks, whose programs are not the container's; before the process that --init makes, which
    // inherits it; before a filter that comes late, which need not allow it then.
    ...writeLabel(process),
    // The command is another process by then, and outside of a pid namespace nobody else ends it.
    ...(context.launch.init ? [...reap(process.terminal === true), ...endWithParent(context)] : []),
    ...tellBegin(context, hooks, [
      restoreMask(),
      // Last: what follows is the exec alone, so a profile need allow nothing that hutch itself uses.
      ...(process.noNewPrivileges ? loadSeccomp(context) : []),
      ...execute(process, context.launch),
    ]),
  ];
}

/** Ids first: in a user namespace without maps nothing can be owned. */
const enterUser = (context: Context): Step[] => [
  ...(isNew(context, "user") ? (mapsItself(context) ? writeOwnMaps(context) : awaitMaps()) : []),
  ...becomeRoot(context),
  // The clocks are set through /proc of this process, which is closed to the root of a user namespace.
  ...(isNew(context, "user") && isNew(context, "time")
    ? [setDumpable(1, "open /proc of this process until its clocks are set")]
    : []),
];

/** The mount tree, from the host's to the container's. */
const buildRoot = (context: Context, process: Process, mounts: readonly SortedMount[]): Step[] => [
  ...isolateMounts(context),
  ...unpackRoot(context),
  ...attachRoot(context),
  ...mountAll(context, mounts),
  // After the mounts, which bring /dev; before the root is read-only.
  ...makeDevices(context),
  ...(process.terminal ? openTerminal(context, process) : []),
  ...createDirectory(process, context),
  // Before /proc/sys is read-only.
  ...setSysctls(context),
  ...protectPaths(context),
  ...makeRootReadonly(context),
  ...pauseForHooks(context),
  ...pauseForOwnHooks(context),
  ...enterRoot(context),
];

/** From root to the user of the process. */
export const becomeUser = (context: Context, process: Process): Step[] => [
  ...(process.noNewPrivileges
    ? [call("never gain privileges by an exec", "prctl", [PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0])]
    : // Without no_new_privs a filter takes CAP_SYS_ADMIN, which is about to go.
      loadSeccomp(context)),
  ...dropBounding(process),
  ...setUser(process, context),
  setUmask(process),
  // As the user of the process, who may not be allowed where root is.
  ...enterDirectory(process),
  ...setCapabilities(process),
  // After the change of credentials, which clears it.
  ...endWithParent(context),
];

/** Ends the process with its parent: the launcher, or the reaper that ends with the launcher. */
const endWithParent = ({ launch }: Context): Step[] => (launch.dieWithLauncher ? [askToDie()] : []);

const endWithLauncher = ({ launch }: Context, when: string): Step[] =>
  launch.dieWithLauncher ? dieWithLauncher(when) : [];
