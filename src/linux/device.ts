/**
 * What every container's /dev holds (OCI runtime-spec, config-linux.md, "Default Devices" and "Dev symbolic
 * links").
 */

/** A device node; the numbers are those of the kernel's Documentation/admin-guide/devices.txt. */
export interface DefaultDevice {
  readonly path: string;
  readonly type: "c";
  readonly major: number;
  readonly minor: number;
  /** Permission bits. */
  readonly mode: number;
}

/** /dev/console is only there with a terminal, and /dev/ptmx is a link. */
export const DEFAULT_DEVICES = [
  { path: "/dev/null", type: "c", major: 1, minor: 3, mode: 0o666 },
  { path: "/dev/zero", type: "c", major: 1, minor: 5, mode: 0o666 },
  { path: "/dev/full", type: "c", major: 1, minor: 7, mode: 0o666 },
  { path: "/dev/random", type: "c", major: 1, minor: 8, mode: 0o666 },
  { path: "/dev/urandom", type: "c", major: 1, minor: 9, mode: 0o666 },
  { path: "/dev/tty", type: "c", major: 5, minor: 0, mode: 0o666 },
] as const satisfies readonly DefaultDevice[];

/** A symlink of /dev. */
export interface DeviceLink {
  readonly path: string;
  readonly target: string;
  /** Made only if this exists on the host. */
  readonly when?: string;
}

export const DEFAULT_DEVICE_LINKS = [
  { path: "/dev/fd", target: "/proc/self/fd" },
  { path: "/dev/stdin", target: "/proc/self/fd/0" },
  { path: "/dev/stdout", target: "/proc/self/fd/1" },
  { path: "/dev/stderr", target: "/proc/self/fd/2" },
  { path: "/dev/core", target: "/proc/kcore", when: "/proc/kcore" },
  { path: "/dev/ptmx", target: "pts/ptmx" },
] as const satisfies readonly DeviceLink[];

/** Numbers that device rules of cgroups need: pty masters and the range of their slaves. */
export const PTMX_DEVICE = { major: 5, minor: 2 } as const;
export const CONSOLE_DEVICE = { major: 5, minor: 1 } as const;
/** Unix 98 pty slaves have eight majors, 136 to 143; the first covers 256 of them, the rest stay unused. */
export const PTS_MAJOR = 136;
