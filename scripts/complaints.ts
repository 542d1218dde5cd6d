/** What `bun test` printed of each test that failed. */

/** Lines with which the text of one test ends, and that of the next begins. */
const BOUNDARY = /^(\((pass|fail|skip|todo)\) |test\/)/;

export interface Complaint {
  /** The line of the failure: "(fail) group > name [1.20ms]". */
  readonly title: string;
  /** All that was printed since the test before it, with the title. */
  readonly text: string;
}

/** The failures in a log without colours, in their order. */
export function complaintsIn(log: string): Complaint[] {
  const complaints: Complaint[] = [];
  let lines: string[] = [];
  for (const line of log.split("\n")) {
    if (!BOUNDARY.test(line)) {
      lines.push(line);
      continue;
    }
    if (line.startsWith("(fail) "))
      complaints.push({ title: line, text: [...lines, line].join("\n").trim() });
    lines = [];
  }
  return complaints;
}
