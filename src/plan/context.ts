/** What a plan is made from, besides the spec: facts of the host and wishes that OCI has no words for. */
import type { Arch } from "../linux/arch.ts";
import { openFlags } from "../linux/fcntl.ts";
import type { NamespaceType } from "../linux/namespace.ts";
import type { Spec } from "../spec/spec.ts";
import type { CgroupPlan } from "./cgroup.ts";
import type { Standalone } from "./standalone.ts";

/** What the planner must know of the machine; gathered by the caller, so that planning stays pure. */
export interface Host {
  readonly arch: Arch;
  /** Effective ids of the caller. */
  readonly uid: number;
  readonly gid: number;
  /**
   * True when the caller lives in a user namespace of its own: mknod and negative oom scores are refused
   * there.
   */
  readonly nested: boolean;
  /** What a path on the host is, following symlinks; undefined when there is nothing. */
  readonly kind: (path: string) => "directory" | "file" | undefined;
  /**
   * The capabilities of the caller's bounding set, as bits: without a user namespace none can be added to
   * them.
   */
  readonly bounding: () => bigint;
  /** Whether the kernel has this security module, and it is on. */
  readonly hasSecurityModule: (module: "apparmor" | "selinux") => boolean;
  /**
   * RLIMIT_NOFILE as the caller of hutch had it: Bun raises its own, and the container must not inherit
   * that.
   */
  readonly nofile: { readonly soft: number | bigint; readonly hard: number | bigint } | undefined;
}

/** Where writes go when the root is covered by a writable layer. */
export interface Overlay {
  /** The directory that keeps the layer; a tmpfs that ends with the container when absent. */
  readonly directory: string | undefined;
  /**
   * True when the directory lies below the root: overlayfs refuses an upper layer inside its lower layer
   * (ELOOP), so the lower layer is first wrapped in a read-only overlay of its own.
   */
  readonly inside: boolean;
}

/** Wishes beyond config.json. */
export interface Launch {
  /** The container's id. To ask for it makes a plan that is good for this container alone. */
  readonly id: () => string;
  /**
   * The descriptor the program was executed from; made non-executable first, so that nobody runs it
   * again.
   */
  readonly executable: number | undefined;
  /** A reaper of hutch's own is pid 1, and the command its child. */
  readonly init: boolean;
  /** The launcher ends the container when its own parent dies. */
  readonly dieWithParent: boolean;
  /** Seconds after which the container is ended; 0 is never. */
  readonly timeout: number;
  readonly overlay: Overlay | undefined;
  /** The whole tree of the root is read-only, submounts included, before anything is mounted on it. */
  readonly readonlyTree: boolean;
  /** Device nodes in the root's tree are dead: an image may bring one that is the host's disk. */
  readonly nodev: boolean;
  /**
   * The mount points below the root (absolute on the host, below no other of the list) that the container is
   * to see; undefined for all. The host's /proc, /sys, /dev and /run must not lie under what covers them: who
   * may unmount the cover would be on the host.
   */
  readonly submounts: readonly string[] | undefined;
  /** Descriptors 3 … 3 + n − 1 are left open for the container. */
  readonly preserveFds: number;
  /** Ends the container when the launcher is killed, instead of leaving it without its cleanup. */
  readonly dieWithLauncher: boolean;
  /**
   * --no-pivot: the root is entered by chroot(2), for hosts whose root cannot be pivoted and is not seen as
   * such.
   */
  readonly noPivot: boolean;
  /** setgroups is denied in the user namespace that is joined (user_namespaces(7)); of `exec`. */
  readonly deniesGroups: boolean;
  /**
   * When a cgroup is made: never, where limits are asked for or a path is given, or for every container of
   * `create`; undefined is always for root and else where it is asked for.
   */
  readonly cgroups: "never" | "asked" | "always" | undefined;
  /** --no-new-keyring: the caller's session keyring is kept. */
  readonly keepKeyring: boolean;
  /** The creator sends init's pidfd over a socket. */
  readonly sendsPidfd: boolean;
  /** The plan is that of `create`: hutch lives on, and init waits for `start` (see creator.ts). */
  readonly creates: boolean;
  /**
   * Of a plan that `creates`: the creator does not leave init to the caller, but supervises it as the launcher
   * of `run` does; hutch lives on beside it, for the hooks.
   */
  readonly supervises: boolean;
  /**
   * The launcher writes down the pid of init, and forgets the container at its end or keeps its state (see
   * note.ts).
   */
  readonly notes: "forget" | "keep" | undefined;
  /** The launcher writes down what became of the container, in this file or where its argument says. */
  readonly reports: boolean | string;
  /** hutch lives on beside the launcher, and is told what becomes of the container (see follow.ts). */
  readonly followed: boolean;
  /**
   * The bundle, of a program that runs its hooks itself, because no hutch stays beside it: hooks are told of
   * it, and start there.
   */
  readonly bundle: string | undefined;
  /** The compiled filter of system calls; it stands for linux.seccomp of the spec. */
  readonly filter: Filter | undefined;
  /** The environment of the container is that of the program; process.env serves only to find the command. */
  readonly givenEnvironment: boolean;
  /** The program is a file of its own, which no hutch starts. */
  readonly standalone?: Standalone | undefined;
}

/** A seccomp filter as the kernel takes it. */
export interface Filter {
  /** struct sock_filter[]. */
  readonly program: Uint8Array;
  /** SECCOMP_FILTER_FLAG_*. */
  readonly flags: number;
}

export interface Context {
  readonly spec: Spec;
  readonly host: Host;
  readonly launch: Launch;
  readonly cgroup: CgroupPlan | undefined;
  /** open(2) flags whose numbers differ between architectures. */
  readonly open: ReturnType<typeof openFlags>;
  /** The namespaces of the container: absent (shared with the host), new (undefined), or joined (a path). */
  readonly namespaces: ReadonlyMap<NamespaceType, string | undefined>;
}

export function makeContext(spec: Spec, host: Host, launch: Launch, cgroup: CgroupPlan | undefined): Context {
  const namespaces = new Map<NamespaceType, string | undefined>();
  for (const { type, path } of spec.linux?.namespaces ?? []) {
    namespaces.set(type, path === undefined || path === "" ? undefined : path);
  }
  return { spec, host, launch, cgroup, open: openFlags(host.arch), namespaces };
}

/** True when the container gets a namespace of its own of this type. */
export const isNew = ({ namespaces }: Context, type: NamespaceType): boolean =>
  namespaces.has(type) && namespaces.get(type) === undefined;

/** True when device nodes cannot be made by mknod(2), only bound from the host (user namespaces). */
export const withoutMknod = ({ host, namespaces }: Context): boolean =>
  host.uid !== 0 || host.nested || namespaces.has("user");
