/** The filter of linux.seccomp. The compiler and its tables are loaded by those alone who need them. */
import type { Arch } from "../linux/arch.ts";
import type { Filter, Host } from "../plan/context.ts";
import type { Seccomp } from "../spec/seccomp.ts";
import type { Spec } from "../spec/spec.ts";

/** By architecture and profile: containers that differ in commands and limits have the same. */
const known = new Map<string, Filter>();
const MOST_KNOWN = 16;

/** Equal keys are equal profiles; undefined for one with values that JSON has no words for. */
function keyOf(profile: Seccomp, arch: Arch): string | undefined {
  for (const { args = [] } of profile.syscalls ?? []) {
    for (const { value, valueTwo } of args)
      if (typeof value === "bigint" || typeof valueTwo === "bigint") return undefined;
  }
  return JSON.stringify([arch, profile]);
}

/** Throws HutchError for a profile that cannot be compiled (plan/seccomp.ts). */
export async function compileFilter({ linux }: Spec, { arch }: Host): Promise<Filter | undefined> {
  if (linux?.seccomp === undefined) return undefined;
  const key = keyOf(linux.seccomp, arch);
  const found = key === undefined ? undefined : known.get(key);
  if (found !== undefined) return found;
  const { compileSeccomp } = await import("../plan/seccomp.ts");
  const { program, flags } = compileSeccomp(linux.seccomp, arch);
  const filter: Filter = { program, flags };
  if (key === undefined) return filter;
  if (known.size >= MOST_KNOWN) known.clear();
  known.set(key, filter);
  return filter;
}
