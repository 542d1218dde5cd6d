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

/** A call that is one of several behind one number; the first argument of that one selects it. */
export interface Multiplexed {
  /** The name of the multiplexer. */
  readonly through: "socketcall" | "ipc";
  readonly selector: number;
}

/** The bits of the first argument that select; the high half of ipc's is a version of the interface. */
export const SELECTOR_MASKS = { socketcall: 0xffffffffn, ipc: 0xffffn } as const;

export interface Abi {
  readonly architecture: SeccompArchitecture;
  /** `arch` of struct seccomp_data. */
  readonly audit: number;
  /** System call numbers by name, as they appear in `nr` of struct seccomp_data. */
  readonly numbers: Readonly<Record<string, number>>;
  /** Arguments have 32 bits: only the low words are compared, as libseccomp does. */
  readonly narrow: boolean;
  /**
   * Where numbers may lie, from the first to behind the last. The first span is in order of age; the others
   * are not: arm's private calls, the second copies of x32.
   */
  readonly spans: readonly (readonly [start: number, end: number])[];
  readonly multiplexed: Readonly<Record<string, Multiplexed>> | undefined;
}

/** linux/net.h and linux/ipc.h. Some of them (send, recv, accept, semop) i386 reaches in no other way. */
const I386_MULTIPLEXED: Readonly<Record<string, Multiplexed>> = {
  socket: { through: "socketcall", selector: 1 },
  bind: { through: "socketcall", selector: 2 },
  connect: { through: "socketcall", selector: 3 },
  listen: { through: "socketcall", selector: 4 },
  accept: { through: "socketcall", selector: 5 },
  getsockname: { through: "socketcall", selector: 6 },
  getpeername: { through: "socketcall", selector: 7 },
  socketpair: { through: "socketcall", selector: 8 },
  send: { through: "socketcall", selector: 9 },
  recv: { through: "socketcall", selector: 10 },
  sendto: { through: "socketcall", selector: 11 },
  recvfrom: { through: "socketcall", selector: 12 },
  shutdown: { through: "socketcall", selector: 13 },
  setsockopt: { through: "socketcall", selector: 14 },
  getsockopt: { through: "socketcall", selector: 15 },
  sendmsg: { through: "socketcall", selector: 16 },
  recvmsg: { through: "socketcall", selector: 17 },
  accept4: { through: "socketcall", selector: 18 },
  recvmmsg: { through: "socketcall", selector: 19 },
  sendmmsg: { through: "socketcall", selector: 20 },
  semop: { through: "ipc", selector: 1 },
  semget: { through: "ipc", selector: 2 },
  semctl: { through: "ipc", selector: 3 },
  semtimedop: { through: "ipc", selector: 4 },
  msgsnd: { through: "ipc", selector: 11 },
  msgrcv: { through: "ipc", selector: 12 },
  msgget: { through: "ipc", selector: 13 },
  msgctl: { through: "ipc", selector: 14 },
  shmat: { through: "ipc", selector: 21 },
  shmdt: { through: "ipc", selector: 22 },
  shmget: { through: "ipc", selector: 23 },
  shmctl: { through: "ipc", selector: 24 },
};

const ABIS: Readonly<Record<Arch, readonly Abi[]>> = {
  x86_64: [
    {
      architecture: "SCMP_ARCH_X86_64",
      audit: AUDIT_ARCH_X86_64,
      numbers: SYSCALLS.x86_64,
      narrow: false,
      spans: [[0, 512]],
      multiplexed: undefined,
    },
    {
      architecture: "SCMP_ARCH_X86",
      audit: AUDIT_ARCH_I386,
      numbers: SYSCALLS_COMPAT.i386,
      narrow: true,
      spans: [[0, 512]],
      multiplexed: I386_MULTIPLEXED,
    },
    {
      architecture: "SCMP_ARCH_X32",
      audit: AUDIT_ARCH_X86_64,
      numbers: SYSCALLS_COMPAT.x32,
      // The registers of x32 have 64 bits, and many of its calls are those of x86_64: compare all of them.
      narrow: false,
      spans: [
        [X32_SYSCALL_BIT, X32_SYSCALL_BIT + 512],
        [X32_SYSCALL_BIT + 512, X32_SYSCALL_BIT + 576],
      ],
      multiplexed: undefined,
    },
  ],
  aarch64: [
    {
      architecture: "SCMP_ARCH_AARCH64",
      audit: AUDIT_ARCH_AARCH64,
      numbers: SYSCALLS.aarch64,
      narrow: false,
      spans: [[0, 512]],
      multiplexed: undefined,
    },
    {
      architecture: "SCMP_ARCH_ARM",
      audit: AUDIT_ARCH_ARM,
      numbers: SYSCALLS_COMPAT.arm,
      narrow: true,
      spans: [
        [0, 512],
        [0xf0000, 0xf0010],
      ],
      multiplexed: undefined,
    },
  ],
};

/** What a kernel of this architecture may serve; the native ABI first. */
export function abisOf(arch: Arch): readonly Abi[] {
  return ABIS[arch];
}
