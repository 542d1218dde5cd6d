/** Modules without a test file of their own, and where what they do is tested instead. */
export const UNTESTED: Readonly<Record<string, string>> = {
  "src/cli/output.ts": "two lines around host/fd's write; every test of test/e2e reads what they write",
};
