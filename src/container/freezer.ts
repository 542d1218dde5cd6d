/**
 * Freezing a container by its cgroup: the freezer of version 1 (admin-guide/cgroup-v1/freezer-subsystem),
 * cgroup.freeze of version 2 (admin-guide/cgroup-v2, "Core Interface Files").
 */
import { readTextIfExists, writeFile } from "../host/fd.ts";
import { fileKind } from "../host/path.ts";
import { HutchError } from "../linux/error.ts";
import { O_WRONLY } from "../linux/fcntl.ts";

/** How a file of the kernel is told to freeze or thaw, and how it tells that this is done. */
interface Freezer {
  readonly file: string;
  readonly frozen: string;
  readonly thawed: string;
  /** True when the text of the files says that everything is frozen, or that nothing is. */
  readonly isDone: (directory: string, freeze: boolean) => boolean;
}

const V1: Freezer = {
  file: "freezer.state",
  frozen: "FROZEN",
  thawed: "THAWED",
  isDone: (directory, freeze) =>
    readTextIfExists(`${directory}/freezer.state`)?.trim() === (freeze ? V1.frozen : V1.thawed),
};

const V2: Freezer = {
  file: "cgroup.freeze",
  frozen: "1",
  thawed: "0",
  isDone: (directory, freeze) =>
    (readTextIfExists(`${directory}/cgroup.events`) ?? "").includes(`frozen ${freeze ? 1 : 0}`),
};

interface Place {
  readonly freezer: Freezer;
  readonly directory: string;
  readonly path: string;
}

/**
 * Of version 1 one directory of many has the file. It is known by the name of its hierarchy, which all do not
 * share; else all are asked.
 */
function candidates(cgroups: readonly string[]): readonly string[] {
  const named = cgroups.filter((directory) => directory.includes("freezer"));
  return named.length > 0 ? named : cgroups;
}

function* places(cgroups: readonly string[]): Generator<Place & { readonly text: string }> {
  for (const directory of candidates(cgroups)) {
    for (const freezer of [V1, V2]) {
      const path = `${directory}/${freezer.file}`;
      const text = readTextIfExists(path)?.trim();
      if (text !== undefined) yield { freezer, directory, path, text };
    }
  }
}

/** The files that say whether the container is paused. */
export const freezerFiles = (cgroups: readonly string[]): string[] =>
  [...places(cgroups)].map(({ path }) => path);

/** Where all processes are now: "freezing" when it was asked for, and some still go on. */
export type Cold = "thawed" | "freezing" | "frozen";

/** What the kernel says of the container's cgroups; one that cannot be frozen is thawed. */
export function coldOf(cgroups: readonly string[]): Cold {
  let cold: Cold = "thawed";
  for (const { freezer, directory, text } of places(cgroups)) {
    if (text !== freezer.frozen && text !== "FREEZING") continue;
    if (freezer.isDone(directory, true)) return "frozen";
    cold = "freezing";
  }
  return cold;
}

/** Together some five seconds, each wait a little longer than the one before. */
const WAITS_MS = [1, 1, 2, 5, 10, 20, 50, ...Array.from({ length: 49 }, () => 100)];

/**
 * Asks until it is done. Version 1 has to be asked again and again: it freezes only what it finds when it is
 * asked, and a fork or a signal in between leaves it at FREEZING.
 */
async function change(
  { freezer, directory, path }: Place,
  freeze: boolean,
  waits: readonly number[] = WAITS_MS,
): Promise<boolean> {
  for (const wait of waits) {
    writeFile(path, freeze ? freezer.frozen : freezer.thawed, { flags: O_WRONLY });
    if (freezer.isDone(directory, freeze)) return true;
    await Bun.sleep(wait);
  }
  return freezer.isDone(directory, freeze);
}

/** Together some half a second. */
const SHORT_WAITS_MS = [1, 1, 2, 5, 10, 20, 50, 100, 100, 100, 100];

/**
 * Keeps the processes from making new ones while they are told something. Also when not all of them can be
 * frozen in time: who is born in a cgroup that freezes is frozen. Gives the way back, if there is any to go.
 */
export async function holdStill(cgroups: readonly string[]): Promise<() => Promise<void>> {
  const [place] = places(cgroups);
  if (place === undefined || coldOf(cgroups) !== "thawed") return async () => {};
  await change(place, true, SHORT_WAITS_MS);
  return async () => {
    if (fileKind(place.path) === "file") await change(place, false);
  };
}

function placeOf(what: string, id: string, cgroups: readonly string[]): Place {
  for (const place of places(cgroups)) return place;
  throw new HutchError({
    operation: `${what} container ${id}`,
    reason: "it has no cgroup that can be frozen",
    hint: "hutch create makes one where the freezer of cgroup v1, or cgroup v2, is mounted",
  });
}

/** Freezes every process of the container; one that cannot be frozen in time is an error, and all go on. */
export async function pause(id: string, cgroups: readonly string[]): Promise<void> {
  const place = placeOf("pause", id, cgroups);
  if (await change(place, true)) return;
  await change(place, false);
  throw new HutchError({
    operation: `pause container ${id}`,
    reason: "its processes could not be frozen within five seconds",
    hint: "one of them waits for a device or a file system",
  });
}

/** Lets the processes of a paused container go on. */
export async function resume(id: string, cgroups: readonly string[]): Promise<void> {
  if (await change(placeOf("resume", id, cgroups), false)) return;
  throw new HutchError({
    operation: `resume container ${id}`,
    reason: "it is still frozen after five seconds",
    hint: "is a cgroup above it frozen?",
  });
}
