/** New and joined namespaces (namespaces(7), OCI config-linux "Namespaces"). */
import { AT_FDCWD, O_CLOEXEC, O_RDONLY, O_WRONLY } from "../linux/fcntl.ts";
import { NAMESPACES, type NamespaceType } from "../linux/namespace.ts";
import { CLONE_NEWCGROUP, CLONE_NEWTIME } from "../linux/sched.ts";
import { call, slot, struct, writeFile } from "./build.ts";
import { type Context, isNew } from "./context.ts";
import type { Call, Step } from "./step.ts";

/**
 * Namespaces that clone3 does not make: cgroup, because its root is fixed at its creation and the process
 * must be in its cgroup by then; time, because its offsets can be written only before anyone has entered it.
 */
const AFTER_CLONE: readonly NamespaceType[] = ["cgroup", "time"];

const JOIN_HINTS = {
  ENOENT: "the process whose namespace this was may have ended",
  EPERM: "joining takes CAP_SYS_ADMIN over the namespace's owner",
  EINVAL: "the file is not a namespace of this type",
  EUSERS: "too many nested namespaces",
} as const;

/** What to do about a namespace that cannot be joined; those below /run/netns are made by ip-netns(8). */
const joinHints = (path: string): NonNullable<Call["hints"]> =>
  /^(\/var)?\/run\/netns\/[^/]+$/.test(path)
    ? { ...JOIN_HINTS, ENOENT: `ip netns add ${path.slice(path.lastIndexOf("/") + 1)} makes it` }
    : JOIN_HINTS;

/** The CLONE_NEW* flags of the namespaces that are born together with the container's first process. */
export const cloneFlags = (context: Context): number =>
  NAMESPACES.filter(({ type }) => isNew(context, type) && !AFTER_CLONE.includes(type)).reduce(
    (flags, { flag }) => flags | flag,
    0,
  );

/**
 * Joins namespaces by path. The launcher joins all but the mount namespace (a pid namespace takes effect on
 * its children only; in the others it does nothing but be there), because after the clone a new user
 * namespace may have taken the right to join. A user namespace comes first: it grants the rights over those
 * it owns.
 */
export function joinNamespaces({ namespaces }: Context, which: "launcher" | "init"): Step[] {
  const rank = (type: NamespaceType): number => (type === "user" ? 0 : 1);
  return NAMESPACES.filter(({ type }) => (type === "mount") === (which === "init") && namespaces.get(type))
    .sort((a, b) => rank(a.type) - rank(b.type))
    .flatMap(({ type, flag }) => {
      const path = namespaces.get(type) ?? "";
      const why = `join the ${type} namespace ${path}`;
      const file = slot("namespace");
      const hints = joinHints(path);
      return [
        call(why, "openat", [AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0], { into: file, hints }),
        call(why, "setns", [file, flag], { hints }),
        call(why, "close", [file]),
      ];
    });
}

const joined = ({ namespaces }: Context) =>
  NAMESPACES.filter(({ type }) => type !== "mount" && namespaces.get(type)).map((each) => ({
    ...each,
    own: slot(`launcher's ${each.type} namespace`),
  }));

/** In the launcher, before it joins others: those that hooks of the host are to have. */
export const keepNamespaces = (context: Context): Step[] =>
  joined(context).map(({ type, file, own }) =>
    call(
      `keep the ${type} namespace for hooks`,
      "openat",
      [AT_FDCWD, `/proc/self/ns/${file}`, O_RDONLY | O_CLOEXEC, 0],
      { into: own },
    ),
  );

/** In the launcher, when init is born in the others. */
export const returnToNamespaces = (context: Context): Step[] =>
  joined(context).flatMap(({ type, flag, own }) => {
    const why = `return to the ${type} namespace for hooks`;
    return [call(why, "setns", [own, flag]), call(why, "close", [own])];
  });

/** The cgroup namespace, made once the process is in its cgroup. */
export const unshareCgroup = (context: Context): Step[] =>
  isNew(context, "cgroup")
    ? [call("a cgroup namespace whose root is the container's cgroup", "unshare", [CLONE_NEWCGROUP])]
    : [];

/** The time namespace: made, given its offsets, and then entered (time_namespaces(7)). */
export function enterTime(context: Context): Step[] {
  if (!isNew(context, "time")) return [];
  const offsets = context.spec.linux?.timeOffsets ?? {};
  const text = Object.entries(offsets)
    .map(([clock, offset]) => `${clock} ${offset?.secs ?? 0} ${offset?.nanosecs ?? 0}\n`)
    .join("");
  const file = slot("namespace");
  const enter = "enter the time namespace";
  return [
    call("a time namespace", "unshare", [CLONE_NEWTIME], {
      hints: { EINVAL: "the kernel has no time namespaces (CONFIG_TIME_NS)" },
    }),
    ...(text === ""
      ? []
      : writeFile("set the clocks of the time namespace", AT_FDCWD, "/proc/self/timens_offsets", text, {
          flags: O_WRONLY | O_CLOEXEC,
          into: file,
          hints: { ERANGE: "the clock would be negative or more than half of its range" },
        })),
    call(enter, "openat", [AT_FDCWD, "/proc/self/ns/time_for_children", O_RDONLY | O_CLOEXEC, 0], {
      into: file,
    }),
    call(enter, "setns", [file, CLONE_NEWTIME]),
    call(enter, "close", [file]),
  ];
}

const AF_INET = 2;
const SOCK_DGRAM_CLOEXEC = 0x80002;
const SIOCSIFFLAGS = 0x8914;
const IFF_UP = 0x1;

/**
 * A new network namespace has a loopback interface that is down; most programs expect it up
 * (netdevice(7)).
 */
export function loopbackUp(context: Context): Step[] {
  if (!isNew(context, "network")) return [];
  const why = "bring the loopback interface up";
  const socket = slot("socket");
  const request = struct("ifreq", [
    ["ifr_name", 8, 0x6f6c],
    ["ifr_name", 8, 0],
    ["ifr_flags", 2, IFF_UP],
    ["pad", 2, 0],
    ["pad", 4, 0],
    ["pad", 8, 0],
    ["pad", 8, 0],
  ]);
  return [
    call(why, "socket", [AF_INET, SOCK_DGRAM_CLOEXEC, 0], { into: socket }),
    call(why, "ioctl", [socket, SIOCSIFFLAGS, request]),
    call(why, "close", [socket]),
  ];
}

/** hostname and domainname; the spec's rules have made sure that the UTS namespace is the container's. */
export function names({ spec }: Context): Step[] {
  const length = (text: string): number => new TextEncoder().encode(text).length;
  const { hostname, domainname } = spec;
  return [
    ...(hostname ? [call(`set the host name ${hostname}`, "sethostname", [hostname, length(hostname)])] : []),
    ...(domainname
      ? [call(`set the domain name ${domainname}`, "setdomainname", [domainname, length(domainname)])]
      : []),
  ];
}

const KEYCTL_JOIN_SESSION_KEYRING = 1;

/**
 * A session keyring of the container's own: keyrings are not namespaced, and the caller's would be
 * inherited.
 */
export const joinKeyring = (): Step[] => [
  // Without a name: one of the same name, of another container, would be joined.
  call("a session keyring of its own", "keyctl", [KEYCTL_JOIN_SESSION_KEYRING, 0], {
    errors: { ENOSYS: "ignore", EPERM: "ignore" },
    hints: { EDQUOT: "the user's keyrings are used up: /proc/sys/kernel/keys/maxkeys" },
  }),
];
