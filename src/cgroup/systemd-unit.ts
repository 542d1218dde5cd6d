/** Units of systemd by linux.cgroupsPath, "slice:prefix:name" (runc's docs/systemd.md), and where their cgroups lie. */
import { HutchError } from "../linux/error.ts";
import { isExplicit } from "./path.ts";

export interface Unit {
  /** "hutch-box.scope"; or a slice, when the name of cgroupsPath ends so. */
  readonly name: string;
  readonly isSlice: boolean;
  /** The slice that it is in: "system.slice". */
  readonly slice: string;
  /** Its cgroup, below that of systemd itself: "/system.slice/hutch-box.scope". */
  readonly path: string;
}

const SLICE = ".slice";
/** UNIT_NAME_MAX of systemd. */
const LONGEST = 255;

/**
 * Where the cgroup of a slice lies: each dash of its name is a level, "a-b.slice" is in "/a.slice/a-b.slice"
 * (systemd.slice(5)). Throws HutchError for what is no name of a slice.
 */
export function expandSlice(slice: string): string {
  const name = slice.slice(0, -SLICE.length);
  if (slice === "-.slice") return "";
  const parts = name.split("-");
  if (!slice.endsWith(SLICE) || parts.includes("") || !isUnitName(slice)) {
    throw new HutchError({
      operation: `linux.cgroupsPath: the slice "${slice}"`,
      reason: "expected a name such as machine.slice or user-1000.slice",
    });
  }
  return parts.map((_, index) => `/${parts.slice(0, index + 1).join("-")}${SLICE}`).join("");
}

/** What systemd takes for a name of a unit (systemd.unit(5)); other letters would have to be escaped. */
const isUnitName = (name: string): boolean => name.length <= LONGEST && /^[\w:.\\@-]+$/.test(name);

const CONTROLLERS = "cgroup|cpu|cpuacct|cpuset|io|blkio|memory|devices|pids";
/** Names that systemd gives an underscore, because the kernel has files of such names (cg_escape). */
const RESERVED = new RegExp(`^([_.]|(${CONTROLLERS})\\.)`);

const cgroupName = (unit: string): string => (RESERVED.test(unit) ? `_${unit}` : unit);

/**
 * The unit of a container; without cgroupsPath it is named after the container, in the default slice of the
 * system or of the user. Throws HutchError for a path that is none of systemd's.
 */
export function unitOf(cgroupsPath: string | undefined, id: () => string, isUser: boolean): Unit {
  const usual = isUser ? "user.slice" : "system.slice";
  // An id may have a plus sign, the name of a unit may not.
  if (!isExplicit(cgroupsPath)) return named(usual, "hutch", id().replaceAll("+", "\\x2b"), cgroupsPath);
  const parts = cgroupsPath.split(":");
  const [slice, prefix, name] = parts;
  if (slice === undefined || prefix === undefined || !name || parts.length !== 3) {
    throw new HutchError({
      operation: `linux.cgroupsPath "${cgroupsPath}"`,
      reason: "expected slice:prefix:name, because systemd makes the cgroup",
      hint: "system.slice:hutch:box is the unit hutch-box.scope; for a path: --cgroup-manager=cgroupfs",
    });
  }
  return named(slice === "" ? usual : slice, prefix, name, cgroupsPath);
}

function named(slice: string, prefix: string, name: string, cgroupsPath: string | undefined): Unit {
  const isSlice = name.endsWith(SLICE);
  const unit = isSlice ? name : `${prefix}-${name}.scope`;
  const above = expandSlice(slice);
  if (!isUnitName(unit)) {
    throw new HutchError({
      operation: `linux.cgroupsPath "${cgroupsPath ?? ""}": the unit "${unit}"`,
      reason: `expected at most ${LONGEST} letters, digits and : - _ . \\ @`,
    });
  }
  // A slice lies where its own name says.
  const path = isSlice ? expandSlice(unit) : `${above}/${cgroupName(unit)}`;
  return { name: unit, isSlice, slice, path };
}
