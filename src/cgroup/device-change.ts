/**
 * From the device rules that a cgroup of version 1 has to others, without a moment in which it may do what
 * neither of them allows (admin-guide/cgroup-v1/devices).
 */
import { type DeviceLine, deviceLines } from "./device-list.ts";
import type { DevicePolicy } from "./device-rule.ts";

export interface DeviceChange {
  readonly lines: readonly DeviceLine[];
  /** There is such a moment after all: nothing of the container may run in it. */
  readonly opens: boolean;
}

/** What is allowed beside a default of nothing: letters by "c 1:3". */
type Exceptions = ReadonlyMap<string, string>;

const ALL = /^a /;
const EVERYTHING: DeviceLine = { file: "devices.allow", text: "a" };

const without = (letters: string, others = ""): string =>
  [...letters].filter((letter) => !others.includes(letter)).join("");

/**
 * A text of devices.list; undefined for a default of everything, whose exceptions the kernel does not tell.
 */
function exceptionsOf(list: string): Exceptions | undefined {
  const lines = list.split("\n").filter((line) => line !== "");
  if (lines.some((line) => ALL.test(line))) return undefined;
  return new Map(lines.map((line) => split(line)));
}

/** "c 1:3 rwm" as "c 1:3" and "rwm". */
function split(line: string): readonly [key: string, letters: string] {
  const space = line.lastIndexOf(" ");
  return [line.slice(0, space), line.slice(space + 1)];
}

/** What lines leave behind that begin at a default of nothing. */
function result(lines: readonly DeviceLine[]): Exceptions {
  const exceptions = new Map<string, string>();
  for (const { file, text } of lines) {
    const [key, letters] = split(text);
    const before = exceptions.get(key) ?? "";
    exceptions.set(
      key,
      file === "devices.allow" ? before + without(letters, before) : without(before, letters),
    );
  }
  return exceptions;
}

/** Lines for the letters that one has and the other has not. */
const differences = (one: Exceptions, other: Exceptions, file: DeviceLine["file"]): DeviceLine[] =>
  [...one].flatMap(([key, letters]) => {
    const rest = without(letters, other.get(key));
    return rest === "" ? [] : [{ file, text: `${key} ${rest}` }];
  });

/** First what is taken away, then what is added. */
const exchange = (from: Exceptions, to: Exceptions): DeviceLine[] => [
  ...differences(from, to, "devices.deny"),
  ...differences(to, from, "devices.allow"),
];

/**
 * The change from what devices.list says to a policy; without one everything is allowed. Throws HutchError
 * for rules that version 1 cannot express.
 */
export function deviceChange(list: string, policy: DevicePolicy | undefined): DeviceChange {
  if (policy === undefined) return { lines: [EVERYTHING], opens: false };
  const lines = deviceLines(policy);
  // The kernel forgets all exceptions with a change of the default, and allows all until it has the new ones.
  if (policy.allow) return { lines, opens: true };
  const now = exceptionsOf(list);
  return { lines: now === undefined ? lines : exchange(now, result(lines.slice(1))), opens: false };
}

/** The way back to what devices.list said, from what it says now. */
export function deviceReturn(now: string, before: string): DeviceLine[] {
  const [from, to] = [exceptionsOf(now), exceptionsOf(before)];
  if (to === undefined) return [EVERYTHING];
  const nothing: DeviceLine = { file: "devices.deny", text: "a" };
  return from === undefined ? [nothing, ...exchange(new Map(), to)] : exchange(from, to);
}
