/** An ordinary user with ids to give away: /etc/subuid and /etc/subgid, by newuidmap and newgidmap. */
import { afterAll, beforeAll, expect } from "bun:test";
import { chownSync, copyFileSync, existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { HUTCH, hutch, lacksHutch } from "../support/hutch.ts";
import { eventually } from "../support/patience.ts";
import { lacksBusybox, rootfs } from "../support/rootfs.ts";
import {
  anyReason,
  lacksProgram,
  lacksRoot,
  lacksUserNamespaces,
  type SkipReason,
  testUnless,
} from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { bundle, type Change, inShell, output, tryBundle, withLinux } from "./support-inside.ts";

/**
 * The two programs want a name for their caller: an account that every Debian has, without ids of its own.
 */
const NAME = "daemon";
const FILES = ["/etc/subuid", "/etc/subgid"] as const;
const FIRST = 700_000;
const LINE = `${NAME}:${FIRST}:65536\n`;

const accountOf = (name: string): readonly string[] =>
  readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .map((line) => line.split(":"))
    .find(([own]) => own === name) ?? [];

const [, , uidText = "", gidText = ""] = accountOf(NAME);
const uid = Number(uidText);

function lacksFreshAccount(): SkipReason {
  if (uidText === "" || uidText !== gidText) return `needs the account ${NAME}`;
  const isTaken = (path: string) =>
    existsSync(path) && new RegExp(`^(${NAME}|${uid}):`, "m").test(text(path));
  return FILES.some(isTaken) ? `needs the account ${NAME} without subordinate ids` : undefined;
}

const text = (path: string): string => readFileSync(path, "utf8");

const reason = anyReason(
  lacksRoot(),
  lacksHutch(),
  lacksBusybox(),
  lacksUserNamespaces(),
  lacksProgram("newuidmap"),
  lacksProgram("newgidmap"),
  lacksFreshAccount(),
);
const asUser = testUnless(reason);

const before = new Map<string, string | undefined>();

/** Takes away what was added, and nothing that others have written in the meantime. */
function restore(): void {
  for (const [path, had] of before) {
    if (had === undefined && text(path) === LINE) Bun.spawnSync(["rm", path]);
    else writeFileSync(path, text(path).replace(LINE, ""));
  }
  before.clear();
}

beforeAll(() => {
  if (reason !== undefined) return;
  for (const path of FILES) {
    before.set(path, existsSync(path) ? text(path) : undefined);
    writeFileSync(path, LINE, { flag: "a" });
  }
});
afterAll(restore);

function user() {
  const runtime = temporaryDirectory("runtime");
  chownSync(runtime, uid, uid);
  return { uid, env: { HOME: runtime, XDG_RUNTIME_DIR: runtime, USER: NAME } };
}

async function ownRoot(): Promise<string> {
  const root = await rootfs();
  for (const name of [".", "tmp", "etc", "dev", "proc", "sys"]) chownSync(join(root, name), uid, uid);
  return root;
}

const squeeze = (output: string): string => output.replace(/ +/g, " ");
const MAPS = ["--uid-map", `0:${uid}:1`, "--uid-map", `1:${FIRST}:65536`] as const;
const MAPPED = ` 0 ${uid} 1\n 1 ${FIRST} 65536\n`;

asUser("hutch in --uid-map gives an ordinary user's container all of the user's ids", async () => {
  const root = await ownRoot();
  const script = `cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups; id -u; id -G
  touch /tmp/root /tmp/app; chown 1000:10 /tmp/app; stat -c %u:%g /tmp/root /tmp/app`;
  const seen = squeeze(await inShell([...MAPS], root, script, user()));
  expect(seen).toBe(`${MAPPED}${MAPPED}allow\n0\n0\n0:0\n1000:10\n`);
  const owner = (path: string) => [statSync(join(root, path)).uid, statSync(join(root, path)).gid];
  expect([owner("tmp/root"), owner("tmp/app")]).toEqual([
    [uid, uid],
    [FIRST + 999, FIRST + 9],
  ]);
});

asUser("--user can be any of them", async () => {
  const seen = await inShell([...MAPS, "--user", "33:44"], await ownRoot(), "id -u; id -g; id -G", user());
  expect(seen).toBe("33\n44\n44\n");
});

asUser("a group map of the own group alone denies setgroups, and works", async () => {
  const script = "cat /proc/self/gid_map /proc/self/setgroups";
  const seen = await inShell([...MAPS, "--gid-map", `0:${uid}:1`], await ownRoot(), script, user());
  expect(squeeze(seen)).toBe(` 0 ${uid} 1\ndeny\n`);
});

const mapped: Change = (spec) => {
  const maps = [
    { containerID: 0, hostID: uid, size: 1 },
    { containerID: 1, hostID: FIRST, size: 65_536 },
  ];
  const types = ["pid", "mount", "ipc", "uts", "network", "user"] as const;
  const linux = withLinux({
    namespaces: types.map((type) => ({ type })),
    uidMappings: maps,
    gidMappings: maps,
    // An ordinary user may not make the cgroup that they take.
    resources: {},
  })(spec);
  const mounts = (spec.mounts ?? []).filter(({ type }) => type !== "cgroup");
  return { ...linux, mounts };
};

asUser("a bundle's maps too, devpts with its group and all", async () => {
  const script = "cat /proc/self/uid_map /proc/self/gid_map; stat -c %g /dev/pts/ptmx";
  const { code, stdout, stderr } = await tryBundle(script, mapped, await ownRoot(), user());
  expect([code, stderr]).toEqual([0, ""]);
  expect(squeeze(stdout)).toStartWith(MAPPED + MAPPED);
});

asUser("a container that is created has them when its program runs", async () => {
  const { env } = user();
  const state = ["--root", env.XDG_RUNTIME_DIR];
  const place = await bundle("cat /proc/self/uid_map > /tmp/map", mapped, await ownRoot());
  // Without pipes: the container, which lives on, would hold their other ends.
  const program = join(temporaryDirectory("program"), "hutch");
  copyFileSync(HUTCH, program);
  const create = [program, ...state, "create", "--bundle", place.directory, "mapped"];
  const quiet = ["ignore", "ignore", "ignore"] as const;
  expect(await Bun.spawn(create, { stdio: [...quiet], uid, gid: uid, env }).exited).toBe(0);
  output(await hutch([...state, "start", "mapped"], { uid, env }));
  expect(await eventually(() => existsSync(join(place.root, "tmp/map")))).toBe(true);
  expect(await eventually(() => squeeze(text(join(place.root, "tmp/map"))) === MAPPED)).toBe(true);
  output(await hutch([...state, "delete", "--force", "mapped"], { uid, env }));
});

asUser("ids of others are refused by the program, and no container is left", async () => {
  const root = await ownRoot();
  const result = await hutch(["in", "--uid-map", `0:${FIRST - 1}:10`, root, "touch", "/tmp/ran"], user());
  expect(result.code).toBe(125);
  expect(result.stderr).toContain(`newuidmap: uid range [0-10) -> [${FIRST - 1}-${FIRST + 9}) not allowed`);
  expect(result.stderr).toContain(
    "hutch: map the user ids by /usr/bin/newuidmap: it refused; hint: the ids must lie in the user's range in /etc/subuid",
  );
  expect(existsSync(join(root, "tmp/ran"))).toBe(false);
});
