/**
 * Makes src/emit/routines.ts: the routines that every program has, assembled, because they do not depend on
 * the plan. Not by a macro: Bun runs none in a package that is installed.
 *
 *   bun scripts/generate-routines.ts
 */
import { join } from "node:path";
import { assembleRoutines } from "../src/emit/report-code.ts";
import { ARCHES } from "../src/linux/arch.ts";

const KINDS = ["print", "pipe"] as const;

/** The text of the module. */
export function routinesModule(): string {
  const tables = ARCHES.map((arch) => {
    const rows = KINDS.flatMap((kind) => {
      const { code, fixups, report, decimal } = assembleRoutines(arch, kind);
      return [
        `    ${kind}: {`,
        `      code: "${code}",`,
        `      fixups: [${fixups.join(", ")}],`,
        `      texts: ${kind === "print" ? "TEXTS" : '""'},`,
        `      report: ${report},`,
        `      decimal: ${decimal},`,
        "    },",
      ];
    });
    return [`  ${arch}: {`, ...rows, "  },"].join("\n");
  });
  return [
    "/**",
    " * Generated, do not edit: bun scripts/generate-routines.ts",
    " *",
    " * The routines that every program has (report-code.ts), assembled.",
    " */",
    'import type { Arch } from "../linux/arch.ts";',
    'import type { Report } from "./report.ts";',
    'import type { Routines } from "./report-code.ts";',
    "",
    "const TEXTS =",
    `  ${JSON.stringify(assembleRoutines("x86_64", "print").texts).replaceAll("\\u0000", "\\0")};`,
    "",
    "// biome-ignore format: a table",
    'export const ROUTINES: Readonly<Record<Arch, Readonly<Record<Report["kind"], Routines>>>> = {',
    ...tables,
    "};",
    "",
  ].join("\n");
}

if (import.meta.main) await Bun.write(join(import.meta.dir, "../src/emit/routines.ts"), routinesModule());
