/** The sources of `--bind`: paths of the caller's machine, where a typo is likelier than anything else. */
import type { Look } from "../host/look.ts";
import { listDirectory } from "../host/path.ts";
import { HutchError } from "../linux/error.ts";
import { mountOption } from "../linux/mount-option.ts";
import { all, type Given } from "./given.ts";
import { nearest } from "./nearest.ts";
import { parseBind, parseTmpfs } from "./value.ts";

/** A relative source starts at the caller's directory, which the plan may leave before it is opened. */
export const absoluteSource = (source: string, here: string): string =>
  source.startsWith("/")
    ? source
    : `${here === "/" ? "" : here}/${source.replace(/^(\.\/+)+/, "")}`.replace(/(.)\/\.?$/, "$1");

/** The names in a directory; none where it cannot be read. */
function namesIn(directory: string): string[] {
  try {
    return listDirectory(directory).map(({ name }) => name);
  } catch (error) {
    if (error instanceof HutchError) return [];
    throw error;
  }
}

/** The path with its first missing name replaced by the one that is likely meant; undefined without one. */
function meantPath(path: string, look: Look): string | undefined {
  const names = path.split("/").filter((name) => name !== "");
  let above = "";
  for (const name of names) {
    if (look("kind", `${above}/${name}`) === undefined) {
      const meant = nearest(name, namesIn(above === "" ? "/" : above));
      return meant === undefined ? undefined : `${above}/${meant}`;
    }
    above += `/${name}`;
  }
  return undefined;
}

/** Options of docker's volumes, which ask for labels. */
const LABELS = ["z", "Z"];

/** Words of a bind that are not of its own: those of a file system, as sync is, and what hutch cannot do. */
function isOfBinds(word: string): boolean {
  const option = mountOption(word);
  if (option?.kind === "super") return !option.set || option.word === undefined;
  if (option?.kind === "extension") return option.name === "tmpcopyup" || option.name === "defaults";
  return option !== undefined;
}

const KIND_OF_BINDS: readonly string[] = ["bind", "idmap"];

/** The plan knows no command line, and would name the mount by its number. */
function refuseWord(option: string, expected: string, word: string | undefined, hint?: string): void {
  if (word === undefined) return;
  throw new HutchError({
    operation: option,
    reason: `expected ${expected}, received ${JSON.stringify(word)}`,
    hint: LABELS.includes(word) ? "the labels of SELinux are those of bundles" : hint,
  });
}

/** Throws a HutchError for options of mounts that cannot be meant; `mapsIds`: in a user namespace. */
export function checkOptions(given: Given, mapsIds: boolean): void {
  for (const text of all(given, "tmpfs")) {
    const { options = [] } = parseTmpfs("tmpfs", text);
    const word = options.find((each) => KIND_OF_BINDS.includes(mountOption(each)?.kind ?? ""));
    refuseWord(`--tmpfs ${text}`, "an option of tmpfs", word);
  }
  for (const text of all(given, "bind")) {
    const { options = [] } = parseBind("bind", text);
    const option = `--bind ${text}`;
    refuseWord(
      option,
      "an option of bind mounts",
      options.find((word) => !isOfBinds(word)),
    );
    if (mapsIds) continue;
    const idmap = options.find((word) => mountOption(word)?.kind === "idmap");
    refuseWord(option, "id maps for it", idmap, "--uid-map and --gid-map");
  }
}

/** Throws a HutchError for a source that is not there, with the one that is likely meant. */
export function requireSources(given: Given, here: string, look: Look): void {
  for (const text of all(given, "bind")) {
    const { source } = parseBind("bind", text);
    const path = absoluteSource(source, here);
    if (look("kind", path) !== undefined) continue;
    const meant = meantPath(path, look);
    throw new HutchError({
      operation: `--bind ${text}`,
      reason: `source ${path}`,
      errno: "ENOENT",
      hint: source.startsWith("~/")
        ? `the shell replaces no ~ here: $HOME${source.slice(1)}`
        : meant === undefined
          ? "a bind needs a source: a file or a directory of this machine"
          : `did you mean ${meant}?`,
    });
  }
}
