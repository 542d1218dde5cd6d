/** The process of an `exec` that is described on the command line: the container's own, with changes. */
import type { Capabilities } from "./capability.ts";
import type { Process } from "./process.ts";

export interface ExecWishes {
  readonly args: readonly string[];
  readonly terminal: boolean;
  readonly cwd: string | undefined;
  /** NAME=VALUE, added. */
  readonly env: readonly string[];
  readonly user: { readonly uid: number; readonly gid: number | undefined } | undefined;
  /** Added. */
  readonly groups: readonly number[];
  /** By their full names, added. */
  readonly capabilities: readonly string[];
  readonly apparmorProfile: string | undefined;
  readonly selinuxLabel: string | undefined;
  readonly noNewPrivileges: boolean;
}

const union = (list: readonly string[] | undefined, more: readonly string[]): string[] => [
  ...new Set([...(list ?? []), ...more]),
];

/** Of a variable that is given twice the later value counts. */
export function mergeEnv(env: readonly string[]): string[] {
  const byName = new Map(env.map((entry) => [entry.slice(0, entry.indexOf("=")), entry]));
  return [...byName.values()];
}

/** A user that is not root keeps over the exec what is ambient, and nothing else (capabilities(7)). */
function addCapabilities(
  sets: Capabilities | undefined,
  more: readonly string[],
  isRoot: boolean,
): Capabilities {
  const added = { bounding: more, permitted: more, effective: more };
  const all = isRoot ? added : { ...added, inheritable: more, ambient: more };
  const result = { ...sets };
  for (const [set, names] of Object.entries(all)) {
    if (isSet(set)) result[set] = union(sets?.[set], names);
  }
  return result;
}

const isSet = (name: string): name is keyof Capabilities =>
  ["bounding", "permitted", "effective", "inheritable", "ambient"].includes(name);

/** The process of the container's configuration, changed as it is wished; what is not named stays. */
export function changeProcess(own: Process, wishes: ExecWishes): Process {
  const { args, terminal, cwd, env, user, groups, capabilities, apparmorProfile, selinuxLabel } = wishes;
  const { consoleSize: _, ...rest } = own;
  const uid = user?.uid ?? own.user?.uid ?? 0;
  return {
    ...rest,
    args: [...args],
    terminal,
    env: mergeEnv([...(own.env ?? []), ...env]),
    user: {
      ...own.user,
      uid,
      gid: user?.gid ?? own.user?.gid ?? 0,
      additionalGids: [...(own.user?.additionalGids ?? []), ...groups],
    },
    ...(cwd === undefined ? {} : { cwd }),
    ...(capabilities.length === 0
      ? {}
      : { capabilities: addCapabilities(own.capabilities, capabilities, uid === 0) }),
    ...(apparmorProfile === undefined ? {} : { apparmorProfile }),
    ...(selinuxLabel === undefined ? {} : { selinuxLabel }),
    ...(wishes.noNewPrivileges ? { noNewPrivileges: true } : {}),
  };
}
