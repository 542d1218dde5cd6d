/** An executable file in memory, for a program that was just made. */
import { HutchError } from "../linux/error.ts";
import { AT_FDCWD, F_ADD_SEALS, O_CLOEXEC, O_EXCL, O_RDONLY, O_RDWR, openFlags } from "../linux/fcntl.ts";
import { PROGRAM_FLAGS, PROGRAM_FLAGS_OLD, PROGRAM_MODE, PROGRAM_SEALS } from "../linux/memfd.ts";
import { close, open, write } from "./fd.ts";
import { hostArch } from "./libc.ts";
import { call, errnoOf, failed, syscall, syscallError } from "./syscall.ts";

const ST_NOEXEC = 0x8;

/**
 * A read-only, close-on-exec descriptor of an executable that nothing can change any more: a sealed memfd, or
 * an unnamed file where the system forbids executable memfds (vm.memfd_noexec = 2).
 */
export function executable(bytes: Uint8Array, name: string): number {
  const fd = createMemfd(name);
  return fd === undefined ? unnamedFile(bytes) : sealed(fd, bytes, name);
}

/** A new memfd, or undefined when the system refuses executable ones. */
function createMemfd(name: string): number | undefined {
  let fd = syscall("memfd_create", name, PROGRAM_FLAGS);
  if (failed(fd) && errnoOf(fd) === "EINVAL") fd = syscall("memfd_create", name, PROGRAM_FLAGS_OLD);
  if (!failed(fd)) return fd;
  const errno = errnoOf(fd);
  if (errno === "EACCES" || errno === "EPERM" || errno === "ENOSYS") return undefined;
  throw syscallError(`memfd_create ${name} (MFD_CLOEXEC|MFD_ALLOW_SEALING|MFD_EXEC)`, fd);
}

function sealed(fd: number, bytes: Uint8Array, name: string): number {
  try {
    write(fd, bytes, `memfd ${name}`);
    call(`fchmod memfd ${name}`, "fchmod", fd, PROGRAM_MODE);
    call(`seal memfd ${name}`, "fcntl", fd, F_ADD_SEALS, PROGRAM_SEALS);
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
    const writable = syscall("openat", AT_FDCWD, directory, flags, PROGRAM_MODE);
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
      call(`fchmod an unnamed file in ${directory}`, "fchmod", writable, PROGRAM_MODE);
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
