/** What describes a container to the library, and its translation to the options of `hutch in`. */
import type { WindowSize } from "../host/terminal.ts";
import { HutchError } from "../linux/error.ts";
import type { Given, Option } from "../options/given.ts";
import { IN_OPTIONS, type InOption } from "../options/in-options.ts";
import { nearest } from "../options/nearest.ts";
import { checkSize } from "./window.ts";

/** A container from options: those of `hutch in`, in camel case (`hutch in --help` says what each does). */
export interface ContainerOptions extends Named, Omit<FromTable, keyof Named> {}

interface Named {
  /** The other kind of description. */
  readonly bundle?: undefined;
  /** The root: a directory, or "/" for the host's own files, read-only. */
  readonly root: string;
  /** The command and its arguments; without a slash it is looked for in the container's PATH. */
  readonly command: readonly string[];
  /** Writes go to a layer that is thrown away (true), or kept in a directory. */
  readonly overlay?: boolean | string;
  /** The root is read-only. */
  readonly readOnly?: boolean;
  /** "SRC:DEST[:ro]": files or directories of the host. */
  readonly bind?: Texts;
  /** "DEST[:OPTIONS]", such as "/cache:size=64m". */
  readonly tmpfs?: Texts;
  /** The directory to start in; "/" when absent. */
  readonly workdir?: string;
  readonly hostname?: string;
  /** Namespaces of the host that are kept: net, ipc, pid, uts, cgroup, user. */
  readonly share?: Texts;
  /** "NS=PATH": existing namespaces to enter. */
  readonly join?: Texts;
  /** A uid, or "UID:GID". */
  readonly user?: number | string;
  /** "CONTAINER:HOST:COUNT". */
  readonly uidMap?: Texts;
  readonly gidMap?: Texts;
  /** Names of capabilities with or without CAP_, or "all". */
  readonly capAdd?: Texts;
  readonly capDrop?: Texts;
  /** "default" when absent, "off", or the path of a profile. */
  readonly seccomp?: string;
  /** Kernel parameters of the container's namespaces. */
  readonly sysctl?: Readonly<Record<string, string | number>>;
  /** The whole environment, but for PATH and container=hutch; `process.env` hands on the caller's. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Bytes, or a size such as "64m". */
  readonly memory?: number | string;
  /** Bytes of memory and swap together, or a size. */
  readonly memorySwap?: number | string;
  /** Processors, such as 0.5. */
  readonly cpus?: number | string;
  /** The processors to run on, such as "0-3,8". */
  readonly cpuset?: string;
  /** The most processes. */
  readonly pids?: number;
  /** "NAME=SOFT[:HARD]", such as "nofile=1024". */
  readonly rlimit?: Texts;
  /** A reaper is pid 1. */
  readonly init?: boolean;
  /** A terminal of the container's own, of 80 by 24 characters when nothing else is said. */
  readonly terminal?: boolean | WindowSize;
  /** Seconds, or a time such as "200ms", after which the container is ended. */
  readonly timeout?: number | string;
}

/** A container from an OCI bundle, as `hutch run` starts it. */
export interface BundleOptions {
  /** The directory. */
  readonly bundle: string;
  /** The configuration; config.json of the bundle when absent. */
  readonly config?: string;
  /** A reaper is pid 1. */
  readonly init?: boolean;
}

type Texts = string | readonly string[];

/** Options of the command line that a library has other means for. */
const LEFT_OUT = ["tty", "die-with-parent", "clear-env", "report"] as const;
type LeftOut = (typeof LEFT_OUT)[number];

type Row = Exclude<InOption, { readonly name: LeftOut }>;
type Camel<Name extends string> = Name extends `${infer Word}-${infer Rest}`
  ? `${Word}${Capitalize<Camel<Rest>>}`
  : Name;
type ValueOf<Of> = Of extends { readonly value: string }
  ?
      | number
      | string
      | readonly (number | string)[]
      | (Of extends { readonly optional: true } ? boolean : never)
  : boolean;

/** What the table of `hutch in` allows; Named says it more exactly. */
type FromTable = { readonly [Each in Row as Camel<Each["name"]>]?: ValueOf<Each> };

/** What messages begin with. */
export const COMMAND = "container";

const camel = (name: string): string => name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());

const ROWS: ReadonlyMap<string, Option> = new Map(
  IN_OPTIONS.filter(({ name }) => !LEFT_OUT.some((each) => each === name)).map((row) => [
    camel(row.name),
    row,
  ]),
);

/** What the library calls an option of the command line; undefined when it has none such. */
export const nameOf = (option: string): string | undefined =>
  ROWS.has(camel(option)) ? camel(option) : undefined;

/** Every name that may stand beside root and command. */
export const OPTION_NAMES: readonly string[] = [...ROWS.keys()];

const wrong = (operation: string, expected: string): HutchError =>
  new HutchError({ operation, reason: `expected ${expected}` });

const refuse = (name: string, expected: string): never => {
  throw wrong(`${COMMAND}: ${name}`, expected);
};

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const TEXT = "a string or number";

function textOf(operation: string, value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "number" && Number.isFinite(value)) return `${value}`;
  throw wrong(operation, TEXT);
}

/** NAME=VALUE for each member that has a value; throws HutchError for a name that would be another then. */
export function pairsOf(operation: string, value: unknown): string[] {
  checkObject(operation, value);
  return Object.entries(value).flatMap(([key, each]) => {
    if (key === "" || key.includes("=")) throw wrong(`${operation}: ${key}`, "a name without =");
    return each === undefined ? [] : [`${key}=${textOf(`${operation}.${key}`, each)}`];
  });
}

/** The texts of one option; undefined when it is not given. */
function textsOf(name: string, row: Option, value: unknown): readonly string[] | undefined {
  if (value === undefined || value === false) {
    return value === false && row.value !== undefined && row.optional !== true
      ? refuse(name, TEXT)
      : undefined;
  }
  if (value === true) return row.value === undefined || row.optional ? [""] : refuse(name, TEXT);
  if (row.value === undefined) return refuse(name, "true or false");
  const operation = `${COMMAND}: ${name}`;
  if (isRecord(value)) return row.value === "K=V" ? pairsOf(operation, value) : refuse(name, TEXT);
  return Array.isArray(value)
    ? value.map((each: unknown, index) => textOf(`${operation}[${index}]`, each))
    : [textOf(operation, value)];
}

/** True for the description of a bundle. */
export const isBundle = (options: ContainerOptions | BundleOptions): options is BundleOptions =>
  Object.hasOwn(options, "bundle");

const USUAL_SIZE: WindowSize = { columns: 80, rows: 24 };

/** The size of the terminal; undefined when there is to be none. */
export function windowOf({ terminal }: Pick<ContainerOptions, "terminal">): WindowSize | undefined {
  if (terminal === undefined || terminal === false) return undefined;
  if (terminal === true) return USUAL_SIZE;
  if (!isRecord(terminal)) return refuse("terminal", "true, false, or columns and rows");
  return checkSize(`${COMMAND}: terminal`, terminal);
}

/** A command and its arguments; throws HutchError for what is none, which types do not keep from anybody. */
export function checkCommand(operation: string, command: unknown): readonly string[] {
  if (!Array.isArray(command) || command.length === 0) {
    throw new HutchError({ operation, reason: "expected a list of at least one string" });
  }
  return command.map((word: unknown, index) => {
    if (typeof word === "string") return word;
    throw new HutchError({ operation: `${operation}[${index}]`, reason: "expected a string" });
  });
}

/** Throws HutchError for what is no object. */
export function checkObject(operation: string, value: unknown): asserts value is object {
  if (!isRecord(value)) throw wrong(operation, "an object");
}

/** The same, and for a name that is none of those. */
export function checkNames(operation: string, options: object, names: readonly string[]): void {
  checkObject(operation, options);
  for (const name of Object.keys(options)) {
    if (names.includes(name)) continue;
    const near = nearest(name, names);
    throw new HutchError({
      operation: `${operation}: ${name}`,
      reason: "expected no such option",
      hint: near === undefined ? undefined : `did you mean ${near}?`,
    });
  }
}

/** The options as a command line would give them; throws HutchError that names the one that is wrong. */
export function givenOf(options: ContainerOptions): Given {
  checkNames(COMMAND, options, ["root", "command", "terminal", ...OPTION_NAMES]);
  const { root, command } = options;
  if (typeof root !== "string" || root === "") refuse("root", "the path of a directory");
  const words = checkCommand(`${COMMAND}: command`, command);
  const values = new Map<string, readonly string[]>();
  for (const [name, value] of Object.entries(options)) {
    const row = ROWS.get(name);
    const texts = row === undefined ? undefined : textsOf(name, row, value);
    if (row !== undefined && texts !== undefined) values.set(row.name, texts);
  }
  if (windowOf(options) !== undefined) values.set("tty", [""]);
  return { command: COMMAND, values, words: [root, ...words] };
}
