import { HutchError } from "./error.ts";

/** The instruction sets hutch makes programs for, named as `uname -m` names them. */
export type Arch = "x86_64" | "aarch64";

/** Every Arch. */
export const ARCHES = ["x86_64", "aarch64"] as const satisfies readonly Arch[];

/**
 * The names by which other vocabularies call them: Bun's `process.arch`, GOARCH of OCI images, `uname
 * -m`.
 */
const ALIASES: Readonly<Record<string, Arch>> = {
  x86_64: "x86_64",
  x64: "x86_64",
  amd64: "x86_64",
  aarch64: "aarch64",
  arm64: "aarch64",
};

/** The `architecture` of an OCI image that runs on an Arch. */
export const OCI_ARCH = { x86_64: "amd64", aarch64: "arm64" } as const satisfies Record<Arch, string>;

/** An Arch by any of its names; throws HutchError for an architecture hutch does not know. */
export function archNamed(name: string): Arch {
  const arch = Object.hasOwn(ALIASES, name) ? ALIASES[name] : undefined;
  if (arch === undefined) {
    throw new HutchError({
      operation: `architecture "${name}"`,
      reason: "is not supported",
      hint: "hutch runs on x86_64 and aarch64",
    });
  }
  return arch;
}
