/** Totals and names out of the report that `bun test --reporter=junit` writes. */

export interface Report {
  readonly passed: number;
  readonly failed: number;
  /** Names of the tests that did not run, with their file. */
  readonly skipped: readonly string[];
}

const ENTITIES: Readonly<Record<string, string>> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };

function decode(text: string): string {
  return text.replace(/&(?:#(\d+)|#x([0-9a-f]+)|(\w+));/gi, (whole, decimal, hex, name) => {
    if (decimal !== undefined) return String.fromCodePoint(Number(decimal));
    return hex === undefined ? (ENTITIES[name] ?? whole) : String.fromCodePoint(Number.parseInt(hex, 16));
  });
}

function attribute(attributes: string, name: string): string {
  return decode(new RegExp(`(?:^|\\s)${name}="([^"]*)"`).exec(attributes)?.[1] ?? "");
}

export interface TestOutcome {
  readonly file: string;
  /** With the groups around it. */
  readonly name: string;
  readonly outcome: "passed" | "failed" | "skipped";
}

const nameOf = (group: string, name: string): string => (group === "" ? name : `${group} > ${name}`);

function outcomeOf(body: string): TestOutcome["outcome"] {
  if (body.includes("<skipped")) return "skipped";
  return /<(failure|error)/.test(body) ? "failed" : "passed";
}

/** Every test of a report; a damaged or empty one has none. */
export function readTests(xml: string): TestOutcome[] {
  const cases = xml.matchAll(/<testcase\b((?:[^>"]|"[^"]*")*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g);
  return [...cases].map(([, attributes = "", body = ""]) => ({
    file: attribute(attributes, "file"),
    name: nameOf(attribute(attributes, "classname"), attribute(attributes, "name")),
    outcome: outcomeOf(body),
  }));
}

/** Reads a report; a damaged or empty one gives zeros. */
export function readReport(xml: string): Report {
  const tests = readTests(xml);
  const of = (wanted: TestOutcome["outcome"]) => tests.filter(({ outcome }) => outcome === wanted);
  return {
    passed: of("passed").length,
    failed: of("failed").length,
    skipped: of("skipped").map(({ file, name }) => `${file}: ${name}`),
  };
}
