/**
 * A small evaluator of JSON Schema draft-04, for the keywords that the OCI schemas use. It says only whether
 * a document is valid. A `$ref` to a file that is not there (another platform's schema) accepts everything.
 */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

type Node = Readonly<Record<string, unknown>>;

interface Place {
  readonly file: string;
  readonly node: Node;
}

export function isObject(value: unknown): value is Node {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const documents = new Map<string, unknown>();

function load(file: string): unknown {
  if (!documents.has(file)) documents.set(file, JSON.parse(readFileSync(file, "utf8")));
  return documents.get(file);
}

function resolve(reference: string, from: string): Place | undefined {
  const [name = "", pointer = ""] = reference.split("#");
  const file = name === "" ? from : join(dirname(from), name);
  if (!existsSync(file)) return undefined;
  let node = load(file);
  for (const key of pointer.split("/").slice(1)) node = isObject(node) ? node[key] : undefined;
  if (!isObject(node)) throw new Error(`${reference} in ${from} leads nowhere`);
  return { file, node };
}

const TYPES: Readonly<Record<string, (value: unknown) => boolean>> = {
  object: isObject,
  array: Array.isArray,
  string: (value) => typeof value === "string",
  boolean: (value) => typeof value === "boolean",
  integer: (value) => Number.isInteger(value),
};

type Keyword = (value: unknown, parameter: unknown, place: Place) => boolean;

function valid(value: unknown, schema: unknown, file: string): boolean {
  if (!isObject(schema)) throw new Error(`a schema in ${file} is not an object`);
  const reference = schema["$ref"];
  if (typeof reference === "string") {
    const target = resolve(reference, file);
    return target === undefined || valid(value, target.node, target.file);
  }
  return Object.entries(schema).every(([keyword, parameter]) => {
    const rule = KEYWORDS[keyword];
    if (!rule) throw new Error(`keyword ${keyword} in ${file} is not known`);
    return rule(value, parameter, { file, node: schema });
  });
}

const list = (parameter: unknown): readonly unknown[] => (Array.isArray(parameter) ? parameter : []);
const map = (parameter: unknown): Node => (isObject(parameter) ? parameter : {});

const KEYWORDS: Readonly<Record<string, Keyword>> = {
  $schema: () => true,
  description: () => true,
  type: (value, type) => TYPES[String(type)]?.(value) ?? false,
  enum: (value, words) => list(words).includes(value),
  pattern: (value, form) => typeof value !== "string" || new RegExp(String(form)).test(value),
  minimum: (value, least) => typeof value !== "number" || value >= Number(least),
  maximum: (value, most) => typeof value !== "number" || value <= Number(most),
  minItems: (value, least) => !Array.isArray(value) || value.length >= Number(least),
  items: (value, schema, { file }) => list(value).every((item) => valid(item, schema, file)),
  required: (value, names) =>
    !isObject(value) || list(names).every((name) => Object.hasOwn(value, String(name))),
  properties: (value, schemas, { file }) =>
    Object.entries(map(schemas)).every(
      ([name, schema]) =>
        !(isObject(value) && Object.hasOwn(value, name)) || valid(value[name], schema, file),
    ),
  patternProperties: (value, schemas, { file }) =>
    Object.entries(map(schemas)).every(([form, schema]) =>
      Object.entries(map(value)).every(
        ([name, item]) => !new RegExp(form).test(name) || valid(item, schema, file),
      ),
    ),
  additionalProperties: (value, schema, { file, node }) =>
    Object.entries(map(value)).every(
      ([name, item]) => Object.hasOwn(map(node["properties"]), name) || valid(item, schema, file),
    ),
  anyOf: (value, schemas, { file }) => list(schemas).some((schema) => valid(value, schema, file)),
  allOf: (value, schemas, { file }) => list(schemas).every((schema) => valid(value, schema, file)),
};

/** Whether a document is valid against the schema in a file. */
export function isValid(value: unknown, file: string): boolean {
  return valid(value, load(file), file);
}
