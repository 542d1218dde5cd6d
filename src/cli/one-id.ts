/** The one id that a command takes. */
import { checkId } from "../container/store.ts";
import { type Given, usageError } from "./option.ts";

/** Throws a HutchError for no id, for several, and for one that none can have. */
export function oneId({ command, words }: Given): string {
  const [id, ...more] = words;
  if (id === undefined) throw usageError(command, "expected the container's ID");
  if (more.length > 0) throw usageError(command, `expected one ID, received ${words.join(" ")}`);
  checkId(id);
  return id;
}
