/** The options that stand before the command, as engines write them for every runtime. */
import { DEFAULT_ROOT } from "../container/store.ts";
import { effectiveUser, isInitialMap, uidMap } from "../host/facts.ts";
import { HutchError } from "../linux/error.ts";
import type { Launch } from "../plan/context.ts";
import type { Option } from "./option.ts";

export type CgroupManager = "cgroupfs" | "systemd" | "disabled";

export interface Globals {
  /** Where the state of containers is kept. */
  readonly root: string;
  /** The file that errors are added to, beside standard error. */
  readonly log?: string;
  readonly logFormat: "text" | "json";
  readonly debug: boolean;
  readonly systemdCgroup: boolean;
  readonly cgroupManager: CgroupManager;
  readonly rootless: "auto" | "true" | "false";
}

export const GLOBAL_OPTIONS: readonly Option[] = [
  {
    name: "root",
    value: "DIR",
    help: "where containers are written down; /run/hutch, or $XDG_RUNTIME_DIR/hutch for an ordinary user",
  },
  { name: "log", value: "FILE", help: "add errors to this file, too" },
  {
    name: "log-format",
    value: "text|json",
    help: "how errors are written to --log or, without it, to standard error",
  },
  { name: "debug", help: "tell what was called and how long it took, where errors are told" },
  { name: "systemd-cgroup", help: "the same as --cgroup-manager=systemd" },
  {
    name: "cgroup-manager",
    value: "cgroupfs|systemd|disabled",
    help:
      "who makes cgroups: hutch itself, or systemd, which is asked over D-Bus for a unit; disabled: nobody, and " +
      "limits are an error",
  },
  {
    name: "rootless",
    value: "auto|true|false",
    help: "true: no cgroup unless limits, a path or a mount ask for one; false: always; auto: false for root",
  },
];

/** The options as they were written, and the words from the command on. */
export interface Start {
  readonly values: ReadonlyMap<string, string>;
  readonly rest: readonly string[];
}

const NONE: ReadonlyMap<string, string> = new Map();

/**
 * Takes the options before the command off; the first word that is none of them starts the rest, so that it
 * is judged there. Throws HutchError for an option without its value.
 */
export function readGlobals(argv: readonly string[]): Start {
  // What people write, and has to start at once.
  if (!argv[0]?.startsWith("-")) return { values: NONE, rest: argv };
  const values = new Map<string, string>();
  let index = 0;
  while (index < argv.length) {
    const word = argv[index] ?? "";
    const text = word.startsWith("--") ? word.slice(2) : word.startsWith("-") ? word.slice(1) : "";
    const equals = text.indexOf("=");
    const name = equals < 0 ? text : text.slice(0, equals);
    const option = GLOBAL_OPTIONS.find((each) => each.name === name);
    if (option === undefined) break;
    index += 1;
    if (equals >= 0) values.set(name, text.slice(equals + 1));
    else if (option.value === undefined) values.set(name, "true");
    else {
      const value = argv[index];
      index += 1;
      // An empty name is kept too: it is refused where it is looked at.
      values.set(name, value ?? "");
    }
  }
  return { values, rest: argv.slice(index) };
}

function oneOf<Word extends string>(name: string, value: string, words: readonly Word[]): Word {
  const word = words.find((each) => each === value);
  if (word !== undefined) return word;
  throw new HutchError({ operation: `--${name} ${value}`, reason: `expected ${words.join(" or ")}` });
}

const isOn = (values: Start["values"], name: string): boolean =>
  oneOf(name, values.get(name) ?? "false", ["true", "false"]) === "true";

/** An option that must name something when it is given. */
function named(values: Start["values"], name: string): string | undefined {
  const value = values.get(name);
  if (value === "") {
    throw new HutchError({ operation: "hutch", reason: `--${name} needs a value`, hint: "see hutch --help" });
  }
  return value;
}

/**
 * /run/hutch, or a directory of the user's own. "root" of a user namespace is an ordinary user too: podman
 * starts runtimes so.
 */
export function defaultRoot(
  env: Readonly<Record<string, string | undefined>>,
  isOrdinary: () => boolean,
): string {
  const { XDG_RUNTIME_DIR: runtime } = env;
  return runtime?.startsWith("/") && isOrdinary() ? `${runtime}/hutch` : DEFAULT_ROOT;
}

const isOrdinaryUser = (): boolean => effectiveUser() !== 0 || !isInitialMap(uidMap());

/** The meaning of the options; throws HutchError for a value that is none of those it may have. */
export function globalsOf(values: Start["values"]): Globals {
  const given = named(values, "root");
  const log = named(values, "log");
  const systemdCgroup = isOn(values, "systemd-cgroup");
  const manager = oneOf("cgroup-manager", values.get("cgroup-manager") ?? "cgroupfs", [
    "cgroupfs",
    "systemd",
    "disabled",
  ]);
  return {
    // Looked up when it is asked for: a container of `hutch in` has no state.
    get root() {
      return given ?? defaultRoot(process.env, isOrdinaryUser);
    },
    ...(log === undefined ? {} : { log }),
    logFormat: oneOf("log-format", values.get("log-format") ?? "text", ["text", "json"]),
    debug: isOn(values, "debug"),
    systemdCgroup: systemdCgroup || manager === "systemd",
    cgroupManager: systemdCgroup ? "systemd" : manager,
    rootless: oneOf("rootless", values.get("rootless") ?? "auto", ["auto", "true", "false"]),
  };
}

/** When a cgroup is made; --rootless=true is meant for who may not make them, as in runc. */
export function cgroupWish({ cgroupManager, rootless }: Globals): Launch["cgroups"] {
  if (cgroupManager === "disabled") return "never";
  return rootless === "auto" ? undefined : rootless === "true" ? "asked" : "always";
}

/** Refuses a container that hutch leaves to itself: systemd could be asked before it is born alone. */
export function refuseSystemd({ cgroupManager }: Globals): void {
  if (cgroupManager !== "systemd") return;
  throw new HutchError({
    operation: "systemd cgroup driver",
    reason: "only for hutch run and hutch create",
    hint: "systemd-run --scope hutch in …",
  });
}

/** Whose systemd is asked: the user's own, unless this is root who has none. */
export const asksUserSystemd = (): boolean =>
  isOrdinaryUser() && (effectiveUser() !== 0 || process.env["XDG_RUNTIME_DIR"] !== undefined);
