/** How the arguments of each system call are to be read, to print a plan as strace prints a trace. */
import type { Arch } from "./arch.ts";
import { CAPABILITIES } from "./capability.ts";
import { RLIMITS } from "./resource.ts";
import { SCHED_FLAGS, SCHED_POLICIES } from "./sched.ts";
import { signalName } from "./signal.ts";
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFMT, S_IFREG, S_IFSOCK, splitDevice } from "./stat.ts";
import type { SyscallName } from "./syscall.ts";
import * as table from "./words.ts";

/**
 * How to write an argument:
 * - fd: a descriptor, AT_FDCWD by name; pid, id, size, number: decimal, −1 as such
 * - path, string: text in quotes; pointer: an address, a buffer or a struct; hex: bits without names
 * - open: flags of open; octal: permission bits; mode: file type and permission bits; device: makedev(…)
 * - signal, capability: by name; clone: flags with the exit signal in the low byte; socket: type with flags
 * - flags: any of the words, joined; word: exactly one of them
 */
export type Form =
  | "fd"
  | "pid"
  | "id"
  | "size"
  | "number"
  | "path"
  | "string"
  | "pointer"
  | "hex"
  | "open"
  | "octal"
  | "mode"
  | "device"
  | "signal"
  | "capability"
  | "clone"
  | "socket"
  | { readonly flags: table.Words }
  | { readonly word: table.Words };

/** The parameters of a call in order: name in the manual page, and form. */
export type Signature = readonly (readonly [name: string, form: Form])[];

/** Calls whose later parameters depend on the number at index `at`. */
interface Variants {
  readonly at: number;
  /** The signature from index `at + 1` on, by that number. */
  readonly rest: Readonly<Record<number, Signature>>;
}

const SIGNATURES: Partial<Readonly<Record<SyscallName, Signature>>> = {
  openat: [
    ["dirfd", "fd"],
    ["path", "path"],
    ["flags", "open"],
    ["mode", "octal"],
  ],
  openat2: [
    ["dirfd", "fd"],
    ["path", "path"],
    ["how", "pointer"],
    ["size", "size"],
  ],
  close: [["fd", "fd"]],
  close_range: [
    ["first", "fd"],
    ["last", "number"],
    ["flags", { flags: table.CLOSE_RANGE_WORDS }],
  ],
  mkdirat: [
    ["dirfd", "fd"],
    ["path", "path"],
    ["mode", "octal"],
  ],
  mknodat: [
    ["dirfd", "fd"],
    ["path", "path"],
    ["mode", "mode"],
    ["dev", "device"],
  ],
  symlinkat: [
    ["target", "string"],
    ["dirfd", "fd"],
    ["path", "path"],
  ],
  linkat: [
    ["olddirfd", "fd"],
    ["oldpath", "path"],
    ["newdirfd", "fd"],
    ["newpath", "path"],
    ["flags", { flags: table.AT_WORDS }],
  ],
  unlinkat: [
    ["dirfd", "fd"],
    ["path", "path"],
    ["flags", { flags: table.UNLINK_WORDS }],
  ],
  renameat2: [
    ["olddirfd", "fd"],
    ["oldpath", "path"],
    ["newdirfd", "fd"],
    ["newpath", "path"],
    ["flags", { flags: table.RENAME_WORDS }],
  ],
  readlinkat: [
    ["dirfd", "fd"],
    ["path", "path"],
    ["buf", "pointer"],
    ["size", "size"],
  ],
  faccessat2: [
    ["dirfd", "fd"],
    ["path", "path"],
    ["mode", { flags: table.ACCESS_WORDS }],
    ["flags", { flags: table.ACCESS_AT_WORDS }],
  ],
  faccessat: [
    ["dirfd", "fd"],
    ["path", "path"],
    ["mode", { flags: table.ACCESS_WORDS }],
  ],
  fchmodat: [
    ["dirfd", "fd"],
    ["path", "path"],
    ["mode", "octal"],
  ],
  fchmodat2: [
    ["dirfd", "fd"],
    ["path", "path"],
    ["mode", "octal"],
    ["flags", { flags: table.AT_WORDS }],
  ],
  fchmod: [
    ["fd", "fd"],
    ["mode", "octal"],
  ],
  fchownat: [
    ["dirfd", "fd"],
    ["path", "path"],
    ["owner", "id"],
    ["group", "id"],
    ["flags", { flags: table.AT_WORDS }],
  ],
  fchown: [
    ["fd", "fd"],
    ["owner", "id"],
    ["group", "id"],
  ],
  ftruncate: [
    ["fd", "fd"],
    ["length", "size"],
  ],
  utimensat: [
    ["dirfd", "fd"],
    ["path", "path"],
    ["times", "pointer"],
    ["flags", { flags: table.AT_WORDS }],
  ],
  setxattr: [
    ["path", "path"],
    ["name", "string"],
    ["value", "pointer"],
    ["size", "size"],
    ["flags", "number"],
  ],
  lsetxattr: [
    ["path", "path"],
    ["name", "string"],
    ["value", "pointer"],
    ["size", "size"],
    ["flags", "number"],
  ],
  fsetxattr: [
    ["fd", "fd"],
    ["name", "string"],
    ["value", "pointer"],
    ["size", "size"],
    ["flags", "number"],
  ],
  write: [
    ["fd", "fd"],
    ["buf", "pointer"],
    ["count", "size"],
  ],
  read: [
    ["fd", "fd"],
    ["buf", "pointer"],
    ["count", "size"],
  ],
  pread64: [
    ["fd", "fd"],
    ["buf", "pointer"],
    ["count", "size"],
    ["offset", "number"],
  ],
  pwrite64: [
    ["fd", "fd"],
    ["buf", "pointer"],
    ["count", "size"],
    ["offset", "number"],
  ],
  lseek: [
    ["fd", "fd"],
    ["offset", "number"],
    ["whence", { word: table.SEEK_WORDS }],
  ],
  getdents64: [
    ["fd", "fd"],
    ["buf", "pointer"],
    ["count", "size"],
  ],
  fstat: [
    ["fd", "fd"],
    ["statbuf", "pointer"],
  ],
  newfstatat: [
    ["dirfd", "fd"],
    ["path", "path"],
    ["statbuf", "pointer"],
    ["flags", { flags: table.AT_WORDS }],
  ],
  statx: [
    ["dirfd", "fd"],
    ["path", "path"],
    ["flags", { flags: table.AT_WORDS }],
    ["mask", { flags: table.STATX_WORDS }],
    ["buf", "pointer"],
  ],
  statfs: [
    ["path", "path"],
    ["buf", "pointer"],
  ],
  fstatfs: [
    ["fd", "fd"],
    ["buf", "pointer"],
  ],
  pipe2: [
    ["fds", "pointer"],
    ["flags", { flags: table.PIPE_WORDS }],
  ],
  dup: [["fd", "fd"]],
  dup3: [
    ["oldfd", "fd"],
    ["newfd", "fd"],
    ["flags", { flags: table.PIPE_WORDS }],
  ],
  fcntl: [
    ["fd", "fd"],
    ["op", { word: table.FCNTL_WORDS }],
    ["arg", "number"],
  ],
  ioctl: [
    ["fd", "fd"],
    ["op", { word: table.IOCTL_WORDS }],
    ["arg", "pointer"],
  ],
  flock: [
    ["fd", "fd"],
    ["op", "number"],
  ],
  mount: [
    ["source", "string"],
    ["target", "path"],
    ["type", "string"],
    ["flags", { flags: table.MS_WORDS }],
    ["data", "string"],
  ],
  umount2: [
    ["target", "path"],
    ["flags", { flags: table.UMOUNT_WORDS }],
  ],
  pivot_root: [
    ["new_root", "path"],
    ["put_old", "path"],
  ],
  chroot: [["path", "path"]],
  chdir: [["path", "path"]],
  fchdir: [["fd", "fd"]],
  getcwd: [
    ["buf", "pointer"],
    ["size", "size"],
  ],
  fsopen: [
    ["fsname", "string"],
    ["flags", { flags: table.FSOPEN_WORDS }],
  ],
  fspick: [
    ["dirfd", "fd"],
    ["path", "path"],
    ["flags", { flags: table.FSPICK_WORDS }],
  ],
  fsconfig: [
    ["fd", "fd"],
    ["cmd", { word: table.FSCONFIG_WORDS }],
    ["key", "string"],
    ["value", "string"],
    ["aux", "number"],
  ],
  fsmount: [
    ["fd", "fd"],
    ["flags", { flags: table.FSMOUNT_WORDS }],
    ["attr_flags", { flags: table.MOUNT_ATTR_WORDS }],
  ],
  move_mount: [
    ["from_dirfd", "fd"],
    ["from_path", "path"],
    ["to_dirfd", "fd"],
    ["to_path", "path"],
    ["flags", { flags: table.MOVE_MOUNT_WORDS }],
  ],
  open_tree: [
    ["dirfd", "fd"],
    ["path", "path"],
    ["flags", { flags: table.OPEN_TREE_WORDS }],
  ],
  mount_setattr: [
    ["dirfd", "fd"],
    ["path", "path"],
    ["flags", { flags: table.AT_WORDS }],
    ["attr", "pointer"],
    ["size", "size"],
  ],
  clone: [
    ["flags", "clone"],
    ["stack", "pointer"],
    ["parent_tid", "pointer"],
    ["child_tid", "pointer"],
    ["tls", "pointer"],
  ],
  clone3: [
    ["args", "pointer"],
    ["size", "size"],
  ],
  unshare: [["flags", { flags: table.CLONE_WORDS }]],
  setns: [
    ["fd", "fd"],
    ["nstype", { flags: table.CLONE_WORDS }],
  ],
  execve: [
    ["path", "path"],
    ["argv", "pointer"],
    ["envp", "pointer"],
  ],
  execveat: [
    ["dirfd", "fd"],
    ["path", "path"],
    ["argv", "pointer"],
    ["envp", "pointer"],
    ["flags", { flags: table.AT_WORDS }],
  ],
  wait4: [
    ["pid", "pid"],
    ["wstatus", "pointer"],
    ["options", { flags: table.WAIT_WORDS }],
    ["rusage", "pointer"],
  ],
  waitid: [
    ["idtype", { word: table.P_WORDS }],
    ["id", "id"],
    ["infop", "pointer"],
    ["options", { flags: table.WAIT_WORDS }],
    ["rusage", "pointer"],
  ],
  kill: [
    ["pid", "pid"],
    ["sig", "signal"],
  ],
  tgkill: [
    ["tgid", "pid"],
    ["tid", "pid"],
    ["sig", "signal"],
  ],
  pidfd_open: [
    ["pid", "pid"],
    ["flags", "hex"],
  ],
  pidfd_send_signal: [
    ["pidfd", "fd"],
    ["sig", "signal"],
    ["info", "pointer"],
    ["flags", "hex"],
  ],
  pidfd_getfd: [
    ["pidfd", "fd"],
    ["targetfd", "fd"],
    ["flags", "hex"],
  ],
  rt_sigprocmask: [
    ["how", { word: table.SIG_WORDS }],
    ["set", "pointer"],
    ["oldset", "pointer"],
    ["size", "size"],
  ],
  rt_sigaction: [
    ["sig", "signal"],
    ["act", "pointer"],
    ["oldact", "pointer"],
    ["size", "size"],
  ],
  rt_sigtimedwait: [
    ["set", "pointer"],
    ["info", "pointer"],
    ["timeout", "pointer"],
    ["size", "size"],
  ],
  signalfd4: [
    ["fd", "fd"],
    ["mask", "pointer"],
    ["size", "size"],
    ["flags", { flags: table.SFD_WORDS }],
  ],
  setitimer: [
    ["which", { word: table.ITIMER_WORDS }],
    ["new", "pointer"],
    ["old", "pointer"],
  ],
  prctl: [
    ["op", { word: table.PR_WORDS }],
    ["arg2", "number"],
    ["arg3", "number"],
    ["arg4", "number"],
    ["arg5", "number"],
  ],
  capset: [
    ["header", "pointer"],
    ["data", "pointer"],
  ],
  capget: [
    ["header", "pointer"],
    ["data", "pointer"],
  ],
  setgroups: [
    ["size", "size"],
    ["list", "pointer"],
  ],
  getgroups: [
    ["size", "size"],
    ["list", "pointer"],
  ],
  setresuid: [
    ["ruid", "id"],
    ["euid", "id"],
    ["suid", "id"],
  ],
  setresgid: [
    ["rgid", "id"],
    ["egid", "id"],
    ["sgid", "id"],
  ],
  setsid: [],
  setpgid: [
    ["pid", "pid"],
    ["pgid", "pid"],
  ],
  prlimit64: [
    ["pid", "pid"],
    ["resource", { word: RLIMITS }],
    ["new", "pointer"],
    ["old", "pointer"],
  ],
  umask: [["mask", "octal"]],
  sethostname: [
    ["name", "string"],
    ["len", "size"],
  ],
  setdomainname: [
    ["name", "string"],
    ["len", "size"],
  ],
  personality: [["persona", { flags: table.PERSONALITY_WORDS }]],
  ioprio_set: [
    ["which", { word: table.IOPRIO_WHO_WORDS }],
    ["who", "id"],
    ["ioprio", "hex"],
  ],
  sched_setattr: [
    ["pid", "pid"],
    ["attr", "pointer"],
    ["flags", "hex"],
  ],
  sched_setaffinity: [
    ["pid", "pid"],
    ["size", "size"],
    ["mask", "pointer"],
  ],
  setpriority: [
    ["which", { word: table.PRIO_WORDS }],
    ["who", "id"],
    ["prio", "number"],
  ],
  seccomp: [
    ["operation", { word: table.SECCOMP_WORDS }],
    ["flags", { flags: table.SECCOMP_FLAG_WORDS }],
    ["args", "pointer"],
  ],
  bpf: [
    ["cmd", { word: table.BPF_WORDS }],
    ["attr", "pointer"],
    ["size", "size"],
  ],
  keyctl: [
    ["op", { word: table.KEYCTL_WORDS }],
    ["arg2", "string"],
    ["arg3", "number"],
    ["arg4", "number"],
    ["arg5", "number"],
  ],
  set_mempolicy: [
    ["mode", "number"],
    ["nodemask", "pointer"],
    ["maxnode", "number"],
  ],
  memfd_create: [
    ["name", "string"],
    ["flags", { flags: table.MFD_WORDS }],
  ],
  getpid: [],
  getppid: [],
  gettid: [],
  getuid: [],
  geteuid: [],
  getgid: [],
  getegid: [],
  exit: [["status", "number"]],
  exit_group: [["status", "number"]],
  nanosleep: [
    ["duration", "pointer"],
    ["rem", "pointer"],
  ],
  ppoll: [
    ["fds", "pointer"],
    ["nfds", "size"],
    ["timeout", "pointer"],
    ["sigmask", "pointer"],
    ["sigsetsize", "size"],
  ],
  socket: [
    ["domain", { word: table.AF_WORDS }],
    ["type", "socket"],
    ["protocol", "number"],
  ],
  socketpair: [
    ["domain", { word: table.AF_WORDS }],
    ["type", "socket"],
    ["protocol", "number"],
    ["sv", "pointer"],
  ],
  connect: [
    ["fd", "fd"],
    ["addr", "pointer"],
    ["addrlen", "size"],
  ],
  sendto: [
    ["fd", "fd"],
    ["buf", "pointer"],
    ["len", "size"],
    ["flags", { flags: table.MSG_WORDS }],
    ["addr", "pointer"],
    ["addrlen", "size"],
  ],
  recvfrom: [
    ["fd", "fd"],
    ["buf", "pointer"],
    ["len", "size"],
    ["flags", { flags: table.MSG_WORDS }],
    ["addr", "pointer"],
    ["addrlen", "pointer"],
  ],
  sendmsg: [
    ["fd", "fd"],
    ["msg", "pointer"],
    ["flags", { flags: table.MSG_WORDS }],
  ],
  recvmsg: [
    ["fd", "fd"],
    ["msg", "pointer"],
    ["flags", { flags: table.MSG_WORDS }],
  ],
  shutdown: [
    ["fd", "fd"],
    ["how", "number"],
  ],
  mmap: [
    ["addr", "pointer"],
    ["length", "size"],
    ["prot", "hex"],
    ["flags", "hex"],
    ["fd", "fd"],
    ["offset", "number"],
  ],
  munmap: [
    ["addr", "pointer"],
    ["length", "size"],
  ],
  sendfile: [
    ["out_fd", "fd"],
    ["in_fd", "fd"],
    ["offset", "pointer"],
    ["count", "size"],
  ],
  copy_file_range: [
    ["fd_in", "fd"],
    ["off_in", "pointer"],
    ["fd_out", "fd"],
    ["off_out", "pointer"],
    ["len", "size"],
    ["flags", "hex"],
  ],
  getrandom: [
    ["buf", "pointer"],
    ["len", "size"],
    ["flags", "hex"],
  ],
  reboot: [
    ["magic", "hex"],
    ["magic2", "hex"],
    ["op", "hex"],
    ["arg", "pointer"],
  ],
  sync: [],
  sched_yield: [],
  rt_sigsuspend: [
    ["mask", "pointer"],
    ["size", "size"],
  ],
  epoll_create1: [["flags", "hex"]],
  eventfd2: [
    ["initval", "number"],
    ["flags", "hex"],
  ],
};

const VARIANTS: Partial<Readonly<Record<SyscallName, Variants>>> = {
  fcntl: {
    at: 1,
    rest: {
      [table.FCNTL_WORDS.F_GETFD]: [],
      [table.FCNTL_WORDS.F_SETFD]: [["arg", { flags: table.FD_WORDS }]],
      [table.FCNTL_WORDS.F_GETFL]: [],
      [table.FCNTL_WORDS.F_SETFL]: [["arg", "open"]],
      [table.FCNTL_WORDS.F_ADD_SEALS]: [["arg", { flags: table.SEAL_WORDS }]],
      [table.FCNTL_WORDS.F_GET_SEALS]: [],
    },
  },
  ioctl: {
    at: 1,
    rest: {
      [table.IOCTL_WORDS.TIOCSCTTY]: [["steal", "number"]],
      [table.IOCTL_WORDS.TIOCGPTPEER]: [["flags", "open"]],
    },
  },
  fsconfig: {
    at: 1,
    rest: {
      [table.FSCONFIG_WORDS.FSCONFIG_SET_FD]: [
        ["key", "string"],
        ["value", "pointer"],
        ["fd", "fd"],
      ],
    },
  },
  prctl: {
    at: 0,
    rest: {
      [table.PR_WORDS.PR_SET_PDEATHSIG]: [["sig", "signal"]],
      [table.PR_WORDS.PR_SET_NAME]: [["name", "string"]],
      [table.PR_WORDS.PR_CAPBSET_READ]: [["cap", "capability"]],
      [table.PR_WORDS.PR_CAPBSET_DROP]: [["cap", "capability"]],
      [table.PR_WORDS.PR_SET_SECUREBITS]: [["bits", { flags: table.SECBIT_WORDS }]],
      [table.PR_WORDS.PR_CAP_AMBIENT]: [
        ["op", { word: table.PR_CAP_AMBIENT_WORDS }],
        ["cap", "capability"],
      ],
    },
  },
};

/** The forms of the fields of structs, by the struct's C name; a field that is not here is a number. */
export const STRUCT_FORMS: Readonly<Record<string, Readonly<Record<string, Form>>>> = {
  open_how: { flags: "open", mode: "octal", resolve: { flags: table.RESOLVE_WORDS } },
  mount_attr: {
    attr_set: { flags: table.MOUNT_ATTR_WORDS },
    attr_clr: { flags: table.MOUNT_ATTR_WORDS },
    propagation: { flags: table.PROPAGATION_WORDS },
    userns_fd: "fd",
  },
  clone_args: {
    flags: { flags: table.CLONE_WORDS },
    pidfd: "pointer",
    child_tid: "pointer",
    parent_tid: "pointer",
    exit_signal: "signal",
    stack: "pointer",
    tls: "pointer",
    set_tid: "pointer",
    cgroup: "fd",
  },
  sched_attr: { sched_policy: { word: SCHED_POLICIES }, sched_flags: { flags: SCHED_FLAGS } },
  __user_cap_header_struct: { version: "hex", pid: "pid" },
  __user_cap_data_struct: { effective: "hex", permitted: "hex", inheritable: "hex" },
  sigaction: { sa_handler: "hex", sa_flags: "hex", sa_restorer: "pointer", sa_mask: "hex" },
  sigset_t: { bits: "hex" },
  sock_fprog: { filter: "pointer" },
};

/** What the calls without a signature of their own are printed by. */
const UNKNOWN: Signature = [
  ["arg1", "hex"],
  ["arg2", "hex"],
  ["arg3", "hex"],
  ["arg4", "hex"],
  ["arg5", "hex"],
  ["arg6", "hex"],
];

/**
 * The parameters of a call. `args` are its arguments as far as they are plain integers (others: undefined);
 * they decide between the variants of prctl, fcntl and the like.
 */
export function signatureOf(name: SyscallName, args: readonly unknown[]): Signature {
  const signature = SIGNATURES[name] ?? UNKNOWN;
  const variants = VARIANTS[name];
  const selector = variants === undefined ? undefined : args[variants.at];
  const rest = typeof selector === "number" ? variants?.rest[selector] : undefined;
  return variants === undefined || rest === undefined
    ? signature
    : [...signature.slice(0, variants.at + 1), ...rest];
}

const FILE_TYPES: table.Words = { S_IFREG, S_IFDIR, S_IFCHR, S_IFBLK, S_IFIFO, S_IFSOCK };

const octal = (value: bigint): string => (value === 0n ? "0" : `0${value.toString(8)}`);

const signed = (value: bigint): string => BigInt.asIntN(64, value).toString();

const hex = (value: bigint): string =>
  value >= 0n && value < 10n ? `${value}` : `0x${BigInt.asUintN(64, value).toString(16)}`;

/** A descriptor, pid or id is an int of C: 0xffffffff is −1 there. */
const int = (value: bigint): string => (value === 0xffffffffn ? "-1" : signed(value));

function openText(value: bigint, arch: Arch): string {
  const rest = table.words(value, table.openWords(arch));
  const reading = (value & 3n) === 0n && (value & BigInt(table.openWords(arch)["O_PATH"] ?? 0)) === 0n;
  if (!reading) return rest;
  return rest === "0" ? "O_RDONLY" : `O_RDONLY|${rest}`;
}

function cloneText(value: bigint): string {
  const signal = Number(value & 0xffn);
  const flags = value & ~0xffn;
  const parts = flags === 0n ? [] : [table.words(flags, table.CLONE_WORDS)];
  if (signal !== 0) parts.push(signalName(signal));
  return parts.length === 0 ? "0" : parts.join("|");
}

function socketText(value: bigint): string {
  const type = table.word(value & 0xfn, table.SOCK_WORDS);
  const flags = value & ~0xfn;
  return flags === 0n ? type : `${type}|${table.words(flags, table.SOCK_FLAG_WORDS)}`;
}

function modeText(value: bigint): string {
  const type = value & BigInt(S_IFMT);
  const bits = octal(value & ~BigInt(S_IFMT));
  return type === 0n ? bits : `${table.word(type, FILE_TYPES)}|${bits}`;
}

function deviceText(value: bigint): string {
  const { major, minor } = splitDevice(Number(value));
  return value === 0n ? "0" : `makedev(${major}, ${minor})`;
}

/** How an integer is written in each of the plain forms. */
const WRITERS: Readonly<Record<Extract<Form, string>, (value: bigint, arch: Arch) => string>> = {
  fd: (value) => (BigInt.asIntN(32, value) === -100n ? "AT_FDCWD" : int(value)),
  pid: int,
  id: int,
  size: signed,
  number: signed,
  path: (value) => (value === 0n ? "NULL" : hex(value)),
  string: (value) => (value === 0n ? "NULL" : hex(value)),
  pointer: (value) => (value === 0n ? "NULL" : hex(value)),
  hex,
  open: openText,
  octal,
  mode: modeText,
  device: deviceText,
  signal: (value) => (value === 0n ? "0" : signalName(Number(value))),
  capability: (value) => CAPABILITIES[Number(value)] ?? signed(value),
  clone: cloneText,
  socket: socketText,
};

/** An integer argument in its form: "AT_FDCWD", "O_RDONLY|O_CLOEXEC", "0755", "NULL". */
export function integerText(value: number | bigint, form: Form, arch: Arch): string {
  if (typeof form === "string") return WRITERS[form](BigInt(value), arch);
  if ("flags" in form) return table.words(value, form.flags);
  return table.word(value, form.word);
}
