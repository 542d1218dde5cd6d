/** An executable file in memory, for a program that was just made. */
import { HutchError } from "../linux/error.ts";
import {
  AT_FDCWD,
  F_ADD_SEALS,
  F_SEAL_GROW,
  F_SEAL_SEAL,
  F_SEAL_SHRINK,
  F_SEAL_WRITE,
  MFD_ALLOW_SEALING,
  MFD_CLOEXEC,
  MFD_EXEC,
  O_CLOEXEC,
  O_EXCL,
  O_RDONLY,
  O_RDWR,
  openFlags,
} from "../linux/fcntl.ts";
import { close, open, write } from "./fd.ts";
import { hostArch } from "./libc.ts";
import { call, errnoOf, failed, syscall, syscallError } from "./syscall.ts";

const MODE = 0o500;
const ST_NOEXEC = 0x8;

/**
 * A read-only, close-on-exec descriptor of an executable that nothing can change any more: a sealed memfd, or
 * an unnamed file where the system forbids executable memfds (vm.memfd_noexec = 2).
 *
 * F_SEAL_EXEC is left out: it would forbid to take the execute bits away later, which the program does.
 */
export function executable(bytes: Uint8Array, name: string): number {
  const fd = createMemfd(name);
  return fd === undefined ? unnamedFile(bytes) : sealed(fd, bytes, name);
}

/** A new memfd, or undefined when the system refuses executable ones. */
function createMemfd(name: string): number | undefined {
  const flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  let fd = syscall("memfd_create", name, flags | MFD_EXEC);
  // A kernel before 6.3 does not know MFD_EXEC, and has only executable memfds.
  if (failed(fd) && errnoOf(fd) === "EINVAL") fd = syscall("memfd_create", name, flags);
  if (!failed(fd)) return fd;
  const errno = errnoOf(fd);
  if (errno === "EACCES" || errno === "EPERM" || errno === "ENOSYS") return undefined;
  throw syscallError(`memfd_create ${name} (MFD_CLOEXEC|MFD_ALLOW_SEALING|MFD_EXEC)`, fd);
}

function sealed(fd: number, bytes: Uint8Array, name: string): number {
  try {
    write(fd, bytes, `memfd ${name}`);
    call(`fchmod memfd ${name}`, "fchmod", fd, MODE);
    const seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
    call(`seal memfd ${name}`, "fcntl", fd, F_ADD_SEALS, seals);
    return fd;
  } catch (error) {
    close(fd);
    throw error;
  }
}

/** Directories on file systems in memory first; the last resort is whatever /tmp is. */
function directories(): readonly string[] {
  const { XDG_RUNTIME_DIR: runtime } = process.env;
  const rest = ["/run", "/dev/shm", "/tmp"];
  return runtime === undefined || !runtime.startsWith("/") ? rest : [runtime, ...rest];
}

/** A file without a name in the first directory whose file system allows that and is not mounted noexec. */
function unnamedFile(bytes: Uint8Array): number {
  const tried: string[] = [];
  for (const directory of directories()) {
    const flags = openFlags(hostArch()).O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC;
    const writable = syscall("openat", AT_FDCWD, directory, flags, MODE);
    if (failed(writable)) {
      tried.push(`${directory} (${errnoOf(writable)})`);
      continue;
    }
    try {
      if (mountedNoexec(writable)) {
        tried.push(`${directory} (noexec)`);
        continue;
      }
      write(writable, bytes, `an unnamed file in ${directory}`);
      // The umask has cut the mode open was given.
      call(`fchmod an unnamed file in ${directory}`, "fchmod", writable, MODE);
      return open(`/proc/self/fd/${writable}`, O_RDONLY);
    } finally {
      // A file that is open for writing cannot be executed (ETXTBSY).
      close(writable);
    }
  }
  throw new HutchError({
    operation: "make an executable",
    reason: `memfd_create was refused, and so was a file in ${tried.join(", ")}`,
    hint: "set vm.memfd_noexec to 0 or 1, or mount one of these directories without noexec",
  });
}

/** Whether programs cannot be executed from the mount an open file is on. */
function mountedNoexec(fd: number): boolean {
  const status = new DataView(new ArrayBuffer(120));
  call(`statfs descriptor ${fd}`, "fstatfs", fd, new Uint8Array(status.buffer));
  // struct statfs of both architectures: f_flags follows ten 8-byte words.
  return (status.getUint32(80, true) & ST_NOEXEC) !== 0;
}
