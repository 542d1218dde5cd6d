/** The tests of this repository on the machine: what they need there, and what became of each. */
import { join } from "node:path";
import { complaintsIn } from "../../../scripts/complaints.ts";
import { readTests, type TestOutcome } from "../../../scripts/junit.ts";
import { ROOT } from "../source.ts";
import { type Content, librariesOf } from "./initramfs.ts";
import { type MachineOptions, runInMachine } from "./machine.ts";

/** Of the repository; dist/hutch is there as /bin/hutch. */
const TREES = [
  "bin",
  "package.json",
  "bunfig.toml",
  "tsconfig.json",
  "node_modules/citty",
  "node_modules/consola",
  "node_modules/valibot",
  "scripts",
  "src",
  "test",
];

/** Programs of this machine that tests call, with options or ways that busybox's do not have. */
const PROGRAMS = [
  ...[
    "bash",
    "chroot",
    "env",
    "ip",
    "ipcrm",
    "ln",
    "mount",
    "nsenter",
    "prlimit",
    "ps",
    "rm",
    "setsid",
    "sleep",
  ],
  ...["setpriv", "stty", "tr", "umount", "unshare"],
];

/** What a host has, and tests look for. */
const TEXTS: Readonly<Record<string, string>> = {
  "/etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n",
  "/etc/group": "root:x:0:\nnogroup:x:65534:\n",
  "/etc/hostname": "machine\n",
  "/var/empty": "",
  "/home/empty": "",
};

/** Where the repository lies on the machine. */
const REPOSITORY = "/hutch";

/** A test takes so many times as long as on this machine (see test/support/patience.ts). */
const SLOWNESS = 4;

/** The repository, without what was built. */
export const repositoryFiles = (): Record<string, Content> =>
  Object.fromEntries(
    TREES.map((path): [string, Content] => [join(REPOSITORY, path), { from: join(ROOT, path) }]),
  );

function suiteFiles(): Record<string, Content> {
  const PATH = "/usr/sbin:/sbin:/usr/bin:/bin";
  const found = PROGRAMS.map((name) => Bun.which(name, { PATH })).filter((path) => path !== null);
  const programs = [process.execPath, ...found];
  return Object.fromEntries<Content>([
    ...Object.entries(TEXTS).map(([path, text]): [string, Content] => [path, { text }]),
    ...Object.entries(repositoryFiles()),
    [join(REPOSITORY, "dist/hutch"), { link: "/bin/hutch" }],
    ...programs.flatMap(librariesOf).map((path): [string, Content] => [path, { program: path }]),
    ...found.map((path): [string, Content] => [
      join("/usr/bin", path.replace(/.*\//, "")),
      { program: path },
    ]),
    // As Debian's; busybox's ignores signals, and takes its name for that of a program.
    ["/usr/bin/sh", { program: "/bin/sh" }],
    ["/usr/bin/bun", { program: process.execPath }],
  ]);
}

export interface SuiteResult {
  readonly tests: readonly TestOutcome[];
  /** Files for which no time was left. */
  readonly late: readonly string[];
  /** What bun printed. */
  readonly log: string;
}

/** Seconds that one group of files may take. */
const LIMIT = 400;

const REPORT = "/tmp/junit.xml";
const TEST = `bun test --timeout=120000 --reporter=junit --reporter-outfile=${REPORT}`;

/** Runs one group in a process of its own, unless it is too late. */
const groupScript = (files: readonly string[], seconds: number): string => `
if [ $(cut -d. -f1 /proc/uptime) -lt ${seconds} ]; then
  timeout -s KILL ${LIMIT} ${TEST} ${files.map((file) => `./${file}`).join(" ")}
  cat ${REPORT} >$RESULTS
  rm -rf /tmp/*
else
  echo "${files.map((file) => `late: ${file}`).join("\n")}"
fi`;

/**
 * Runs test files by their paths in the repository: each group in a process of its own, and none that would
 * begin later than `seconds` after the start of the machine.
 */
export async function runSuite(
  groups: readonly (readonly string[])[],
  seconds: number,
  options: MachineOptions,
): Promise<SuiteResult> {
  const script = `
export PATH=/usr/bin:/bin TMPDIR=/tmp NO_COLOR=1 HUTCH_CACHE=off HUTCH_TEST_SLOWNESS=${SLOWNESS}
ln -sf /usr/bin/sh /bin/sh
ln -s /proc/self/fd /dev/fd
ln -s fd/0 /dev/stdin
ln -s fd/1 /dev/stdout
ln -s fd/2 /dev/stderr
cd ${REPOSITORY}
${groups.map((files) => groupScript(files, seconds)).join("\n")}
exit 0
`;
  const { output, results } = await runInMachine({
    modules: ["overlay", "fuse"],
    memory: 2048,
    timeout: seconds + 2 * LIMIT,
    ...options,
    files: suiteFiles(),
    script,
  });
  const late = [...output.matchAll(/^late: (.*)$/gm)].map(([, file = ""]) => file);
  return { tests: readTests(results), late, log: output };
}

/** What bun printed of a failed test. */
export function complaintOf(log: string, name: string): string {
  const found = complaintsIn(log).find(({ title }) => title.includes(name));
  return found?.text ?? `failed, and said nothing: ${name}`;
}
