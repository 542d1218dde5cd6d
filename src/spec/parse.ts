/** From JSON to a Spec, or to an error that names every problem. */
import * as v from "valibot";
import { problemText, specError } from "./error.ts";
import { issueProblem } from "./issue.ts";
import { parseJson } from "./json.ts";
import { type Process, processSchema } from "./process.ts";
import { type Resources, resourceRules, resourcesSchema } from "./resources.ts";
import { applyRules, type Findings, PROCESS_RULES, RULES } from "./rules.ts";
import { type Spec, specSchema } from "./spec.ts";

export interface ParseOptions {
  /** The document's name in errors; "config.json" (or "process.json") when absent. */
  readonly name?: string;
  /** Receives, line by line, what the specification wants to be a warning; dropped when absent. */
  readonly warn?: (line: string) => void;
}

/**
 * Checks a configuration: the types of the fields first and, when they hold, the rules between them.
 * Unknown properties are dropped. Throws HutchError with one line for each problem.
 * Source: OCI runtime-spec 1.3, config.md and config-linux.md.
 */
export function parseSpec(json: unknown, options: ParseOptions = {}): Spec {
  const { name = "config.json" } = options;
  const spec = parseTypes(specSchema, json, name);
  report(applyRules(RULES, spec), name, options.warn, (line) => line);
  return spec;
}

/** As parseSpec, from text; integers above 2^53 stay exact. */
export function parseSpecText(text: string, options: ParseOptions = {}): Spec {
  return parseSpec(parseJson(text, options.name ?? "config.json"), options);
}

/** Checks a `process` object of its own (`exec --process`); paths are relative to it. */
export function parseProcess(json: unknown, options: ParseOptions = {}): Process {
  const { name = "process.json" } = options;
  const process = parseTypes(processSchema, json, name);
  const findings = applyRules(PROCESS_RULES, { ociVersion: "1.3.0", process });
  report(findings, name, options.warn, (line) => line.replaceAll("process.", ""));
  return process;
}

/**
 * As parseSpec, for a `linux.resources` object of its own (`update`); paths are relative to it. `complete` is
 * called between the types and the rules: it may add what a container has already.
 */
export function parseResources(
  json: unknown,
  complete: (resources: Resources) => Resources,
  options: ParseOptions = {},
): Resources {
  const { name = "resources" } = options;
  const resources = complete(parseTypes(resourcesSchema, json, name));
  const findings = applyRules(resourceRules, { ociVersion: "1.3.0", linux: { resources } });
  report(findings, name, options.warn, (line) => line.replaceAll("linux.resources.", ""));
  return resources;
}

function parseTypes<Schema extends v.GenericSchema>(
  schema: Schema,
  json: unknown,
  name: string,
): v.InferOutput<Schema> {
  const result = v.safeParse(schema, json);
  if (result.success) return result.output;
  throw specError(
    name,
    result.issues.map((issue) => problemText(issueProblem(issue))),
  );
}

function report(
  { errors, warnings }: Findings,
  name: string,
  warn: ParseOptions["warn"],
  localize: (line: string) => string,
): void {
  if (errors.length > 0) throw specError(name, errors.map(problemText).map(localize));
  for (const warning of warnings) warn?.(localize(problemText(warning)));
}
