import { expect, test } from "bun:test";
import { readReport, readTests } from "../../scripts/junit.ts";

const REPORT = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="bun test" tests="4" failures="1" skipped="1">
  <testsuite name="x.test.ts" file="x.test.ts">
    <testcase name="a > b" classname="" time="0" file="x.test.ts" line="2" />
    <testcase name="c (needs &lt;objdump&gt; &amp; &quot;x&quot;)" classname="group" file="x.test.ts">
      <skipped />
    </testcase>
    <testcase name="d" classname="" file="x.test.ts" line="4">
      <failure type="AssertionError" message="a &#10; b">&lt;skipped</failure>
    </testcase>
    <testcase name="e" classname="" file="x.test.ts" line="5" />
  </testsuite>
</testsuites>`;

test("a report gives the totals and the names of skipped tests with their reasons", () => {
  expect(readReport(REPORT)).toEqual({
    passed: 2,
    failed: 1,
    skipped: ['x.test.ts: group > c (needs <objdump> & "x")'],
  });
});

test("a report that was not written counts nothing", () => {
  expect(readReport("")).toEqual({ passed: 0, failed: 0, skipped: [] });
});

test("every test is told with its outcome", () => {
  expect(readTests(REPORT).map(({ name, outcome }) => `${outcome}: ${name}`)).toEqual([
    "passed: a > b",
    'skipped: group > c (needs <objdump> & "x")',
    "failed: d",
    "passed: e",
  ]);
});
