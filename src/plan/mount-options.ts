/** The words of `mounts[].options`, sorted into what each part of a mount needs (OCI config, "Mounts"). */
import { HutchError } from "../linux/error.ts";
import { mountOption } from "../linux/mount-option.ts";
import type { Mount } from "../spec/spec.ts";

export interface Attributes {
  readonly set: number;
  readonly clear: number;
}

export interface MountOptions {
  readonly bind: { readonly recursive: boolean } | undefined;
  readonly attributes: Attributes;
  readonly recursiveAttributes: Attributes;
  readonly propagation: readonly { readonly flag: number; readonly recursive: boolean }[];
  readonly idmap: { readonly recursive: boolean } | undefined;
  readonly copyUp: boolean;
  /** What is left is the file system's own: flags and key=value. */
  readonly data: readonly string[];
}

/** A mount of the spec with its options sorted. */
export interface SortedMount {
  readonly index: number;
  readonly mount: Mount;
  readonly options: MountOptions;
  /** How messages name the source. */
  readonly told: string;
}

/** "mount proc on /proc (nosuid,noexec)": the operation as messages and explanations name it. */
export function describe({ mount, options, told }: SortedMount): string {
  const what = options.bind === undefined ? (mount.type ?? "") : told;
  const words = mount.options?.length ? ` (${mount.options.join(",")})` : "";
  return `${options.bind === undefined ? "mount" : "bind"} ${what} on ${mount.destination}${words}`;
}

/** Words about volumes that podman leaves in the options of a bind; they are meant for podman itself. */
const ENGINE_WORDS: readonly string[] = ["copy", "nocopy"];

const NONE: Attributes = { set: 0, clear: 0 };

/** A later word wins over an earlier one about the same thing, as with mount(8). */
const apply = (to: Attributes, option: Attributes): Attributes => ({
  set: (to.set & ~option.clear) | option.set,
  clear: to.clear | option.clear,
});

/** Sorts the option words of a mount; throws a HutchError for a word that hutch cannot honour. */
export function sortOptions(mount: Mount, index: number): MountOptions {
  let bind: MountOptions["bind"] = mount.type === "bind" ? { recursive: false } : undefined;
  let attributes = NONE;
  let recursiveAttributes = NONE;
  let idmap: MountOptions["idmap"];
  let copyUp = false;
  const propagation: { flag: number; recursive: boolean }[] = [];
  const data: string[] = [];
  const ofFileSystem: number[] = [];
  for (const [position, word] of (mount.options ?? []).entries()) {
    const option = mountOption(word);
    switch (option?.kind) {
      case undefined:
        if (word !== "") data.push(word);
        break;
      case "bind":
        bind = { recursive: option.recursive || bind?.recursive === true };
        break;
      case "attribute":
        if (option.recursive) recursiveAttributes = apply(recursiveAttributes, option);
        else attributes = apply(attributes, option);
        break;
      case "super":
        if (option.word !== undefined) data.push(option.word);
        if (option.set && option.word !== undefined) ofFileSystem.push(position);
        break;
      case "propagation":
        propagation.push({ flag: option.flag, recursive: option.recursive });
        break;
      case "idmap":
        idmap = { recursive: option.recursive };
        break;
      case "extension":
        if (option.name === "tmpcopyup") copyUp = true;
        else if (option.name !== "defaults") {
          throw new HutchError({
            operation: `mounts[${index}].options[${position}]`,
            reason: `${word}: not supported yet`,
          });
        }
        break;
    }
  }
  refuseBindData(bind, mount, index, ofFileSystem[0]);
  refuseTypeless(bind, mount, index);
  if (idmap === undefined && (mount.uidMappings?.length ?? 0) > 0) idmap = { recursive: false };
  return { bind, attributes, recursiveAttributes, propagation, idmap, copyUp, data };
}

/** What changes a mount that is there, say its propagation, is no mount; runc fails at it when it starts. */
function refuseTypeless(bind: MountOptions["bind"], { type = "" }: Mount, index: number): void {
  if (bind !== undefined || !["", "none"].includes(type)) return;
  throw new HutchError({
    operation: `mounts[${index}].type`,
    reason: `expected a file system, or the option bind, received ${JSON.stringify(type)}`,
    hint: "the propagation of the root is linux.rootfsPropagation",
  });
}

/**
 * A bind makes no file system, so a word that none of the tables knows is a typo: `roo` must not leave it
 * writable. Nor can it have what is a file system's own, as sync is: the kernel would pass over it.
 */
function refuseBindData(
  bind: MountOptions["bind"],
  { options }: Mount,
  index: number,
  ofFileSystem = -1,
): void {
  if (bind === undefined) return;
  const unknown = (options ?? []).findIndex(
    (word) => word !== "" && mountOption(word) === undefined && !ENGINE_WORDS.includes(word),
  );
  const position = unknown < 0 ? ofFileSystem : unknown;
  if (position < 0) return;
  throw new HutchError({
    operation: `mounts[${index}].options[${position}]`,
    reason: `expected an option of bind mounts, received ${JSON.stringify(options?.[position])}`,
  });
}
