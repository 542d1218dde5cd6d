/** Directories in the place of the command: of who takes another word for WHERE than hutch does. */
import type { Look } from "../host/look.ts";
import { type Given, last, usageError } from "./given.ts";

/** True when a word in the place of the command is the path of a directory, which no program is. */
export const isDirectoryPath = (word: string | undefined, look: Look): word is string =>
  word !== undefined && /^\.{1,2}$|\//.test(word) && look("kind", word) === "directory";

/**
 * Throws a HutchError for `--overlay LAYER WHERE`. The value of --overlay may be left out, so only
 * --overlay=LAYER has one.
 */
export function refuseLayerAsRoot(given: Given, where: string, look: Look): void {
  const [layer = "", command] = given.words;
  // Programs of the host's own root are no directories of the host; no look is needed for them.
  if (last(given, "overlay") !== "" || where === "/" || !isDirectoryPath(command, look)) return;
  const inside = command.startsWith("/") ? command : `${last(given, "workdir") ?? ""}/${command}`;
  if (look("kind", `${where}${inside}`) === "file") return;
  throw usageError(
    given.command,
    `${command} is a directory, expected a command after WHERE ${layer}`,
    `if the writes are to be kept in ${layer}: --overlay=${layer} ${command}`,
  );
}
