/** The ABIs a kernel serves, as a seccomp filter tells them apart. */
import type { Arch } from "../linux/arch.ts";
import {
  AUDIT_ARCH_AARCH64,
  AUDIT_ARCH_ARM,
  AUDIT_ARCH_I386,
  AUDIT_ARCH_X86_64,
  X32_SYSCALL_BIT,
} from "../linux/seccomp.ts";
import { SYSCALLS } from "../linux/syscall.ts";
import { SYSCALLS_COMPAT } from "../linux/syscall-compat.ts";
import type { SeccompArchitecture } from "../spec/seccomp.ts";

/** A call that is one of several behind one number: its selector is the first argument of the multiplexer. */
export interface Multiplexer {
  readonly name: string;
  /** The bits of the first argument that select. */
  readonly mask: bigint;
  /** Names to selectors. */
  readonly calls: Readonly<Record<string, number>>;
}

export interface Abi {
  readonly architecture: SeccompArchitecture;
  /** `arch` of struct seccomp_data. */
  readonly audit: number;
  /** System call numbers by name, as they appear in `nr` of struct seccomp_data. */
  readonly numbers: Readonly<Record<string, number>>;
  /** Arguments have 32 bits: only the low words are compared, as libseccomp does. */
  readonly narrow: boolean;
  /** Numbers from here on are not in order of age: arm's private calls, the second copies of x32. */
  readonly unordered: number;
  readonly multiplexers: readonly Multiplexer[];
}

/** linux/net.h. The calls without a direct number on i386 (send, recv, accept) are reached in no other way. */
const SOCKETCALL: Multiplexer = {
  name: "socketcall",
  mask: 0xffffffffn,
  calls: {
    socket: 1,
    bind: 2,
    connect: 3,
    listen: 4,
    accept: 5,
    getsockname: 6,
    getpeername: 7,
    socketpair: 8,
    send: 9,
    recv: 10,
    sendto: 11,
    recvfrom: 12,
    shutdown: 13,
    setsockopt: 14,
    getsockopt: 15,
    sendmsg: 16,
    recvmsg: 17,
    accept4: 18,
    recvmmsg: 19,
    sendmmsg: 20,
  },
};

/** linux/ipc.h; the high half of the selector is a version of the interface. */
const IPC: Multiplexer = {
  name: "ipc",
  mask: 0xffffn,
  calls: {
    semop: 1,
    semget: 2,
    semctl: 3,
    semtimedop: 4,
    msgsnd: 11,
    msgrcv: 12,
    msgget: 13,
    msgctl: 14,
    shmat: 21,
    shmdt: 22,
    shmget: 23,
    shmctl: 24,
  },
};

const NONE = 0x100000000;

const ABIS: Readonly<Record<Arch, readonly Abi[]>> = {
  x86_64: [
    {
      architecture: "SCMP_ARCH_X86_64",
      audit: AUDIT_ARCH_X86_64,
      numbers: SYSCALLS.x86_64,
      narrow: false,
      unordered: NONE,
      multiplexers: [],
    },
    {
      architecture: "SCMP_ARCH_X86",
      audit: AUDIT_ARCH_I386,
      numbers: SYSCALLS_COMPAT.i386,
      narrow: true,
      unordered: NONE,
      multiplexers: [SOCKETCALL, IPC],
    },
    {
      architecture: "SCMP_ARCH_X32",
      audit: AUDIT_ARCH_X86_64,
      numbers: SYSCALLS_COMPAT.x32,
      // The registers of x32 have 64 bits, and many of its calls are those of x86_64: compare all of them.
      narrow: false,
      unordered: X32_SYSCALL_BIT + 512,
      multiplexers: [],
    },
  ],
  aarch64: [
    {
      architecture: "SCMP_ARCH_AARCH64",
      audit: AUDIT_ARCH_AARCH64,
      numbers: SYSCALLS.aarch64,
      narrow: false,
      unordered: NONE,
      multiplexers: [],
    },
    {
      architecture: "SCMP_ARCH_ARM",
      audit: AUDIT_ARCH_ARM,
      numbers: SYSCALLS_COMPAT.arm,
      narrow: true,
      unordered: 0xf0000,
      multiplexers: [],
    },
  ],
};

/** What a kernel of this architecture may serve; the native ABI first. */
export function abisOf(arch: Arch): readonly Abi[] {
  return ABIS[arch];
}
