/** Modules without a test file of their own, and where what they do is tested instead. */
export const UNTESTED: Readonly<Record<string, string>> = {
  "src/container/beside.ts": "test/e2e/hooks.test.ts runs containers with hooks in the foreground",
  "src/cli/output.ts": "two lines around host/fd's write; every test of test/e2e reads what they write",
  "src/cli/debug.ts": "test/e2e/globals.test.ts reads what it tells",
  "src/cli/checkpoint.ts": "test/e2e/globals.test.ts asks for it",
  "src/cli/features.ts":
    "prints what test/container/features.test.ts judges; test/e2e/globals.test.ts runs it",
  "src/container/update-devices.ts":
    "calls of the kernel around cgroup/device-change; test/e2e/update.test.ts opens devices on v1, test/vm on v2",
  "src/cli/restore.ts": "test/e2e/globals.test.ts asks for it",
  "src/cli/resume.ts": "test/e2e/pause.test.ts runs it after each pause",
  "src/plan/entry-unchanged.ts":
    "a part of entry-exec; test/plan/entry-exec.test.ts changes each thing it looks at",
  "src/plan/entry-title.ts":
    "a part of entry-exec; what test/plan/entry-exec.test.ts executes reads its title",
  "src/plan/own-hooks.ts":
    "test/e2e/compile-hooks.test.ts runs every kind of hook, and lets each fail and hang",
  "src/plan/init-hooks.ts":
    "test/e2e/compile-hooks.test.ts runs every kind of hook, and lets each fail and hang",
  "src/emit/compact-call.ts": "a part of compact programs; every contract of test/emit runs such programs",
  "src/emit/compact-code.ts": "a part of compact programs; every contract of test/emit runs such programs",
  "src/emit/compact-encode-call.ts":
    "a part of compact programs; every contract of test/emit runs such programs",
  "src/emit/compact-encode.ts": "a part of compact programs; every contract of test/emit runs such programs",
  "src/emit/compact-machine.ts": "a part of compact programs; every contract of test/emit runs such programs",
  "src/emit/compact-operand.ts": "a part of compact programs; every contract of test/emit runs such programs",
  "src/emit/compact-report.ts": "a part of compact programs; every contract of test/emit runs such programs",
  "src/emit/compact-range-unpack.ts":
    "test/emit/compact-range.test.ts reads what the machine code has unpacked",
  "src/emit/x86_64-operand.ts":
    "a part of x86_64; test/emit/x86_64.test.ts has golden rows of each instruction",
  "src/emit/aarch64-operand.ts":
    "a part of aarch64; test/emit/aarch64.test.ts has golden rows of each instruction",
  "src/emit/report-frame.ts": "a part of report-code; every contract of test/emit/report.test.ts runs it",
  "src/emit/report-pipe.ts": "a part of report-code; every contract of test/emit/report.test.ts runs it",
  "src/emit/report-print.ts": "a part of report-code; every contract of test/emit/report.test.ts runs it",
  "src/emit/errno-texts.ts": "test/emit/compact.test.ts and report.test.ts read messages with such texts",
  "src/emit/compact-steps.ts": "a part of compact programs; every contract of test/emit runs such programs",
};
