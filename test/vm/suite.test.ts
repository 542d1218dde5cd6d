/**
 * The end-to-end tests, and the unit tests that ask the kernel, on machines with cgroup v2 alone, with v1
 * alone and with both; their root is an initramfs. Every test counts here under the name of its machine.
 */
import { describe, expect, test } from "bun:test";
import { testUnless } from "../support/skip.ts";
import { lacksMachine } from "../support/vm/machine.ts";
import { complaintOf, runSuite, type SuiteResult } from "../support/vm/suite.ts";

/** End-to-end tests that do not run on a machine, and why. */
const LEFT_OUT: readonly (readonly [RegExp, string])[] = [
  [/\/engine-/, "needs packages that the machine does not have"],
  [/\/library\./, "needs the examples of docs, which the machine does not have"],
  [/\/(bad-command-line|bad-config|help|explain)\./, "is of texts, which are the same everywhere"],
  [/\/(overlay|rootless)\./, "needs dpkg, and a root whose file system can map ids and lie below an overlay"],
  [/\/(terminal|exec-terminal)\./, "is of terminals, at the speed of a real machine"],
  [
    /\/(escape-exec|escape-race|killed-step|lifecycle-killed|lifecycle-race)\./,
    "is of hundreds of containers, at the speed of a real machine",
  ],
];

/** Of the unit tests those that ask the kernel. */
const UNIT = /^test\/(host\/|cgroup\/remove\.)/;

/** What differs between version 1 and version 2. */
const OF_CGROUPS = /^test\/cgroup\/|^test\/e2e\/(update|events|pause|ten|compile-cgroup)\b/;

const all = [...new Bun.Glob("test/**/*.test.ts").scanSync(".")].sort();
const reasonOf = (file: string): string | undefined => LEFT_OUT.find(([pattern]) => pattern.test(file))?.[1];
const isOfCgroups = (file: string): boolean => OF_CGROUPS.test(file);
const unit = all.filter((file) => UNIT.test(file));
const endToEnd = all.filter((file) => file.startsWith("test/e2e/"));
const chosen = endToEnd.filter((file) => reasonOf(file) === undefined);
// What differs comes first, for when the time is short.
const ordered = [...chosen.filter(isOfCgroups), ...chosen.filter((file) => !isOfCgroups(file))];

/** The seconds that two machines have for what is above all to be tested, and two more for the rest. */
const [LONG = 240, SHORT = 75] = process.env["HUTCH_TEST_VM_SECONDS"]?.split(",").map(Number) ?? [];

const half = (rest: number): string[][] =>
  ordered.filter((_, index) => index % 2 === rest).map((file) => [file]);
const ofCgroups = [unit.filter(isOfCgroups), ...chosen.filter(isOfCgroups).map((file) => [file])];

interface Machine {
  readonly name: "v1" | "hybrid" | "v2";
  /** Test files that share a process. */
  readonly groups: readonly (readonly string[])[];
  readonly seconds: number;
}

/** Two of them run at a time. */
const MACHINES: readonly Machine[] = [
  { name: "v2", groups: [unit, ...half(0)], seconds: LONG },
  { name: "v2", groups: half(1), seconds: LONG },
  { name: "v1", groups: ofCgroups, seconds: SHORT },
  { name: "hybrid", groups: ofCgroups, seconds: SHORT },
];

const NOTHING: SuiteResult = { tests: [], late: [], log: "" };

async function runOne({ name, groups, seconds }: Machine): Promise<SuiteResult> {
  try {
    return await runSuite(groups, seconds, { cgroups: name });
  } catch (error) {
    return { ...NOTHING, log: error instanceof Error ? error.message : String(error) };
  }
}

async function runAll(): Promise<SuiteResult[]> {
  const first = await Promise.all(MACHINES.slice(0, 2).map(runOne));
  return [...first, ...(await Promise.all(MACHINES.slice(2).map(runOne)))];
}

const absent = lacksMachine();
const results = absent === undefined ? await runAll() : [];
const skipped = (name: string) => test.skipIf(true)(name, () => {});

for (const [index, { name, groups, seconds }] of MACHINES.entries()) {
  const { tests, late, log } = results[index] ?? NOTHING;
  describe(name, () => {
    const files = groups.flat();
    testUnless(absent)(`the machine runs its ${files.length} files`, () => {
      const told = new Set([...late, ...tests.map(({ file }) => file)]);
      const silent = files.filter((file) => !told.has(file));
      // All that was printed, where nobody else shows it.
      expect({ silent, log: silent.length > 0 ? log : "" }).toEqual({ silent: [], log: "" });
    });
    for (const file of late) skipped(`${file} (needs more time than ${seconds} seconds)`);
    for (const each of tests) {
      const title = `${each.file} > ${each.name}`;
      if (each.outcome === "skipped") skipped(title);
      else test(title, () => expect(each.outcome === "failed" ? complaintOf(log, each.name) : "").toBe(""));
    }
  });
}

describe("v2", () => {
  for (const file of endToEnd) {
    const reason = reasonOf(file);
    if (reason !== undefined) skipped(`${file} (${reason})`);
  }
});
