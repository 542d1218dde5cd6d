/**
 * Unit tests of programs that have to run without an emulator of one process, on a machine of aarch64: what
 * nativeContract() skips elsewhere. Every test counts here by its own name.
 */
import { expect, test } from "bun:test";
import { readTests, type TestOutcome } from "../../scripts/junit.ts";
import { anyReason, testUnless } from "../support/skip.ts";
import { sources } from "../support/source.ts";
import { foreignBunFiles, lacksForeignBun } from "../support/vm/bun.ts";
import { lacksMachine, runInMachine } from "../support/vm/machine.ts";
import { complaintOf, repositoryFiles } from "../support/vm/suite.ts";

const NATIVE = /^ *nativeContract\(/;
const files = sources("test/**/*.test.ts")
  .filter(({ code }) => code.some((line) => NATIVE.test(line)))
  .map(({ path }) => path);

/** Exit codes from here on are of what a signal has ended. */
const SIGNALLED = 128;

/** Bun itself may crash on an interpreted processor, and reports nothing then: it has three tries. */
const runFile = (file: string): string => `
for try in 1 2 3; do
  rm -f $REPORT
  bun test --timeout=60000 --reporter=junit --reporter-outfile=$REPORT ./${file}
  code=$?
  [ -s $REPORT ] && break
done
[ -s $REPORT ] || [ $code -lt ${SIGNALLED} ] || echo "crashed: ${file}"
[ ! -s $REPORT ] || cat $REPORT >$RESULTS`;

const script = `
export PATH=/usr/bin:/bin TMPDIR=/tmp NO_COLOR=1 HUTCH_CACHE=off HUTCH_TEST_SLOWNESS=4
export BUN_JSC_useConcurrentJIT=0 BUN_JSC_useDFGJIT=0
REPORT=/tmp/junit.xml
ln -s /proc/self/fd /dev/fd
cd /hutch
${files.map(runFile).join("\n")}
exit 0
`;

interface Ran {
  readonly tests: readonly TestOutcome[];
  readonly log: string;
}

async function runAll(): Promise<Ran> {
  try {
    const { output, results } = await runInMachine({
      architecture: "arm64",
      memory: 1536,
      timeout: 300,
      processors: 1,
      files: { ...repositoryFiles(), ...foreignBunFiles(), "/usr/bin/env": { link: "/bin/busybox" } },
      script,
    });
    return { tests: readTests(results).filter(({ outcome }) => outcome !== "skipped"), log: output };
  } catch (error) {
    return { tests: [], log: error instanceof Error ? error.message : String(error) };
  }
}

const absent = anyReason(lacksMachine("arm64"), lacksForeignBun());
const { tests, log } = absent === undefined ? await runAll() : { tests: [], log: "" };

const crashed = [...log.matchAll(/^crashed: (.*)$/gm)].map(([, file = ""]) => file);

testUnless(absent)(`aarch64: the machine runs ${files.length} files, with what is skipped elsewhere`, () => {
  expect(files.length).toBeGreaterThan(0);
  const told = new Set(tests.filter(({ name }) => name.includes("aarch64")).map(({ file }) => file));
  const silent = files.filter((file) => !told.has(file) && !crashed.includes(file));
  expect({ silent, log: silent.length > 0 ? log : "" }).toEqual({ silent: [], log: "" });
});

for (const file of crashed)
  test.skipIf(true)(
    `aarch64: ${file} (needs a Bun that does not crash on this machine's emulator)`,
    () => {},
  );

for (const { file, name, outcome } of tests)
  test(`aarch64: ${file} > ${name}`, () =>
    expect(outcome === "failed" ? complaintOf(log, name) : "").toBe(""));
