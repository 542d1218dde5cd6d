/**
 * Whether the entry program (src/plan/entry.ts) or Bun has done something is seen by giving the process no
 * memory but for its own executable: Bun cannot begin then.
 */
import { statSync } from "node:fs";
import { HUTCH } from "../support/hutch.ts";

export interface Ended {
  readonly code: number | null;
  readonly said: string;
}

/** More than the stack needs, and less than the C library. */
const SPARE_KIB = 1024;

export interface Special {
  readonly program?: string;
  readonly uid?: number;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** What a shell is told that executes its arguments in memory that Bun does not fit into. */
export const littleMemory = (): string => {
  const limit = Math.ceil(statSync(HUTCH).size / 1024) + SPARE_KIB;
  return `ulimit -c 0; ulimit -v ${limit}; exec "$0" "$@"`;
};

/** Runs hutch in memory that Bun does not fit into. */
export function withoutBun(words: readonly string[], { program = HUTCH, uid, env }: Special = {}): Ended {
  const { exitCode, stdout, stderr } = Bun.spawnSync(["sh", "-c", littleMemory(), program, ...words], {
    stdin: "ignore",
    timeout: 30_000,
    env: { ...process.env, ...env },
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  return { code: exitCode, said: `${stdout}${stderr}` };
}

export const DONE: Ended = { code: 0, said: "" };

/** What a process can tell of itself, but for the limits that withoutBun sets. */
export const SELF =
  "id; pwd; env; umask; ulimit -n; ls /proc/self/fd | wc -l; cat /proc/self/cgroup; " +
  "grep -E '^(Cap|NoNewPrivs|Seccomp:|Sig[PBIC]|Shd)' /proc/self/status; grep -Ev 'address|core' /proc/self/limits; " +
  "for each in cgroup ipc mnt net pid user uts; do readlink /proc/self/ns/$each; done; exit 3";
