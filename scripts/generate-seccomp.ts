/**
 * Makes src/plan/seccomp-program.ts: the default profile, compiled, for containers with capabilities that
 * open none of its groups. That is nearly every container, and compiling the profile costs more than
 * starting one.
 *
 *   bun scripts/generate-seccomp.ts
 */
import { join } from "node:path";
import { ARCHES } from "../src/linux/arch.ts";
import { compileSeccomp } from "../src/plan/seccomp.ts";
import { defaultSeccomp } from "../src/plan/seccomp-default.ts";
import { REFUSED_GROUPS } from "../src/plan/seccomp-groups.ts";

/** The text of the module. */
export function seccompModule(): string {
  const opening = [...new Set(REFUSED_GROUPS.flatMap(({ unless }) => unless ?? []))].sort();
  const programs = ARCHES.map((arch) => {
    const { program } = compileSeccomp(defaultSeccomp([], arch), arch);
    return `  ${arch}:\n    "${program.toBase64()}",`;
  });
  return [
    "// Made by `bun scripts/generate-seccomp.ts`; do not edit.",
    "",
    "/** The capabilities that open a group of the default profile. */",
    "export const OPENING: readonly string[] = [",
    ...opening.map((name) => `  "${name}",`),
    "];",
    "",
    "/** struct sock_filter[] in base64. */",
    "export const PROGRAMS = {",
    ...programs,
    "} as const;",
    "",
  ].join("\n");
}

if (import.meta.main) {
  await Bun.write(join(import.meta.dir, "../src/plan/seccomp-program.ts"), seccompModule());
}
