/** --preserve-fds N, of all commands that hand descriptors on. */
import { MOST_PRESERVED } from "../container/preserve.ts";
import { parseWhole } from "./number.ts";
import { type Given, last, usageError } from "./option.ts";

/** How many; throws a HutchError for what is no number, and for more than lie below those of hutch's own. */
export function preserveFdsOf(given: Given): number {
  const count = parseWhole("preserve-fds", last(given, "preserve-fds") ?? "0");
  if (count <= MOST_PRESERVED) return count;
  throw usageError(given.command, `--preserve-fds ${count}: expected at most ${MOST_PRESERVED}`);
}
