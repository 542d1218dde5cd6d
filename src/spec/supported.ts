/** What the schema takes and hutch cannot act upon yet. Such a field is refused by name, never skipped. */
import { specError } from "./error.ts";
import type { Spec } from "./spec.ts";

/** Fields of one object; the object is looked up once, and most configurations do not have it. */
interface Rows {
  readonly of: string;
  readonly fields: readonly string[];
  /** Whether a value asks for something; isPresent when absent. */
  readonly asks?: (value: unknown) => boolean;
}

const SPEC: readonly Rows[] = [
  { of: "linux", fields: ["intelRdt", "memoryPolicy", "netDevices"] },
  { of: "linux.seccomp", fields: ["listenerPath"] },
  { of: "linux.seccomp", fields: ["defaultAction", "syscalls", "flags"], asks: asksForListener },
];

/** Throws HutchError when a configuration asks for what hutch cannot do yet; one line for each field. */
export function refuseUnsupported(spec: Spec, name = "config.json"): void {
  refuse(find(SPEC, spec), name);
}

/** Every path of the tables. */
export function unsupportedPaths(): string[] {
  const paths = SPEC.flatMap(({ of, fields }) => fields.map((field) => `${of}.${field}`));
  return [...new Set(paths)];
}

function find(table: readonly Rows[], subject: object): string[] {
  const found: string[] = [];
  for (const { of, fields, asks = isPresent } of table) {
    let object: unknown = subject;
    for (const name of of.split(".")) object = field(object, name);
    if (object === undefined) continue;
    for (const name of fields) if (asks(field(object, name))) found.push(`${of}.${name}`);
  }
  return found;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

function field(subject: unknown, name: string): unknown {
  return isObject(subject) ? subject[name] : undefined;
}

function refuse(paths: readonly string[], name: string): void {
  if (paths.length === 0) return;
  throw specError(
    name,
    paths.map((path) => `${path}: not supported yet`),
  );
}

/** Empty and zero values ask for nothing. */
function isPresent(value: unknown): boolean {
  if (isObject(value)) return Object.keys(value).length > 0;
  return Boolean(value);
}

const LISTENER = ["SCMP_ACT_NOTIFY", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"];

/** A word that needs a listener, in an action, in the action of a system call or among the flags. */
function asksForListener(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(asksForListener);
  if (typeof value === "string") return LISTENER.includes(value);
  return asksForListener(field(value, "action") ?? "");
}
