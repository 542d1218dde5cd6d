/** The one id that a command takes. */
import { checkId } from "../container/store.ts";
import { HutchError } from "../linux/error.ts";
import { type Given, usageError } from "./option.ts";

/** Commands that make the container of a bundle: others take the root, or an image, and a command there. */
const MAKERS = ["run", "create"];

/** Throws a HutchError for no id, for several, and for one that none can have. */
export function oneId({ command, words }: Given): string {
  const [id, ...more] = words;
  if (id === undefined) throw usageError(command, "expected the container's ID");
  const isMaker = MAKERS.includes(command);
  if (more.length > 0) {
    const hint = isMaker
      ? "the command stands in config.json; without a bundle: hutch in DIR COMMAND"
      : undefined;
    throw usageError(command, `expected one ID, received ${words.join(" ")}`, hint);
  }
  if (isMaker && /^(\.\.?(\/|$)|\/)/.test(id))
    throw new HutchError({
      operation: `container id ${id}`,
      reason: "expected a name, received a path",
      hint: `hutch ${command} --bundle ${id} NAME`,
    });
  checkId(id);
  return id;
}
