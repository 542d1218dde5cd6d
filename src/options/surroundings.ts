/** What `hutch in` looks up on the host before it plans. */
import { gatherHost } from "../container/host.ts";
import type { Look } from "../host/look.ts";
import { HutchError } from "../linux/error.ts";
import { unescapeOctal } from "../linux/octal.ts";
import type { Filter, Host } from "../plan/context.ts";
import { OPENING, PROGRAMS } from "../plan/seccomp-program.ts";
import { parseJson } from "../spec/json.ts";
import { type Given, has, last, usageError } from "./given.ts";
import { type ChosenSeccomp, capabilitiesOf, namespacesOf, type Surroundings } from "./in-spec.ts";
import { refuseLayerAsRoot } from "./second-root.ts";
import { checkOptions, requireSources } from "./source.ts";

/** Directories whose mounts are the container's own, never the host's. */
const OWN = ["/proc", "/sys", "/dev", "/run", "/tmp"];

const isBelow = (path: string, directory: string): boolean =>
  path === directory || path.startsWith(directory === "/" ? "/" : `${directory}/`);

/**
 * Mount points below `where` that belong to it as a person sees it: not the API file systems, not the
 * layer.
 */
export function worthShowing(points: readonly string[], where: string, layer: string | undefined): string[] {
  const hidden = where === "/" ? OWN : [];
  const below = points.filter(
    (point) =>
      point !== where &&
      isBelow(point, where) &&
      !hidden.some((directory) => isBelow(point, directory)) &&
      !(layer !== undefined && isBelow(point, layer)),
  );
  // Each is shown with all that is mounted in it, so only the topmost are needed.
  return [
    ...new Set(below.filter((point) => !below.some((other) => other !== point && isBelow(point, other)))),
  ];
}

/** hutch's own profile, compiled: as it was when hutch was built, unless a capability opens a part of it. */
async function defaultFilter(capabilities: readonly string[], { arch }: Host): Promise<Filter> {
  if (!OPENING.some((name) => capabilities.includes(name))) {
    return { program: Uint8Array.fromBase64(PROGRAMS[arch]), flags: 0 };
  }
  const [{ compileSeccomp }, { defaultSeccomp }] = await Promise.all([
    import("../plan/seccomp.ts"),
    import("../plan/seccomp-default.ts"),
  ]);
  return compileSeccomp(defaultSeccomp(capabilities, arch), arch);
}

/** What --seccomp asks for. */
export async function chooseSeccomp(given: Given, host: Host, look: Look): Promise<ChosenSeccomp> {
  const wish = last(given, "seccomp") ?? "default";
  if (wish === "off") return { profile: undefined, filter: undefined };
  const capabilities = capabilitiesOf(given, namespacesOf(given, host), host);
  if (wish === "default") return { profile: undefined, filter: await defaultFilter(capabilities, host) };
  const { fromDockerProfile } = await import("../spec/seccomp-docker.ts");
  const text = look("text", wish);
  if (text === undefined)
    throw new HutchError({
      operation: `--seccomp ${wish}`,
      errno: "ENOENT",
      hint:
        wish === "unconfined" || wish === "none"
          ? "--seccomp off"
          : "a profile is a file; default and off are words",
    });
  const json = parseJson(text, wish);
  return {
    profile: fromDockerProfile(json, capabilities, host.arch, look("release") ?? "", wish),
    filter: undefined,
  };
}

/** Where WHERE is, when an option that wants a value stands right before it; undefined otherwise. */
const takenRoot = ({ before }: Given, look: Look): string | undefined =>
  before !== undefined && look("kind", before.value) === "directory"
    ? `${before.value} was taken as the value of --${before.option}; WHERE, the container's root, follows it`
    : undefined;

const FIRST_WORD = "the first word after the options is the root of the container";

function directoryOf(where: string, given: Given, look: Look): string {
  const kind = look("kind", where);
  if (kind === "directory") return look("real", where) ?? where;
  const meant =
    last(given, "overlay") === ""
      ? `${FIRST_WORD}; if ${where} is the layer, write --overlay=${where}`
      : `${FIRST_WORD}: a directory, or / for the host's files`;
  throw new HutchError({
    operation: `WHERE ${where}`,
    errno: kind === undefined ? "ENOENT" : "ENOTDIR",
    hint: takenRoot(given, look) ?? meant,
  });
}

/** The file behind /etc/resolv.conf when it lies in /run, which the container has of its own. */
function resolverBelowRun(where: string, look: Look): string | undefined {
  if (where !== "/" || look("kindOfLink", "/etc/resolv.conf") !== "symlink") return undefined;
  if (look("kind", "/etc/resolv.conf") !== "file") return undefined;
  const file = look("real", "/etc/resolv.conf") ?? "";
  return isBelow(file, "/run") ? file : undefined;
}

/** Gathers everything that the options of `in` and `explain` are read with. */
export async function surroundings(
  given: Given,
  look: Look,
  host: Host = gatherHost(look),
): Promise<Surroundings> {
  const around = lookAround(given, look, host);
  return { ...around, seccomp: await chooseSeccomp(given, host, look) };
}

/** All of it but the filter of system calls, at once. */
export function lookAround(
  given: Given,
  look: Look,
  host: Host = gatherHost(look),
): Omit<Surroundings, "seccomp"> {
  const [word] = given.words;
  if (word === undefined)
    throw usageError(
      given.command,
      "expected WHERE and a command",
      takenRoot(given, look) ?? `hutch ${given.command} / -- sh`,
    );
  const where = directoryOf(word, given, look);
  refuseLayerAsRoot(given, where, look);
  const layerWord = last(given, "overlay") ?? "";
  const layer =
    layerWord === "" || look("kind", layerWord) === undefined ? layerWord : look("real", layerWord);
  const kept = layer === "" ? undefined : layer;
  const here = look("real", ".") ?? "/";
  checkOptions(given, host.uid !== 0 || has(given, "uid-map") || has(given, "gid-map"));
  requireSources(given, here, look);
  const covers = where === "/" || has(given, "overlay");
  return {
    host,
    here,
    where,
    layer: kept,
    submounts: covers
      ? worthShowing((look("mountPoints") ?? "").split("\n").map(unescapeOctal), where, kept)
      : [],
    resolver: resolverBelowRun(where, look),
  };
}
