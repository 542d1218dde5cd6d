/**
 * The launcher: what stays outside of the container while it runs. It makes the cgroup and init, passes
 * signals on, waits, removes what was made, and exits as the container did.
 */
import { AT_FDCWD, LAST_DESCRIPTOR, O_RDWR } from "../linux/fcntl.ts";
import { PR_SET_DUMPABLE } from "../linux/prctl.ts";
import { CLONE_INTO_CGROUP, CLONE_PIDFD } from "../linux/sched.ts";
import { SIGNALS } from "../linux/signal.ts";
import { address, branch, call, exit, guard, jump, label, set, slot } from "./build.ts";
import { cgroupSources, openFoundEarly } from "./cgroup-mount.ts";
import { type Context, isNew } from "./context.ts";
import { handOver, tellSupervised } from "./creator.ts";
import { CONTROL } from "./creator-control.ts";
import { deviceSources } from "./device.ts";
import { tellEnding } from "./ending.ts";
import { openReport } from "./exit-report.ts";
import { awaitBirth, keepBirth, openBirth, tellEnd, tellPid } from "./follow.ts";
import { hasHostHooks, learnState, ownHooks } from "./hook-state.ts";
import { mapsItself, openSync, writeMaps } from "./idmap.ts";
import { makeIdmaps } from "./idmap-mount.ts";
import { bindSource } from "./mount.ts";
import { describe, type SortedMount } from "./mount-options.ts";
import { cloneFlags, joinNamespaces, keepNamespaces, returnToNamespaces } from "./namespace.ts";
import { forget, notePid } from "./note.ts";
import { layerSource } from "./overlay.ts";
import { codeOfSignal, endHooks, openHooks, runCreationHooks, runPoststop } from "./own-hooks.ts";
import { closePack, openPack } from "./pack.ts";
import { closeLauncher, hearOfParent, openLauncher, PARENT_DIED } from "./parent-death.ts";
import { leaveRawMode } from "./raw-mode.ts";
import { superviseTerminal } from "./relay.ts";
import { rootSource, submountSources } from "./root.ts";
import { takeSignals } from "./signal.ts";
import { isEarly, openSourceEarly, opensEarly, type Source } from "./source.ts";
import { becomeCopy, pathFromFile, takeRoot, toldPath, toldRoot } from "./standalone.ts";
import type { Step } from "./step.ts";
import { CLONE_ARGS_SIZE, cloneArgs } from "./struct.ts";
import { EXIT_CODE, endChild, startClock, superviseChild } from "./supervise.ts";
import { openTerminalChannel, relaysTerminal } from "./terminal.ts";

const INIT = slot("init");
const PIDFD = slot("init pidfd");
const CLONE_FLAGS = slot("clone flags");
const LAST_STREAM = 2;
/** hutch itself failed: the convention of env(1), timeout(1) and container engines. */
const FAILED = 125;

const CLONE_HINTS = {
  EPERM:
    "user namespaces may be switched off for ordinary users (kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns)",
  ENOSPC: "a limit of /proc/sys/user/max_*_namespaces is reached",
  EINVAL: "the kernel lacks one of the namespaces, or is older than 5.12",
  EAGAIN: "a limit on processes is reached: pids.max, or RLIMIT_NPROC",
  ENOSYS: "hutch needs Linux 5.12; inside a container, a filter of system calls may refuse it",
} as const;

const HINT_NULL =
  "it takes /dev/null, even if none is closed: mount -t devtmpfs devtmpfs /dev, or mknod -m 666 /dev/null c 1 3";

/**
 * A standard stream that the caller has closed is /dev/null: what is opened next would take its number, and
 * pass for the container's.
 */
export function openStreams(): Step[] {
  const why = "open the standard streams that are closed: /dev/null";
  const hints = { ENOENT: HINT_NULL };
  const lowest = slot("lowest descriptor");
  return [
    label("next stream"),
    call(why, "openat", [AT_FDCWD, "/dev/null", O_RDWR, 0], { into: lowest, hints }),
    branch(lowest, "le", LAST_STREAM, "next stream"),
    call(why, "close", [lowest]),
  ];
}

/** What was inherited and is in the way: the program's own file, descriptors, signal settings. */
function prepare(context: Context): Step[] {
  const { launch } = context;
  const { executable, preserveFds, dieWithParent, creates, followed, standalone } = launch;
  const packed = standalone?.pack === undefined ? 0 : 1;
  const kept = 3 + preserveFds + packed + (creates ? CONTROL.length : followed ? 1 : 0);
  return [
    ...(executable === undefined
      ? []
      : // /proc/self/exe of the container must not lead to a program that can be run again (CVE-2019-5736).
        [call("make this program impossible to execute again", "fchmod", [executable, 0])]),
    ...openStreams(),
    ...(standalone === undefined ? [] : becomeCopy(standalone)),
    ...(launch.reports
      ? openReport(kept, launch.reports === true ? true : pathFromFile(context, launch.reports))
      : [call("close what was inherited", "close_range", [kept, LAST_DESCRIPTOR, 0])]),
    ...(followed ? [keepBirth(context)] : []),
    ...takeSignals(),
    ...(dieWithParent ? [hearOfParent()] : []),
  ];
}

/** Every host path that init will need, for when the launcher has to open them in its place. */
function allSources(context: Context, mounts: readonly SortedMount[]): (readonly [string, Source])[] {
  const layer = layerSource(context);
  const told = ({ path }: Source): string => toldPath(context, path);
  return [
    [`open the root ${toldRoot(context, rootSource(context).path)}`, rootSource(context)] as const,
    ...submountSources(context).map((source) => [`open ${told(source)}`, source] as const),
    ...(layer === undefined ? [] : [[`open the layer ${told(layer)}`, layer] as const]),
    ...mounts.flatMap((mount) => {
      const source = bindSource(mount);
      const sources = source === undefined ? cgroupSources(context, mount) : [source];
      return sources.map((each) => [describe(mount), each] as const);
    }),
    ...deviceSources(context).map((source) => [`open the device ${told(source)}`, source] as const),
  ];
}

/** Those that the launcher opens: all of them, or what only the launcher has open. */
const earlySources = (
  context: Context,
  mounts: readonly SortedMount[],
): readonly (readonly [string, Source])[] =>
  opensEarly(context)
    ? allSources(context, mounts)
    : mounts.flatMap((mount) =>
        cgroupSources(context, mount)
          .filter((source) => isEarly(context, source))
          .map((source) => [describe(mount), source] as const),
      );

/**
 * True when the id maps are written by an ordinary user: a /proc that is closed would be closed to him too.
 */
const writesOwnProc = (context: Context): boolean => isNew(context, "user") && context.host.uid !== 0;

/**
 * Nobody in a shared or joined pid namespace may look into the launcher, or into init before it is done: each
 * has the host's root and all privileges (CVE-2016-9962). Init inherits this, else there would be a moment.
 */
const closeProc = (): Step =>
  call("keep /proc of the launcher and of init closed", "prctl", [PR_SET_DUMPABLE, 0, 0, 0, 0]);

/** The birth of init: it goes on at the label "init", everything after is the launcher's. */
function makeInit(context: Context): Step[] {
  const { into, intoWhen } = context.cgroup ?? {};
  const plain = cloneFlags(context) | CLONE_PIDFD;
  const flags = BigInt(plain) | (into === undefined ? 0n : CLONE_INTO_CGROUP);
  const args = cloneArgs({
    flags: intoWhen === undefined ? flags : CLONE_FLAGS,
    pidfd: address(PIDFD),
    exitSignal: SIGNALS.SIGCHLD,
    ...(into === undefined ? {} : { cgroup: into }),
  });
  const why = "make the container's first process, in its new namespaces";
  return [
    ...(intoWhen === undefined
      ? []
      : [
          set(CLONE_FLAGS, flags),
          branch(intoWhen, "ne", 0, "into the cgroup"),
          set(CLONE_FLAGS, plain),
          label("into the cgroup"),
        ]),
    call(why, "clone3", [args, CLONE_ARGS_SIZE], { into: INIT, hints: CLONE_HINTS }),
    branch(INIT, "eq", 0, "init"),
  ];
}

/** True when the id maps are written from outside. */
export const waitsForMaps = (context: Context): boolean => isNew(context, "user") && !mapsItself(context);

/** Stays beside the container until it has ended. */
function supervise(context: Context): Step[] {
  const { launch, spec } = context;
  const child = {
    pid: INIT,
    pidfd: PIDFD,
    ...(launch.dieWithParent || launch.followed ? { endedBy: PARENT_DIED } : {}),
    isMeasured: launch.reports !== false,
  };
  return [
    ...(launch.followed && ownHooks(context) === undefined ? awaitBirth(context) : []),
    ...startClock(launch.timeout),
    ...(spec.process?.terminal
      ? superviseTerminal(child, launch.timeout, tellSupervised(context))
      : [...tellSupervised(context), ...superviseChild(child, launch.timeout, "supervise")]),
    ...(launch.followed ? tellEnd(context) : []),
  ];
}

/** The whole of the launcher; `init` is what goes on in the child. */
export function launcher(context: Context, mounts: readonly SortedMount[], init: readonly Step[]): Step[] {
  const { launch, cgroup, host } = context;
  const pack = launch.standalone?.pack;
  const stays = !launch.creates || launch.supervises;
  const ending = stays ? tellEnding(context) : [];
  const isWatched = launch.dieWithLauncher && !launch.creates;
  return [
    ...prepare(context),
    ...takeRoot(launch.standalone),
    ...learnState(context),
    guard("undo"),
    ...(pack === undefined || host.uid !== 0 ? [] : openPack(pack)),
    ...(cgroup?.create ?? []),
    // While the launcher is in no namespace of others, who could look into the children that hold the maps.
    ...makeIdmaps(context, mounts),
    ...(writesOwnProc(context) ? [] : [closeProc()]),
    ...(hasHostHooks(context) ? keepNamespaces(context) : []),
    ...joinNamespaces(context, "launcher"),
    ...earlySources(context, mounts).flatMap(([why, source]) => openSourceEarly(context, why, source)),
    ...openFoundEarly(context, mounts),
    ...(waitsForMaps(context) ? openSync() : []),
    ...(relaysTerminal(context) ? openTerminalChannel() : []),
    ...(isWatched ? openLauncher() : []),
    ...(launch.followed ? openBirth(context) : []),
    ...openHooks(context),
    ...makeInit(context),
    ...(pack === undefined || host.uid === 0 ? [] : [closePack("leave the image to init")]),
    ...(isWatched ? [closeLauncher()] : []),
    ...(launch.followed ? tellPid(context, INIT) : []),
    ...(hasHostHooks(context) ? returnToNamespaces(context) : []),
    ...(waitsForMaps(context) ? writeMaps(context, INIT, "undo") : []),
    ...(writesOwnProc(context) ? [closeProc()] : []),
    ...(launch.notes === undefined ? [] : notePid(INIT)),
    ...(launch.creates ? handOver(context, INIT, PIDFD) : []),
    ...runCreationHooks(context, INIT, PIDFD),
    ...(stays ? supervise(context) : []),
    ...(ending.length === 0 ? [] : [label("ending"), guard("remove"), ...ending]),
    label("remove"),
    guard(),
    ...endHooks(context),
    ...(cgroup?.remove ?? []),
    ...runPoststop(context),
    ...(launch.notes === "forget" ? forget() : []),
    exit(EXIT_CODE, "exit as the container did"),
    label("undo"),
    ...(relaysTerminal(context) ? leaveRawMode("nothing was raw") : []),
    ...endChild(INIT, PIDFD),
    set(EXIT_CODE, FAILED),
    ...codeOfSignal(context),
    jump(ending.length === 0 ? "remove" : "ending"),
    label("init"),
    guard(),
    ...init,
  ];
}
