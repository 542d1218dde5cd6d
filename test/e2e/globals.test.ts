/** The options before the command, and how an engine learns what went wrong. */
import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { hutch, lacksHutch } from "../support/hutch.ts";
import { isValid } from "../support/json-schema.ts";
import { lacksBusybox } from "../support/rootfs.ts";
import { anyReason, lacksRoot, testUnless } from "../support/skip.ts";
import { ROOT } from "../support/source.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { type Change, freshId, withLinux } from "./support-inside.ts";
import { limited, place, remains, stateOf } from "./support-lifecycle.ts";

const anyone = testUnless(lacksHutch());
const directory = temporaryDirectory("globals");
const root = join(directory, "root");
const hasSystemd = existsSync("/run/systemd/private") ? "needs a machine without systemd" : undefined;
const errorsIn = (path: string): { level: string; msg: string; time: string }[] =>
  readFileSync(path, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));

describe("errors", () => {
  anyone("of a command of runc's have exit code 1, and are told on standard error", async () => {
    const message = "hutch: container nobody: does not exist; hint: hutch list\n";
    const update = ["update", "--pids-limit", "5"];
    for (const words of [["start"], ["state"], ["pause"], ["resume"], ["events"], update, ["kill"]]) {
      expect({ words, ...(await hutch(["--root", root, ...words, "nobody"])) }).toEqual({
        words,
        code: 1,
        signal: null,
        stdout: "",
        stderr: message,
      });
    }
  });

  anyone("are added to --log as lines of JSON, as containerd's shim reads them", async () => {
    const log = join(directory, "log.json");
    const given = ["--root", root, "--log", log, "--log-format", "json"];
    const { code, stderr } = await hutch([...given, "state", "one"]);
    expect(code).toBe(1);
    expect(stderr).toStartWith("hutch: container one: does not exist");
    await hutch([...given, "start", "two"]);
    const errors = errorsIn(log);
    expect(errors.map(({ level }) => level)).toEqual(["error", "error"]);
    expect(errors.map(({ msg }) => msg)).toEqual([
      "container one: does not exist; hint: hutch list",
      "container two: does not exist; hint: hutch list",
    ]);
    for (const { time } of errors) {
      expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
      expect(Math.abs(Date.parse(time) - Date.now())).toBeLessThan(60_000);
    }
  });

  anyone("are JSON on standard error where there is no --log, as runc's are", async () => {
    const { code, stderr } = await hutch(["--root", root, "--log-format", "json", "state", "one"]);
    expect(code).toBe(1);
    expect(JSON.parse(stderr)).toMatchObject({
      level: "error",
      msg: expect.stringContaining("does not exist"),
    });
  });

  anyone("are added as text when no format is given, and of a wrong command line too", async () => {
    const log = join(directory, "log.txt");
    await hutch([`--log=${log}`, "pause", "--no-such"]);
    await hutch([`--log=${log}`, "--no-such"]);
    await hutch([`--log=${log}`, "--rootless=maybe", "state", "box"]);
    expect(readFileSync(log, "utf8").trim().split("\n")).toEqual([
      expect.stringMatching(/^time="\S+Z" level=error msg="pause: unknown option --no-such; hint: /),
      expect.stringMatching(/^time="\S+Z" level=error msg="unknown option --no-such; hint: /),
      expect.stringMatching(
        /^time="\S+Z" level=error msg="--rootless maybe: expected auto or true or false"$/,
      ),
    ]);
  });

  anyone("are still told when the log cannot be written", async () => {
    const { code, stderr } = await hutch(["--log", "/nowhere/log", "--root", root, "state", "box"]);
    expect(code).toBe(1);
    expect(stderr).toContain("hutch: open /nowhere/log");
    expect(stderr).toContain("hutch: container box: does not exist");
  });

  anyone("are the only thing that makes a log", async () => {
    const log = join(directory, "none");
    expect((await hutch(["--log", log, "--root", root, "list"])).code).toBe(0);
    expect(existsSync(log)).toBe(false);
  });
});

describe("callers of runc are served", () => {
  anyone("version and features, with options before them", async () => {
    const version = await hutch(["--log-format=json", "--debug", "--version"]);
    expect(version.code).toBe(0);
    expect(version.stdout).toMatch(/^hutch version \S+\ncommit: \S+\nspec: 1\.3\.0\n/);
    const features = await hutch(["-log-format", "json", "--systemd-cgroup", "features"]);
    expect(features).toMatchObject({ code: 0, stderr: "" });
    const schema = join(ROOT, "test/oci/schema/features-schema.json");
    expect(isValid(JSON.parse(features.stdout), schema)).toBe(true);
    expect(JSON.parse(features.stdout)).toMatchObject({ ociVersionMin: "1.0.0", ociVersionMax: "1.3.0" });
  });

  for (const command of ["checkpoint", "restore"]) {
    anyone(`${command} has a help, and says that it is not supported yet`, async () => {
      expect((await hutch([command, "--help"])).code).toBe(0);
      expect(await hutch(["--root", root, command, "--image-path", "/x", "box"])).toMatchObject({
        code: 1,
        stderr: `hutch: ${command}: not supported yet\n`,
      });
    });
  }

  testUnless(anyReason(lacksHutch(), hasSystemd))(
    "without a systemd its cgroup driver is refused before anything is made",
    async () => {
      for (const command of ["create", "run"]) {
        const words = ["--systemd-cgroup", "--root", root, command, "--bundle", "/nowhere", "box"];
        const { code, stderr } = await hutch(words, { env: { XDG_RUNTIME_DIR: directory } });
        expect(code).not.toBe(0);
        expect(stderr).toMatch(/^hutch: reach systemd of the (system|user): connect to .*: ENOENT .*hint: /);
      }
      expect(existsSync(join(root, "box"))).toBe(false);
    },
  );

  anyone("a container that hutch leaves to itself is no unit; who makes none takes the option", async () => {
    for (const option of ["--systemd-cgroup", "--cgroup-manager=systemd", "-systemd-cgroup"]) {
      const { code, stderr } = await hutch([option, "in", "/", "true"]);
      expect(code).toBe(125);
      expect(stderr).toStartWith("hutch: systemd cgroup driver: only for hutch run and hutch create");
      expect((await hutch([option, "--root", root, "list"])).code).toBe(0);
      expect((await hutch([option, "--root", root, "delete", "--force", "nobody"])).code).toBe(0);
      expect((await hutch([option, "create", "--help"])).code).toBe(0);
    }
  });

  testUnless(anyReason(lacksHutch(), lacksRoot()))(
    "state is looked for where the user may keep it",
    async () => {
      const runtime = join(directory, "user");
      // Root looks where the containers of the whole machine are.
      const id = freshId();
      // A directory without a record: found, and told apart from none.
      mkdirSync(join(runtime, "hutch", id), { recursive: true });
      const env = { XDG_RUNTIME_DIR: runtime };
      expect((await hutch(["state", id], { uid: 65_534, env })).stderr).toContain("is being created");
      expect((await hutch(["state", id], { env })).stderr).toContain(`container ${id}: does not exist`);
    },
  );
});

test.skipIf(lacksHutch() !== undefined)("help shows the options before the command", async () => {
  const { stdout } = await hutch(["--help"]);
  for (const name of ["root", "log", "log-format", "debug", "systemd-cgroup", "cgroup-manager", "rootless"]) {
    expect(stdout).toContain(`--${name}`);
  }
});

const asRoot = testUnless(anyReason(lacksHutch(), lacksRoot(), lacksBusybox()));
const withoutLimits = withLinux({ resources: {}, cgroupsPath: "" });

/** The cgroups of a container, of a bundle, by what was written down of it. */
async function cgroupsWith(options: readonly string[], change: Change): Promise<string[]> {
  const where = await place("sleep 1000", change);
  const id = freshId();
  await where.ok(...options, "create", "--bundle", where.bundle, id);
  const { cgroups }: { cgroups: string[] } = JSON.parse(
    readFileSync(join(where.root, id, "record.json"), "utf8"),
  );
  const { pid } = await stateOf(where, id);
  const own = readFileSync(`/proc/${pid}/cgroup`, "utf8").includes(id);
  await where.ok("delete", "--force", id);
  expect(own).toBe(cgroups.length > 0);
  expect(remains(where, id)).toEqual([]);
  return cgroups;
}

asRoot("--cgroup-manager=disabled makes no cgroup, and limits are an error", async () => {
  expect(await cgroupsWith([], withoutLimits)).not.toEqual([]);
  expect(await cgroupsWith(["--cgroup-manager=disabled"], withoutLimits)).toEqual([]);
  const where = await place("true", limited);
  for (const verb of ["create", "run"]) {
    const { code, stderr } = await where.call(
      "--cgroup-manager",
      "disabled",
      verb,
      "--bundle",
      where.bundle,
      "x",
    );
    expect(code).not.toBe(0);
    expect(stderr).toContain("limit the container's resources: cgroups are disabled");
  }
});

asRoot("--rootless=true makes a cgroup where it is asked for alone, false always", async () => {
  // Root's container that mounts cgroups would see its caller's.
  const withoutMount: Change = (spec) =>
    withoutLimits({ ...spec, mounts: (spec.mounts ?? []).filter(({ type }) => type !== "cgroup") });
  expect(await cgroupsWith(["--rootless=true"], withoutMount)).toEqual([]);
  expect(await cgroupsWith([], withoutMount)).not.toEqual([]);
  expect(await cgroupsWith(["--rootless", "true"], limited)).not.toEqual([]);
  expect(await cgroupsWith(["--rootless=false"], withoutLimits)).not.toEqual([]);
});

anyone("--debug says what was called, and how long it took, where errors are told", async () => {
  const log = join(directory, "debug.json");
  const words = ["--root", root, "--debug", "--log", log, "--log-format", "json", "state", "nobody"];
  expect((await hutch(words)).stderr).not.toContain("debug");
  const lines = errorsIn(log);
  expect(lines.map(({ level }) => level)).toEqual(["debug", "debug", "error"]);
  expect(lines[0]?.msg).toContain("hutch state nobody (root ");
  expect(lines[1]?.msg).toMatch(/^hutch state has taken [\d.]+ ms$/);
  const { stderr } = await hutch(["--debug", "--root", root, "list"]);
  expect(stderr).toMatch(/^time="[^"]+" level=debug msg="hutch list \(root /);
});
