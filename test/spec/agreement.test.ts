import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { defaultSpec } from "../../src/spec/default.ts";
import { parseSpec } from "../../src/spec/parse.ts";
import { isValid } from "../support/json-schema.ts";
import { ABSENT, messageOf, mutated, numbers, type Path, pathsOf } from "./mutate.ts";

const oci = `${import.meta.dir}/../oci`;
const schema = `${oci}/schema/config-schema.json`;
const sample: unknown = JSON.parse(readFileSync(`${oci}/samples/config/good/spec-example.json`, "utf8"));

const VALUES: readonly unknown[] = [
  ...[ABSENT, null, true, false, 0, 1, -1, 1.5, 511, 512, 65536, 4294967296, 2 ** 63, 2 ** 64, 2 ** 65],
  ...["", "x", "/x", "CAP_KILL", "RLIMIT_CPU", "SCMP_ACT_ERRNO", "c", "2MB", "1.2.3", [], [1], ["x"], {}],
  ...[{ x: 1 }, { x: "x" }, { type: "x" }],
];

/** What hutch refuses and the official schema does not see, by the path and expectation that are told. */
const STRICTER: readonly (readonly [told: RegExp, reason: string])[] = [
  [/^ociVersion: expected a version/, "the text wants a semantic version"],
  [/^root: expected an object \(it is required\)/, "the text requires root on POSIX platforms"],
  [/^root\.path: expected the path/, "no directory has an empty name"],
  [/^process\.cwd: expected an absolute path/, "the text wants an absolute path"],
  [/^process\.args(\[0\])?: expected (at least one|the name)/, "the text requires an entry"],
  [/^process\.env\[\d+\]: expected NAME=value/, "environ of POSIX"],
  [/^process\.capabilities\./, "names and subsets that capset(2) takes"],
  [/^process\.rlimits\[\d\]\.(type|soft): expected (a known|every type|one of|a value ≤)/, "setrlimit(2)"],
  [/^process\.user\.(uid|gid|umask|additionalGids)/, "setresuid(2), umask(2)"],
  [/^(hostname|domainname): expected a uts namespace/, "sethostname(2) would rename the host"],
  [/^mounts: expected a mount namespace/, "mounts would appear on the host"],
  [/^linux\.(maskedPaths|readonlyPaths)/, "paths must be inside the container, in a mount namespace"],
  [/^mounts\[\d\]\.(destination|type|source): expected/, "what mount(2) needs"],
  [/^linux\.namespaces\[\d\]\.(type|path): expected (every|an absolute)/, "the text wants each type once"],
  [/^linux\.[ug]idMappings/, "user_namespaces(7)"],
  [/^linux\.timeOffsets/, "time_namespaces(7); an unknown clock would be lost"],
  [/^linux\.sysctl\[/, "a parameter must belong to a namespace of the container"],
  [/^linux\.devices\[\d\]\.(path|major|minor)/, "the text requires them, mknod(2) limits them"],
  [/^linux\.resources\.devices\[\d\]\.(type|access|major|minor)/, "the text lists the letters"],
  [/^linux\.resources\.(memory|cpu|blockIO|network|rdma)\b/, "what the control group's files take"],
  [/^linux\.resources\.unified: expected names of files/, "a slash would lead into another directory"],
  [/^linux\.seccomp\./, "the text wants an error for an errno where there is none"],
  [/^hooks\.\w+\[\d\]\.(path|env)/, "the text wants an absolute path"],
  [/: expected an integer from -?\d+ to 9007199254740991,/, "no such count fits any kernel interface"],
  [/^process\.oomScoreAdj: expected an integer from -1000/, "proc(5)"],
];

function compare(base: unknown, path: Path, value: unknown): string | undefined {
  const spec = mutated(base, path, value);
  const official = isValid(spec, schema);
  const said = messageOf(() => parseSpec(spec)).replace(/^config\.json: /, "");
  if (official === (said === "")) return undefined;
  const lines = said.split("\n  ").slice(said.includes("\n") ? 1 : 0);
  if (official && lines.every((line) => STRICTER.some(([told]) => told.test(line)))) return undefined;
  const change = `${path.join(".")} = ${value === ABSENT ? "absent" : JSON.stringify(value)}`;
  return `${change}: the schema ${official ? "accepts" : "refuses"} it, hutch says: ${said || "nothing"}`;
}

test("on every single change of the default configuration hutch and the official schema agree", () => {
  const base = defaultSpec();
  const disagreements = pathsOf(base).flatMap((path) =>
    VALUES.flatMap((value) => compare(base, path, value) ?? []),
  );
  expect(disagreements).toEqual([]);
});

test("on random changes of the specification's largest sample hutch and the official schema agree", () => {
  const paths = pathsOf(sample);
  const random = numbers(1);
  const disagreements: string[] = [];
  for (let round = 0; round < 1000; round++) {
    const path = paths[random(paths.length)] ?? [];
    disagreements.push(...[compare(sample, path, VALUES[random(VALUES.length)]) ?? []].flat());
  }
  expect(disagreements).toEqual([]);
});

test("hutch takes the recursive propagations too, which container managers write and the schema lacks", () => {
  const spec = mutated(defaultSpec(), ["linux", "rootfsPropagation"], "rslave");
  expect(isValid(spec, schema)).toBe(false);
  expect(parseSpec(spec).linux?.rootfsPropagation).toBe("rslave");
});

test("the evaluator of these tests refuses the specification's bad samples", () => {
  for (const name of ["linux-hugepage", "linux-netdevice", "linux-rdma"]) {
    const bad: unknown = JSON.parse(readFileSync(`${oci}/samples/config/bad/${name}.json`, "utf8"));
    expect(isValid(bad, schema)).toBe(false);
  }
});
