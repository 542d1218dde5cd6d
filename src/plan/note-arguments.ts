/**
 * What hutch and the launcher of `run` agree on. Apart from the plan, because a program that was kept is
 * handed the same without being planned.
 */

/** Files, by the arguments after the program's name and the container's. */
export const PATHS = ["report", "pid", "record", "directory", "oom", "new pid file", "pid file"] as const;
export type Path = (typeof PATHS)[number];
export const FIRST_ARGUMENT = 2;

/**
 * The arguments of a program that takes notes: those up to the first that is missing. The report is counted
 * also where there is none: its program does not look there.
 */
export function noteArguments(paths: Readonly<Partial<Record<Path, string>>>): string[] {
  const all = PATHS.map((name) => paths[name]);
  const end = all.indexOf(undefined, 1);
  const given = all.slice(0, end < 0 ? all.length : end).map((path) => path ?? "");
  return given.length === 1 && paths.report === undefined ? [] : given;
}

/** What the reaper of --init is called in /proc/PID/comm: it tells that the container is made. */
export const REAPER_NAME = "hutch-init";
