/** Images whose symlinks lead mounts out of the root (CVE-2019-16884, CVE-2021-30465, CVE-2023-27561). */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect } from "bun:test";
import { mkdirSync, rmdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Mount } from "../../src/spec/spec.ts";
import {
  type Changes,
  configOf,
  hostBefore,
  leftBehind,
  makeOutside,
  runConfig,
  treeOf,
} from "../support/attack.ts";
import type { HostPicture } from "../support/host.ts";
import { type HutchResult, hutch, lacksHutch, run } from "../support/hutch.ts";
import { lacksBusybox, rootfs } from "../support/rootfs.ts";
import { anyReason, lacksCgroup, lacksProgram, lacksRoot, testUnless } from "../support/skip.ts";

const reason = anyReason(lacksHutch(), lacksBusybox(), lacksRoot());
const rooted = testUnless(reason);

let root = "";
/** A directory of the host; below the root there is one of the same path, in which mounts may land. */
let outside = "";
let before: string[] = [];
let picture: HostPicture;

beforeAll(async () => {
  if (reason !== undefined) return;
  root = await rootfs();
  outside = makeOutside();
  before = treeOf(outside);
  picture = hostBefore();
});

beforeEach(() => {
  if (reason !== undefined) return;
  const mirror = join(root, outside);
  rmSync(mirror, { recursive: true, force: true });
  mkdirSync(join(mirror, "sub"), { recursive: true });
  writeFileSync(join(mirror, "witness"), "the image's own\n");
  rmSync(join(root, "trap"), { recursive: true, force: true });
  mkdirSync(join(root, "trap"));
});

afterEach(() => {
  if (reason === undefined) expect(treeOf(outside)).toEqual(before);
});

afterAll(async () => {
  if (reason === undefined) expect(await leftBehind(picture)).toEqual([]);
});

/** How a link named /trap/link leads out; `to` is below the outside directory. */
const SHAPES: readonly (readonly [name: string, target: (to: string) => string])[] = [
  ["an absolute symlink", (to) => join(outside, to)],
  ["a relative symlink", (to) => `${"../".repeat(30)}${join(outside, to).slice(1)}`],
  ["a symlink over /proc/1/root", (to) => `/proc/1/root${join(outside, to)}`],
];

const tmpfs: Mount = { destination: "/trap/link", type: "tmpfs", source: "tmpfs", options: [] };
const bind = (destination: string, source: string): Mount => ({
  destination,
  type: "bind",
  source,
  options: ["rbind"],
});

/** `from` is what the link leads to; `at` where the mount then lies, below the outside directory's path. */
const KINDS: readonly {
  readonly name: string;
  readonly from: string;
  readonly at: string;
  readonly changes: () => Changes & { readonly extra?: Mount };
}[] = [
  { name: "a tmpfs", from: "sub", at: "sub", changes: () => ({ extra: tmpfs }) },
  {
    name: "a tmpfs with tmpcopyup",
    from: "",
    at: "",
    changes: () => ({ extra: { ...tmpfs, options: ["tmpcopyup"] } }),
  },
  {
    name: "a bound directory",
    from: "sub",
    at: "sub",
    changes: () => ({ extra: bind("/trap/link", "/etc") }),
  },
  {
    name: "a bound file",
    from: "witness",
    at: "witness",
    changes: () => ({ extra: bind("/trap/link", "/etc/hostname") }),
  },
  {
    name: "a bound directory below a linked directory",
    from: "",
    at: "new/deep",
    changes: () => ({ extra: bind("/trap/link/new/deep", "/etc") }),
  },
  {
    name: "a bound file below a linked directory",
    from: "",
    at: "new/file",
    changes: () => ({ extra: bind("/trap/link/new/file", "/etc/hostname") }),
  },
  {
    name: "an mqueue",
    from: "sub",
    at: "sub",
    changes: () => ({ extra: { destination: "/trap/link", type: "mqueue", source: "mqueue" } }),
  },
  {
    name: "a devpts",
    from: "sub",
    at: "sub",
    changes: () => ({ extra: { destination: "/trap/link", type: "devpts", source: "devpts" } }),
  },
  {
    name: "a masked file",
    from: "witness",
    at: "witness",
    changes: () => ({ linux: { maskedPaths: ["/trap/link"] } }),
  },
  {
    name: "a masked directory",
    from: "",
    at: "sub",
    changes: () => ({ linux: { maskedPaths: ["/trap/link/sub"] } }),
  },
  {
    name: "a read-only directory",
    from: "",
    at: "sub",
    changes: () => ({ linux: { readonlyPaths: ["/trap/link/sub"] } }),
  },
];

async function runChanged(
  { extra, ...changes }: ReturnType<(typeof KINDS)[number]["changes"]>,
  script: string,
) {
  const config = configOf(root, changes);
  const mounts = [...(config.mounts ?? []), ...(extra === undefined ? [] : [extra])];
  const process = { cwd: "/", ...config.process, args: ["sh", "-c", script] };
  return runConfig({ ...config, mounts, process });
}

const mountPoints = ({ stdout }: HutchResult): string[] =>
  stdout.split("\n").map((line) => line.split(" ")[4] ?? "");

describe.each(KINDS.map((kind) => [kind.name, kind] as const))("%s", (_, kind) => {
  for (const [name, target] of SHAPES) {
    rooted(`on ${name} stays inside the root`, async () => {
      symlinkSync(target(kind.from), join(root, "trap/link"));
      const result = await runChanged(kind.changes(), "cat /proc/self/mountinfo");
      if (name.includes("/proc")) {
        // Magic links are not followed: there is no such place, and nothing may be made up in its stead.
        expect(result.stderr).toMatch(/^hutch: .*(ELOOP|ENOENT|EXDEV)|^$/);
        expect(mountPoints(result)).not.toContain(join("/", outside, kind.at));
        return;
      }
      expect(result).toMatchObject({ code: 0, stderr: "" });
      expect(mountPoints(result)).toContain(join("/", outside, kind.at).replace(/\/$/, ""));
    });
  }

  rooted("on a dangling symlink makes nothing on the host", async () => {
    symlinkSync(join(outside, "missing/place"), join(root, "trap/link"));
    const result = await runChanged(kind.changes(), "true");
    if (result.code !== 0) expect(result.stderr).toMatch(/^hutch: .*\/trap\/link.*(ENOENT|EEXIST)/);
  });
});

for (const [type, path] of [
  ["proc", "proc"],
  ["sysfs", "sys"],
] as const) {
  for (const [shape, target] of [
    ["an absolute symlink", () => join(outside, "sub")],
    ["a symlink to another directory of the image", () => "/home"],
    ["a dangling symlink", () => "/nowhere"],
  ] as const) {
    rooted(`${type} is refused when /${path} is ${shape}`, async () => {
      rmdirSync(join(root, path));
      symlinkSync(target(), join(root, path));
      const result = await runConfig(configOf(root));
      rmSync(join(root, path));
      mkdirSync(join(root, path));
      expect(result.code).toBe(125);
      expect(result.stderr).toMatch(
        new RegExp(`^hutch: mount ${type} on /${path}.*ELOOP.*symlink in the way`),
      );
    });
  }
}

for (const [shape, target] of [
  ["an absolute symlink", () => join(outside, "sub")],
  ["a relative symlink", () => `../../../..${outside}/sub`],
  ["a symlink to the host's /dev over /proc", () => "/proc/1/root/dev"],
] as const) {
  rooted(`/dev as ${shape} makes no device on the host`, async () => {
    const device = join(root, "dev");
    rmSync(device, { recursive: true });
    symlinkSync(target(), device);
    const result = await hutch(["in", root, "sh", "-c", "ls /dev/null && cat /dev/null"]);
    rmSync(device);
    mkdirSync(device);
    if (result.code === 0) expect(result.stdout).toBe("/dev/null\n");
    else expect(result.stderr).toMatch(/^hutch: .*\/dev/);
  });
}

rooted("/dev/pts as a symlink of the image stays inside the root", async () => {
  symlinkSync(join(outside, "sub"), join(root, "dev/pts"));
  const mounts = [
    { destination: "/proc", type: "proc", source: "proc" },
    { destination: "/dev/pts", type: "devpts", source: "devpts", options: ["newinstance"] },
  ];
  const config = configOf(root, { mounts, process: { args: ["cat", "/proc/self/mountinfo"] } });
  const result = await runConfig(config);
  rmSync(join(root, "dev"), { recursive: true });
  mkdirSync(join(root, "dev"));
  expect(result.stderr).toBe("");
  expect(mountPoints(result)).toContain(join(outside, "sub"));
});

for (const [shape, forge] of [
  ["a plain file", (path: string) => writeFileSync(path, "forged\n")],
  ["a symlink to a file of the host", (path: string) => symlinkSync(join(outside, "witness"), path)],
  [
    "a symlink to /proc/sys/kernel/core_pattern",
    (path: string) => symlinkSync("/proc/sys/kernel/core_pattern", path),
  ],
] as const) {
  rooted(`a forged /dev/null (${shape}) masks nothing: the mask is the true null device`, async () => {
    forge(join(root, "dev/null"));
    const mounts = [{ destination: "/proc", type: "proc", source: "proc" }];
    const script = "stat -c %t:%T /proc/keys /proc/timer_list; cat /proc/keys; stat -L -c %t:%T /dev/null";
    const config = configOf(root, { mounts, process: { args: ["sh", "-c", script] } });
    const result = await runConfig(config);
    rmSync(join(root, "dev"), { recursive: true });
    mkdirSync(join(root, "dev"));
    // Where the forgery is a link, /dev/null may stay unusable (refused); what is masked must be masked.
    if (result.code === 0) expect(result.stdout).toBe("1:3\n1:3\n1:3\n");
    else expect(result.stderr).toMatch(/^hutch: bind the device \/dev\/null/);
  });
}

testUnless(anyReason(reason, lacksCgroup(1)))(
  "a cgroup mount on a symlink stays inside the root",
  async () => {
    symlinkSync(join(outside, "sub"), join(root, "trap/link"));
    const extra: Mount = { destination: "/trap/link", type: "cgroup", source: "cgroup", options: ["ro"] };
    const result = await runChanged({ extra }, "cat /proc/self/mountinfo");
    expect(result.stderr).toBe("");
    const below = mountPoints(result).filter((point) => point.startsWith(join(outside, "sub")));
    expect(below.length).toBeGreaterThan(1);
  },
);

rooted("a device node below a linked directory is made inside the root", async () => {
  symlinkSync(outside, join(root, "trap/link"));
  const devices = [{ path: "/trap/link/node", type: "c" as const, major: 1, minor: 3 }];
  const result = await runChanged({ linux: { devices } }, `stat -c %t:%T ${outside}/node`);
  expect(result).toMatchObject({ code: 0, stdout: "1:3\n", stderr: "" });
});

rooted("a working directory over a symlink is made inside the root", async () => {
  symlinkSync(outside, join(root, "trap/link"));
  const result = await hutch(["in", "--workdir", "/trap/link/work/here", root, "sh", "-c", "pwd -P; ls .."]);
  expect(result).toMatchObject({ code: 0, stdout: `${outside}/work/here\nhere\n`, stderr: "" });
});

rooted("--bind and --tmpfs destinations over a symlink stay inside the root", async () => {
  symlinkSync(outside, join(root, "trap/link"));
  const options = ["--bind", "/etc:/trap/link/etc", "--tmpfs", "/trap/link/fs"];
  const result = await hutch(["in", ...options, root, "cat", "/proc/self/mountinfo"]);
  expect(result.stderr).toBe("");
  expect(mountPoints(result)).toEqual(expect.arrayContaining([`${outside}/etc`, `${outside}/fs`]));
});

rooted('".." in a destination or a working directory stays at the root', async () => {
  const options = ["--workdir", `/../../..${outside}/sub`];
  const result = await hutch(["in", ...options, root, "sh", "-c", "pwd -P; cd /../../..; pwd -P; ls -d tmp"]);
  expect(result).toMatchObject({ code: 0, stdout: `${outside}/sub\n/\ntmp\n`, stderr: "" });
  expect((await hutch(["in", "--bind", `/etc:/../..${outside}`, root, "true"])).stderr).toMatch(
    /^hutch: .*expected a path without \.\. components/,
  );
});

// The control: what a runtime does that hands the same path to mount(8).
testUnless(anyReason(reason, lacksProgram("unshare"), lacksProgram("mount")))(
  "the same link leads a mount by path out of the root",
  async () => {
    symlinkSync(join(outside, "sub"), join(root, "trap/link"));
    const script = `mount -t tmpfs control ${root}/trap/link && cat /proc/self/mountinfo`;
    const result = await run(["unshare", "--mount", "sh", "-c", script]);
    expect(mountPoints(result)).toContain(join(outside, "sub"));
  },
);
