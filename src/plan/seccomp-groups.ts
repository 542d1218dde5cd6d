/**
 * The groups of system calls that hutch's default seccomp profile refuses (seccomp-default.ts), each for the
 * reason that it gives.
 *
 * The kernel checks capabilities anyway. The groups are for what it does not check: calls that act on the
 * whole machine instead of the container, and code that was a way out of containers more than once.
 */
import type { ErrnoName } from "../linux/errno.ts";
import { TIOCLINUX, TIOCSTI } from "../linux/ioctl.ts";
import { PER_LINUX, PER_LINUX32, PER_QUERY, UNAME26 } from "../linux/personality.ts";
import {
  CLONE_NEWCGROUP,
  CLONE_NEWIPC,
  CLONE_NEWNET,
  CLONE_NEWNS,
  CLONE_NEWPID,
  CLONE_NEWTIME,
  CLONE_NEWUSER,
  CLONE_NEWUTS,
} from "../linux/sched.ts";
import type { SeccompArgument } from "../spec/seccomp.ts";

/** Calls that are refused, and why. */
export interface RefusedGroup {
  /** Why, to be read after "refused because". */
  readonly why: string;
  readonly names: readonly string[];
  /** Any one of these capabilities opens the group; absent: nothing does but a profile of the user's own. */
  readonly unless?: readonly string[];
  /** EPERM when absent. */
  readonly errno?: ErrnoName;
  /** Refused only if one of these conditions holds, allowed otherwise. */
  readonly when?: readonly SeccompArgument[];
  /** Allowed if one of these conditions holds, refused otherwise. */
  readonly except?: readonly SeccompArgument[];
}

/** The low 32 bits of an argument equal a value: the kernel cuts an int down, so the rest must not count. */
const low32 = (index: number, value: number): SeccompArgument => ({
  index,
  op: "SCMP_CMP_MASKED_EQ",
  value: 0xffffffff,
  valueTwo: value,
});

/** None of these bits is set. */
const without = (index: number, bits: number): SeccompArgument => ({
  index,
  op: "SCMP_CMP_MASKED_EQ",
  value: bits,
  valueTwo: 0,
});

/** The flags that make namespaces, of clone(2); CLONE_NEWTIME is a bit of the exit signal there. */
const CLONE_NAMESPACES =
  CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;

/**
 * Address families nothing in an ordinary container uses and whose modules the kernel loads when asked for a
 * socket, whoever asks; most were a way to root (TIPC CVE-2021-43267, RDS CVE-2010-3904,
 * NFC CVE-2021-23134). AF_VSOCK talks to the hypervisor past every network namespace
 * (and CVE-2021-26708); AF_ALG is the kernel's crypto interface (CVE-2026-31431).
 */
const REFUSED_FAMILIES = {
  AF_AX25: 3,
  AF_IPX: 4,
  AF_APPLETALK: 5,
  AF_NETROM: 6,
  AF_ATMPVC: 8,
  AF_X25: 9,
  AF_ROSE: 11,
  AF_DECnet: 12,
  AF_ECONET: 19,
  AF_ATMSVC: 20,
  AF_RDS: 21,
  AF_IRDA: 23,
  AF_LLC: 26,
  AF_TIPC: 30,
  AF_RXRPC: 33,
  AF_ISDN: 34,
  AF_PHONET: 35,
  AF_CAIF: 37,
  AF_ALG: 38,
  AF_NFC: 39,
  AF_VSOCK: 40,
  AF_KCM: 41,
  AF_QIPCRTR: 42,
} as const;

/** The groups, in no order; no call is in two of them. */
export const REFUSED_GROUPS: readonly RefusedGroup[] = [
  {
    why: "mounting changes what paths mean, and can uncover what is masked or read-only in the container",
    names: [
      "mount",
      "umount",
      "umount2",
      "pivot_root",
      "fsopen",
      "fsconfig",
      "fsmount",
      "fspick",
      "move_mount",
      "open_tree",
      "open_tree_attr",
      "mount_setattr",
    ],
    unless: ["CAP_SYS_ADMIN"],
  },
  {
    why: "joining a namespace leaves the container's",
    names: ["setns"],
    unless: ["CAP_SYS_ADMIN"],
  },
  {
    why: "a new user namespace gives all capabilities inside it, and with them much more kernel code to attack",
    names: ["unshare"],
    unless: ["CAP_SYS_ADMIN"],
    except: [without(0, CLONE_NAMESPACES | CLONE_NEWTIME)],
  },
  {
    why: "it makes namespaces too; processes and threads are as free as ever",
    names: ["clone"],
    unless: ["CAP_SYS_ADMIN"],
    except: [without(0, CLONE_NAMESPACES)],
  },
  {
    why: "its flags lie in memory, which a filter cannot read; libc goes on with clone when it gets ENOSYS",
    names: ["clone3"],
    unless: ["CAP_SYS_ADMIN"],
    errno: "ENOSYS",
  },
  {
    why: "it loads programs into the kernel",
    names: ["bpf"],
    unless: ["CAP_SYS_ADMIN", "CAP_BPF"],
  },
  {
    why: "it observes the whole machine, and its code was a way to root (CVE-2013-2094, CVE-2023-5717)",
    names: ["perf_event_open"],
    unless: ["CAP_SYS_ADMIN", "CAP_PERFMON"],
  },
  {
    why: "it watches whole file systems, across containers",
    names: ["fanotify_init"],
    unless: ["CAP_SYS_ADMIN"],
  },
  {
    why: "quotas and swap belong to the file systems and memory of the host",
    names: ["quotactl", "quotactl_fd", "swapon", "swapoff"],
    unless: ["CAP_SYS_ADMIN"],
  },
  {
    why: "the host name is part of the container's description",
    names: ["sethostname", "setdomainname"],
    unless: ["CAP_SYS_ADMIN"],
  },
  {
    why: "the kernel's log is that of the whole machine",
    names: ["syslog"],
    unless: ["CAP_SYS_ADMIN", "CAP_SYSLOG"],
  },
  {
    why: "kernel modules are the kernel",
    names: ["init_module", "finit_module", "delete_module"],
    unless: ["CAP_SYS_MODULE"],
  },
  {
    why: "it stops or replaces the kernel of the machine",
    names: ["reboot", "kexec_load", "kexec_file_load"],
    unless: ["CAP_SYS_BOOT"],
  },
  {
    why: "the clock is that of the machine (reading it through adjtimex is allowed)",
    names: ["settimeofday", "stime", "clock_settime", "clock_settime64"],
    unless: ["CAP_SYS_TIME"],
  },
  {
    // ptrace and process_vm_readv, process_vm_writev are allowed: since Linux 4.8 the filter is applied after
    // a tracer has changed a call, and the kernel lets a process trace only what has no more rights.
    why: "they look into other processes in ways few programs need, and kcmp tells how kernel addresses compare",
    names: ["kcmp", "pidfd_getfd"],
    unless: ["CAP_SYS_PTRACE"],
  },
  {
    why: "it stops the kernel in the middle of a copy, which makes races in it easy to win",
    names: ["userfaultfd"],
    unless: ["CAP_SYS_PTRACE"],
  },
  {
    why: "it gives access to the ports of the hardware",
    names: ["iopl", "ioperm", "pciconfig_read", "pciconfig_write", "pciconfig_iobase"],
    unless: ["CAP_SYS_RAWIO"],
  },
  {
    why: "it opens files by number, past every directory and mount, out of the container",
    names: ["open_by_handle_at"],
    unless: ["CAP_DAC_READ_SEARCH"],
  },
  {
    why: "process accounting is that of the whole machine",
    names: ["acct"],
    unless: ["CAP_SYS_PACCT"],
  },
  {
    why: "it takes a terminal away from others",
    names: ["vhangup"],
    unless: ["CAP_SYS_TTY_CONFIG"],
  },
  {
    why: "keyrings are not divided by containers; those of the same user id are shared",
    names: ["add_key", "keyctl", "request_key"],
  },
  {
    why: "it makes calls that no filter sees, and no other part of the kernel had as many ways to root of late",
    names: ["io_uring_setup", "io_uring_enter", "io_uring_register"],
  },
  {
    why: "it can turn protections such as address randomization off; only what `setarch` and libc ask for is allowed",
    names: ["personality"],
    except: [
      low32(0, PER_LINUX),
      low32(0, PER_LINUX32),
      low32(0, UNAME26),
      low32(0, UNAME26 | PER_LINUX32),
      low32(0, PER_QUERY),
    ],
  },
  {
    why: "of these address families the kernel says that it does not have them (see REFUSED_FAMILIES)",
    names: ["socket"],
    errno: "EAFNOSUPPORT",
    when: Object.values(REFUSED_FAMILIES).map((family) => low32(0, family)),
  },
  {
    // CVE-2017-5226 (TIOCSTI), CVE-2023-1523 (TIOCLINUX); only 32 bits count, which was CVE-2019-10063.
    why: "TIOCSTI and TIOCLINUX type into the terminal from which the container was started",
    names: ["ioctl"],
    when: [low32(1, TIOCSTI), low32(1, TIOCLINUX)],
  },
  {
    why: "virtual 8086 mode is for DOS programs",
    names: ["vm86", "vm86old"],
  },
  {
    why: "kernels no longer have them, or only for programs of the last century",
    names: [
      "_sysctl",
      "afs_syscall",
      "bdflush",
      "break",
      "create_module",
      "epoll_ctl_old",
      "epoll_wait_old",
      "ftime",
      "get_kernel_syms",
      "getpmsg",
      "gtty",
      "idle",
      "lock",
      "lookup_dcookie",
      "mpx",
      "nfsservctl",
      "prof",
      "profil",
      "putpmsg",
      "query_module",
      "security",
      "stty",
      "sysfs",
      "tuxcall",
      "ulimit",
      "uselib",
      "ustat",
      "vserver",
    ],
    errno: "ENOSYS",
  },
];
