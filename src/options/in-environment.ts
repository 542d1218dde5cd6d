/** The environment of a container of `hutch in`. */
import { DEFAULT_PATH } from "../plan/exec.ts";
import { all, type Given, has } from "./given.ts";
import { parsePair } from "./value.ts";

/** The caller's environment, unless --clear-env, with what --env sets. */
export function environmentOf(given: Given, caller: Readonly<Record<string, string | undefined>>): string[] {
  const result = new Map<string, string>();
  if (!has(given, "clear-env")) {
    for (const [name, value] of Object.entries(caller)) if (value !== undefined) result.set(name, value);
  }
  if (!result.has("PATH")) result.set("PATH", DEFAULT_PATH);
  // The convention by which programs ask whether they are in a container (systemd's container interface).
  result.set("container", "hutch");
  for (const text of all(given, "env")) result.set(...parsePair("env", text));
  const list: string[] = [];
  for (const [name, value] of result) list.push(`${name}=${value}`);
  return list;
}
