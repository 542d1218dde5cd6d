/**
 * Takes from a Bun executable the environment variables that would let whoever sets them run code of their
 * own in hutch, turn hutch into the Bun command line, or make it write files.
 */

/** The names as they stand in the executable; a name covers every longer one that starts with it. */
export const NEUTRALISED = [
  "BUN_BE_BUN",
  "BUN_OPTIONS",
  "BUN_BYTECODE_ORDER_OUT",
  "BUN_BYTECODE_ORDER_NAMES_OUT",
  "BUN_BYTECODE_DIGEST_OUT",
  "BUN_INSPECT",
  // Kills the descendants when Bun ends: detached containers among them.
  "BUN_FEATURE_FLAG_NO_ORPHANS",
] as const;

/**
 * Overwrites the first byte of every occurrence by NUL, in place: no environment entry holds a NUL, so no
 * entry can match any more. Throws when a name is missing, because the executable then reads another name.
 */
export function neutralise(program: Uint8Array): void {
  const view = Buffer.from(program.buffer, program.byteOffset, program.byteLength);
  for (const name of NEUTRALISED) {
    let at = view.indexOf(name, 0, "latin1");
    if (at < 0) throw new Error(`neutralise: ${name} is not in the executable; hint: has Bun renamed it?`);
    for (; at >= 0; at = view.indexOf(name, at + 1, "latin1")) view[at] = 0;
  }
}
