/** Wrong configurations: each is refused before anything is done, by path, with what was expected. */
import { beforeAll, describe, expect } from "bun:test";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Mount } from "../../src/spec/spec.ts";
import { configOf, hostBefore, leftBehind, runConfig, writeBundle } from "../support/attack.ts";
import { hutch, lacksHutch } from "../support/hutch.ts";
import { lacksBusybox, rootfs } from "../support/rootfs.ts";
import { anyReason, lacksRoot, testUnless } from "../support/skip.ts";

const ready = anyReason(lacksHutch(), lacksBusybox());
const anyone = testUnless(ready);
const rooted = testUnless(anyReason(ready, lacksRoot()));

let root = "";

beforeAll(async () => {
  if (ready === undefined) root = await rootfs();
});

/** Sets a value by its path, `a.b[0].c`; undefined takes it away. */
function withValue(config: unknown, path: string, value: unknown): unknown {
  const keys = path.match(/[^.[\]]+/g) ?? [];
  const copy: unknown = structuredClone(config);
  let at = copy;
  for (const [index, key] of keys.entries()) {
    if (typeof at !== "object" || at === null) throw new Error(`${path}: there is no ${key}`);
    const isLast = index === keys.length - 1;
    if (isLast && value === undefined) Reflect.deleteProperty(at, key);
    else if (isLast) Reflect.set(at, key, value);
    else if (Reflect.get(at, key) === undefined) Reflect.set(at, key, {});
    at = Reflect.get(at, key);
  }
  return copy;
}

async function expectRefusal(config: unknown, message: RegExp): Promise<void> {
  const before = hostBefore();
  const { code, stdout, stderr } = await runConfig(config);
  expect(stderr).toMatch(message);
  expect(stderr).toStartWith("hutch: ");
  expect(stderr).not.toMatch(/\n {4}at |\.ts:\d|defect of hutch|\[object/);
  expect({ code, stdout }).toEqual({ code: 125, stdout: "" });
  expect(await leftBehind(before)).toEqual([]);
}

/** The text of config.json, and what is said of it. */
const TEXTS: readonly (readonly [name: string, text: string, message: RegExp])[] = [
  ["empty", "", /config\.json: line 1, column 1: expected a value, received the end of the text/],
  ["no JSON", "hello", /config\.json: line 1, column 1: expected a value, received "hello"/],
  ["cut off", '{\n  "ociVersion": "1.3.0",\n', /line 3, column 1: expected a key in double quotes/],
  [
    "with a comma too many",
    '{\n  "a": 1,\n}',
    /line 3, column 1: expected a key in double quotes, received "}"/,
  ],
  ["with a comma too few", '{\n  "a": 1\n  "b": 2\n}', /line 3, column 3: expected "," or "}"/],
  ["with single quotes", "{'a': 1}", /line 1, column 2: expected a key in double quotes/],
  ["with a comment", '{\n// no\n"a": 1}', /line 2, column 1: expected a key in double quotes/],
  ["with a line break in a string", '{"a": "b\nc"}', /line 1, column 7: expected a closed string/],
  ["with more after its end", "{} {}", /line 1, column 4: expected the end of the text/],
  ["an array", "[]", /config\.json: expected an object, received an empty array/],
  ["null", "null", /config\.json: expected an object, received null/],
  ["a number", "7", /config\.json: expected an object, received 7/],
  ["binary", "\u0000\u0001\u0002", /line 1, column 1: expected a value/],
  ["deep", "[".repeat(100_000), /config\.json: /],
];

describe("a config.json that is", () => {
  for (const [name, text, message] of TEXTS) {
    anyone(`${name}: is refused with its place`, () => expectRefusal(text, message));
  }

  anyone("a directory: is refused", async () => {
    const bundle = writeBundle("{}");
    mkdirSync(join(bundle, "sub/config.json"), { recursive: true });
    const result = await hutch(["run", "--bundle", join(bundle, "sub"), "box"]);
    expect(result).toMatchObject({ code: 125, stdout: "" });
    expect(result.stderr).toMatch(/^hutch: .*config\.json.*EISDIR/);
  });

  anyone("a symlink to nothing: is refused", async () => {
    const bundle = writeBundle("{}");
    mkdirSync(join(bundle, "sub"));
    symlinkSync("nowhere", join(bundle, "sub/config.json"));
    const result = await hutch(["run", "--bundle", join(bundle, "sub"), "box"]);
    expect(result.code).toBe(125);
    expect(result.stderr).toMatch(/^hutch: read .*config\.json: ENOENT/);
  });
});

/** A field, the value that is wrong, and what is said of it. */
const FIELDS: readonly (readonly [path: string, value: unknown, message: RegExp])[] = [
  ["ociVersion", undefined, /ociVersion: expected .*received nothing/],
  ["ociVersion", "2.0.0", /ociVersion: expected a version below 2\.0\.0, received "2\.0\.0"/],
  ["ociVersion", "new", /ociVersion: expected a version such as 1\.3\.0, received "new"/],
  ["root", undefined, /root: expected an object/],
  ["root.path", 7, /root\.path: expected .*received 7/],
  ["root.path", "/no/such/place", /root\.path \/no\/such\/place: ENOENT/],
  ["root.path", "/etc/passwd", /root\.path \/etc\/passwd: ENOTDIR/],
  ["root.readonly", "yes", /root\.readonly: expected true or false, received "yes"/],
  ["process", undefined, /process: expected an object \(there is nothing to run\)/],
  ["process.args", [], /process\.args: expected at least one string/],
  ["process.args", "sh", /process\.args: expected an array, received "sh"/],
  ["process.args", ["sh", 7], /process\.args\[1\]: expected .*received 7/],
  ["process.args", ["sh\u0000-c"], /process\.args\[0\]|NUL/],
  ["process.env", ["A"], /process\.env\[0\]: expected NAME=value, received "A"/],
  ["process.env", ["A=\u0000"], /process\.env\[0\]|NUL/],
  ["process.cwd", "relative", /process\.cwd: expected an absolute path, received "relative"/],
  ["process.cwd", "/a\u0000b", /process\.cwd|NUL/],
  ["process.user.uid", -1, /process\.user\.uid: expected .*received -1/],
  ["process.user.uid", 4294967295, /process\.user\.uid: expected an id below 4294967295/],
  ["process.user.uid", 1.5, /process\.user\.uid: expected .*received 1\.5/],
  ["process.user.uid", "root", /process\.user\.uid: expected .*received "root"/],
  ["process.user.umask", 512, /process\.user\.umask: expected permission bits up to 511/],
  [
    "process.rlimits[0].type",
    "RLIMIT_NOPE",
    /process\.rlimits\[0\]\.type: expected .*received "RLIMIT_NOPE"/,
  ],
  [
    "process.rlimits[0].soft",
    4096,
    /process\.rlimits\[0\]\.soft: expected a value ≤ hard \(1024\), received 4096/,
  ],
  [
    "process.capabilities.effective",
    ["CAP_NO"],
    /capabilities\.effective\[0\]: expected .*received "CAP_NO"/,
  ],
  ["process.capabilities.permitted", ["SYS_ADMIN"], /capabilities\.permitted\[0\]: expected .*CAP_SYS_ADMIN/],
  [
    "process.capabilities.effective",
    ["CAP_CHOWN"],
    /effective\[0\]: expected a capability that is also permitted/,
  ],
  ["process.oomScoreAdj", 1001, /process\.oomScoreAdj: expected an integer from -1000 to 1000/],
  ["process.scheduler", { policy: "SCHED_NO" }, /process\.scheduler\.policy: expected/],
  ["process.scheduler", { policy: "SCHED_FIFO" }, /scheduler\.priority: expected an integer from 1 to 99/],
  [
    "process.ioPriority",
    { class: "IOPRIO_CLASS_BE", priority: 9 },
    /ioPriority\.priority: expected an integer/,
  ],
  ["hostname", "h".repeat(65), /hostname: expected at most 64 bytes/],
  ["mounts", {}, /mounts: expected an array, received an empty object/],
  ["mounts[0].destination", "", /mounts\[0\]\.destination: expected an absolute path/],
  ["mounts[0].destination", "/a/../../b", /mounts\[0\]\.destination: expected a path without \.\./],
  ["mounts[0].type", undefined, /mounts\[0\]\.type: expected a file system type/],
  ["mounts[0].options", ["bind"], /mounts\[0\].*(source|expected)|ENOENT/],
  ["mounts[0].options", "ro", /mounts\[0\]\.options: expected an array/],
  ["mounts[0].destination", "/a\u0000b", /mounts\[0\]|NUL/],
  ["hooks", { poststop: [{ path: "true" }] }, /hooks\.poststop\[0\]\.path: expected an absolute path/],
  ["linux.namespaces", [{ type: "no" }], /linux\.namespaces\[0\]\.type: expected .*received "no"/],
  ["linux.namespaces", [{ type: "pid" }, { type: "pid" }], /linux\.namespaces\[1\]/],
  ["linux.namespaces", [{ type: "pid" }], /mounts: expected a mount namespace/],
  ["linux.namespaces[0].path", "relative", /linux\.namespaces\[0\]\.path: expected an absolute path/],
  ["linux.uidMappings", [{ containerID: 0, hostID: 0, size: 1 }], /linux\.uidMappings.*user namespace/],
  [
    "linux.sysctl",
    { "kernel.panic": "1" },
    /linux\.sysctl\["kernel\.panic"\]: expected a parameter of a namespace/,
  ],
  ["linux.sysctl", { "net.ipv4.ip_forward": 1 }, /linux\.sysctl.*: expected .*received 1/],
  ["linux.devices", [{ path: "/dev/x", type: "q" }], /linux\.devices\[0\]\.type: expected/],
  ["linux.devices", [{ path: "/dev/x", type: "c" }], /linux\.devices\[0\]\.major: expected an integer/],
  ["linux.devices", [{ path: "x", type: "p" }], /linux\.devices\[0\]\.path: expected/],
  ["linux.rootfsPropagation", "public", /linux\.rootfsPropagation: expected/],
  ["linux.maskedPaths", ["relative"], /linux\.maskedPaths\[0\]: expected an absolute path/],
  ["linux.readonlyPaths", ["/a/\u0000"], /linux\.readonlyPaths|NUL/],
  ["linux.resources.memory", { limit: "64m" }, /linux\.resources\.memory\.limit: expected .*received "64m"/],
  ["linux.resources.memory", { swappiness: 101 }, /linux\.resources\.memory\.swappiness: expected/],
  ["linux.resources.unified", { "../memory.max": "1" }, /linux\.resources\.unified/],
  ["linux.cgroupsPath", "/../../escape", /cgroup/i],
  ["linux.seccomp", {}, /linux\.seccomp\.defaultAction: expected/],
  ["linux.seccomp", { defaultAction: "SCMP_ACT_NO" }, /linux\.seccomp\.defaultAction: expected/],
  ["linux.seccomp", { defaultAction: "SCMP_ACT_NOTIFY" }, /linux\.seccomp\.(defaultAction|listenerPath)/],
  ["linux.intelRdt", { closID: "x" }, /linux\.intelRdt: not supported yet/],
  ["linux.timeOffsets", { monotonic: { secs: 1 } }, /linux\.timeOffsets.*time namespace/],
  ["linux.personality", { domain: "PLAN9" }, /linux\.personality\.domain: expected/],
];

describe("a field that is wrong", () => {
  for (const [path, value, message] of FIELDS) {
    const shown = JSON.stringify(value) ?? "nothing";
    rooted(`${path} = ${shown.length > 50 ? `${shown.slice(0, 50)}…` : shown}: is refused by its path`, () =>
      expectRefusal(withValue(configOf(root), path, value), message),
    );
  }

  rooted("many at once: all are told, the tenth and later by their number", async () => {
    const env = Array.from({ length: 14 }, (_, index) => `bad${index}`);
    const { code, stderr } = await runConfig(configOf(root, { process: { env } }));
    expect(code).toBe(125);
    expect(stderr).toMatch(/^hutch: config\.json: 14 problems\n {2}process\.env\[0\]: .*\n/);
    expect(stderr).toEndWith("and 4 more\n");
  });

  rooted("a mapping that overlaps: is refused", () => {
    const linux = {
      namespaces: [{ type: "user" as const }, { type: "mount" as const }],
      uidMappings: [
        { containerID: 0, hostID: 1000, size: 10 },
        { containerID: 5, hostID: 5000, size: 10 },
      ],
    };
    return expectRefusal(
      configOf(root, { linux }),
      /linux\.uidMappings\[1\]\.containerID: expected a range that/,
    );
  });

  rooted("an unknown field is ignored, wherever it stands", async () => {
    const config = { ...configOf(root, { process: { args: ["echo", "ran"] } }), windows: {}, futureField: 1 };
    expect(await runConfig(config)).toMatchObject({ code: 0, stdout: "ran\n", stderr: "" });
  });

  rooted("integers above 2^53 keep every digit", async () => {
    const limits =
      '"rlimits":[{"type":"RLIMIT_CORE","soft":18446744073709551616,"hard":18446744073709551615}]';
    const text = JSON.stringify(configOf(root)).replace(/"rlimits":\[.*?\]/, limits);
    await expectRefusal(text, /process\.rlimits\[0\]\.soft: expected .*received 18446744073709551616/);
  });
});

describe("option words of a bind", () => {
  const bound = (options: string[]): Mount => ({
    destination: "/mnt",
    type: "bind",
    source: "/etc",
    options,
  });
  const withMount = (mount: Mount): unknown => {
    const config = configOf(root);
    return { ...config, mounts: [...(config.mounts ?? []), mount] };
  };

  rooted("that nobody knows are refused: a mistyped ro must not leave the mount writable", async () => {
    for (const word of ["roo", "read-only", "size=5m"]) {
      await expectRefusal(
        withMount(bound(["rbind", word])),
        /mounts\[7\]\.options\[1\]: expected an option of bind/,
      );
    }
  });
});

anyone("hutch explain says the same of a wrong bundle, and runs nothing", async () => {
  const bundle = writeBundle(withValue(configOf(root), "process.cwd", "relative"));
  const { code, stdout, stderr } = await hutch(["explain", "--bundle", bundle]);
  expect({ code, stdout }).toEqual({ code: 125, stdout: "" });
  expect(stderr).toMatch(/^hutch: config\.json: process\.cwd: expected an absolute path/);
  writeFileSync(join(bundle, "config.json"), "{");
  expect((await hutch(["explain", "--bundle", bundle])).stderr).toMatch(
    /^hutch: config\.json: line 1, column 2/,
  );
});
