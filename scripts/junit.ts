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

/** Reads a report; a damaged or empty one gives zeros. */
export function readReport(xml: string): Report {
  const cases = [...xml.matchAll(/<testcase\b((?:[^>"]|"[^"]*")*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g)];
  const withTag = (tag: string) => cases.filter(([, , body]) => body?.includes(`<${tag}`));
  const skipped = withTag("skipped").map(([, attributes = ""]) => {
    const group = attribute(attributes, "classname");
    const name = attribute(attributes, "name");
    return `${attribute(attributes, "file")}: ${group === "" ? name : `${group} > ${name}`}`;
  });
  const failed = new Set([...withTag("failure"), ...withTag("error")]).size;
  return { passed: cases.length - failed - skipped.length, failed, skipped };
}
