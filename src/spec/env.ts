import type { Refuse } from "./rule.ts";

/** Every entry of an environment is `NAME=value` with a name (POSIX environ). */
export function checkEnv(env: readonly string[] | undefined, path: string, refuse: Refuse): void {
  for (const [index, entry] of (env ?? []).entries()) {
    if (entry.indexOf("=") < 1) refuse(`${path}[${index}]`, "NAME=value", entry);
  }
}
