/** The house style, as far as a program can see it. Each test lists every place that breaks its rule. */
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { complaints, importsOf, ROOT, type Source, sources } from "./support/source.ts";
import { UNTESTED } from "./support/untested.ts";

/** What a layer may import beside itself; with a slash, that one module. Imports run one way. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  linux: [],
  spec: ["linux"],
  plan: ["linux", "spec"],
  emit: ["linux", "spec", "plan"],
  host: ["linux", "plan/step"],
  // A socket and bytes on it; who asks systemd for what is the container's business.
  dbus: ["linux", "host"],
  cgroup: [
    "linux",
    "spec",
    "dbus/value",
    "dbus/gvariant",
    "plan/build",
    "plan/struct",
    "plan/cgroup",
    "plan/hierarchy",
    "plan/own-name",
    "plan/step",
  ],
  net: ["linux", "spec", "plan/step"],
  image: ["linux", "spec", "plan/step"],
  container: ["linux", "spec", "plan", "emit", "host", "cgroup", "net", "image", "dbus"],
  options: ["linux", "spec", "plan", "host", "container"],
  cli: ["linux", "spec", "plan", "emit", "host", "cgroup", "dbus", "net", "image", "container", "options"],
  library: ["linux", "spec", "plan", "emit", "host", "cgroup", "container", "options"],
  "index.ts": ["linux", "spec", "library"],
};

/** The packages that a layer may use. A module of node: costs the start of `hutch run` a millisecond. */
const PACKAGES: Readonly<Record<string, RegExp>> = {
  linux: /^$/,
  spec: /^valibot$/,
  plan: /^$/,
  emit: /^$/,
  host: /^bun(:ffi)?$/,
  dbus: /^$/,
  cgroup: /^$/,
  net: /^node:/,
  image: /^(node:|valibot$)/,
  container: /^node:/,
  options: /^$/,
  library: /^$/,
  "index.ts": /^$/,
  cli: /^(node:|citty$|consola(\/utils)?$)/,
};

/** The layers that run between the start of `hutch run` and the start of the container. */
const HOT = /^src\/(linux|spec|plan|emit|host|cgroup|dbus)\//;

const MAX_WIDTH = 110;
const MAX_LINES = 300;
const MAX_TEST_LINES = 500;

const src = sources("src/**/*.ts");
const tests = sources("test/**/*.ts");
const tools = sources("{bin,scripts,bench}/**/*.{ts,mjs}");
const written = [...src, ...tests, ...tools].filter((file) => !file.isGenerated);
// The rules would find their own text in here.
const judged = written.filter((file) => file.path !== "test/tidy.test.ts");

const layerOf = (path: string): string => path.split("/")[1] ?? "";
const moduleOf = (path: string): string => path.slice("src/".length, -".ts".length);

function arrowComplaints(file: Source): string[] {
  const layer = layerOf(file.path);
  const allowed = MAY_IMPORT[layer];
  if (allowed === undefined) return [`${file.path}: layer ${layer} is not in the table MAY_IMPORT`];
  return importsOf(file)
    .filter((path) => path.startsWith("src/") && layerOf(path) !== layer)
    .filter((path) => !allowed.includes(layerOf(path)) && !allowed.includes(moduleOf(path)))
    .map((path) => `${file.path}: imports ${path}; ${layer} may import ${allowed.join(", ") || "nothing"}`);
}

test("imports between the layers run one way", () => {
  expect(src.flatMap(arrowComplaints)).toEqual([]);
});

test("an import against the direction would be found", () => {
  const code = ["import type {", "  Plan,", '} from "../plan/step.ts";', 'import { x } from "./errno.ts";'];
  const file = { path: "src/linux/stat.ts", lines: code, code, isGenerated: false };
  expect(arrowComplaints(file)).toEqual([
    "src/linux/stat.ts: imports src/plan/step.ts; linux may import nothing",
  ]);
});

test("a layer uses only the packages it may use", () => {
  const found = src.flatMap((file) =>
    importsOf(file)
      .filter((name) => !name.startsWith("src/") && !name.endsWith("package.json"))
      .filter((name) => !PACKAGES[layerOf(file.path)]?.test(name))
      .map((name) => `${file.path}: imports ${name}, which ${layerOf(file.path)} may not use`),
  );
  expect(found).toEqual([]);
});

/** The first way from a file back to itself. */
function findCycle(graph: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): string[] | undefined => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path];
    if (done.has(path)) return undefined;
    for (const next of graph.get(path) ?? []) {
      const cycle = visit(next, [...trail, path]);
      if (cycle !== undefined) return cycle;
    }
    done.add(path);
    return undefined;
  };
  for (const path of graph.keys()) {
    const cycle = visit(path, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}

test("no module imports itself by way of others", () => {
  // Types are gone when the program runs: what they name may name them in turn.
  const graph = new Map(src.map((file) => [file.path, importsOf(file, "values")]));
  expect(findCycle(graph)?.join(" → ")).toBeUndefined();
});

test("a cycle of imports would be found", () => {
  const graph = new Map([
    ["a", ["b"]],
    ["b", ["c"]],
    ["c", ["b"]],
  ]);
  expect(findCycle(graph)).toEqual(["b", "c", "b"]);
});

test("what is slow to load stays off the hot path", () => {
  const hot = src.filter((file) => HOT.test(file.path));
  const slow = /\bprocess\.(stdout|stderr|stdin)\b|\bIntl\.|\.toLocale\w+\(|\bnew Error\.captureStackTrace/;
  expect(complaints(hot, slow, "costs milliseconds at the start")).toEqual([]);
});

test("only cli/main ends the process", () => {
  const others = src.filter((file) => file.path !== "src/cli/main.ts");
  expect(complaints(others, /\bprocess\.(exit|reallyExit|abort)\(/, "throw a HutchError instead")).toEqual(
    [],
  );
});

/** The lines of a file, but for its imports and the tables at its top level, which may be long. */
function lengthOf(file: Source): number {
  const text = file.lines.join("\n");
  const rest = text
    .replace(/^import (type )?\{\n[\s\S]*?^\} from .*;\n/gm, "")
    .replace(/^(export )?const \w+.*= [{[]\n[\s\S]*?^[}\]].*\n/gm, "");
  return rest.split("\n").length - 1;
}

test("files have one job: they are not longer than a few screens", () => {
  const limit = (file: Source) => (file.path.startsWith("test/") ? MAX_TEST_LINES : MAX_LINES);
  const long = written.filter((file) => lengthOf(file) > limit(file));
  expect(long.map((file) => `${file.path}: ${lengthOf(file)} lines; at most ${limit(file)}`)).toEqual([]);
});

/**
 * The width of a line; a literal counts as empty, because a message is better found in one piece than
 * cut.
 */
function widthOf(line: string): number {
  return line.length <= MAX_WIDTH ? line.length : line.replace(/(["`])(?:\\.|(?!\1).)*\1/g, "$1$1").length;
}

test("lines fit into the width", () => {
  const wide = written.flatMap((file) =>
    file.lines.flatMap((line, index) => {
      const width = widthOf(line);
      return width > MAX_WIDTH ? [`${file.path}:${index + 1}: ${width} columns; at most ${MAX_WIDTH}`] : [];
    }),
  );
  expect(wide).toEqual([]);
});

test("types are not talked round", () => {
  expect([
    ...complaints(judged, /\bas any\b|: any\b|<any>|\bany\[\]/, "name the type, or unknown"),
    ...complaints(judged, /\bas unknown as\b/, "a cast through unknown hides a wrong type"),
    ...complaints(judged, /@ts-(ignore|expect-error|nocheck)/, "mend the type", "lines"),
    ...complaints(judged, /^\s*(export )?(declare )?(const )?enum \w+ \{/, "a table `as const` instead"),
  ]).toEqual([]);
});

test("a class is an error", () => {
  const pattern = /^\s*(export )?(default )?(abstract )?class (?!\w+ extends (\w*Error)\b)\w+/;
  expect(complaints(src, pattern, "functions and data instead")).toEqual([]);
});

test("nothing is left undone or switched off", () => {
  const off = /\b(test|describe|it)\.(only|todo|skip)\(/;
  expect([
    ...complaints(judged, /\b(TODO|FIXME|XXX|HACK)\b/, "do it, or write an issue", "lines"),
    ...complaints(judged, off, "skipIf, with the reason in the name"),
  ]).toEqual([]);
});

test("nothing of one machine is in the project", () => {
  const texts = sources("{.ci/*,*.md,*.json,*.toml,docs/**/*.md,test/oci/**}");
  const path = /(?<![\w.$}])\/(work|Users|home\/(?!user\b|app\b)\w+)\//;
  const host = /"resolved": "(?!https:\/\/registry\.npmjs\.org\/)[^"]*/;
  expect(complaints([...judged, ...texts], path, "a path of one machine", "lines")).toEqual([]);
  expect(complaints(texts, host, "a host that not everybody reaches", "lines")).toEqual([]);
});

/** A file without functions is a table or a set of types: there is nothing to run. */
function hasFunctions(file: Source): boolean {
  return file.code.some((line) => /\bfunction\b|=>/.test(line) && !/^\s*(export )?type\b/.test(line));
}

test("every module has a test, or a reason why it has none", () => {
  const imported = new Set(tests.flatMap((file) => importsOf(file)));
  const isTested = (path: string) => {
    const stem = moduleOf(path);
    const names = [`test/${stem}.test.ts`, `test/e2e/${stem.split("/").at(-1)}.test.ts`];
    return imported.has(path) || names.some((name) => existsSync(`${ROOT}/${name}`));
  };
  const missing = src
    .filter((file) => !file.isGenerated && hasFunctions(file) && !isTested(file.path))
    .filter((file) => UNTESTED[file.path] === undefined)
    .map((file) => `${file.path}: needs test/${moduleOf(file.path)}.test.ts, or a line in untested.ts`);
  const stale = Object.keys(UNTESTED)
    .filter((path) => !existsSync(`${ROOT}/${path}`) || isTested(path))
    .map((path) => `test/support/untested.ts: ${path} is gone, or has a test now`);
  expect([...missing, ...stale]).toEqual([]);
});

test("the lockfile names every package for every platform", async () => {
  const { packages }: { packages: Record<string, { optionalDependencies?: Record<string, string> }> } =
    await Bun.file(`${ROOT}/package-lock.json`).json();
  const missing = Object.values(packages)
    .flatMap((entry) => Object.keys(entry.optionalDependencies ?? {}))
    .filter((name) => packages[`node_modules/${name}`] === undefined);
  expect(missing.map((name) => `package-lock.json: no entry for ${name}: npm ci refuses it`)).toEqual([]);
});
