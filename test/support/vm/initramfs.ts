/** What is on the machine: busybox, a first process, and what a test adds. */
import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { HUTCH } from "../hutch.ts";
import type { Entry } from "./cpio.ts";
import { INIT, RUN } from "./init.ts";

/** A file by its text, a symlink, a file or a whole directory of this machine, or the program at a path. */
export type Content =
  | { readonly text: string; readonly mode?: number }
  | { readonly link: string }
  | { readonly from: string }
  | { readonly program: string };

export interface Contents {
  /** By the paths that they have on the machine. */
  readonly files?: Readonly<Record<string, Content>>;
  readonly script: string;
  /** Paths of modules, in the order of loading. */
  readonly modules: readonly string[];
  /** Variables of the first process. */
  readonly settings: Readonly<Record<string, string>>;
  /** The path of a static busybox for the machine. */
  readonly busybox: string;
}

/** The shared libraries and the loader of a program, as the loader itself names them. */
export function librariesOf(program: string): string[] {
  const { stdout } = Bun.spawnSync(["ldd", program], { stderr: "ignore" });
  return [...stdout.toString().matchAll(/(?:=> |^\s+)(\/\S+) \(0x/gm)].map(([, path = ""]) => path);
}

const file = (path: string, from: string): Entry => {
  const { mode } = lstatSync(from, { throwIfNoEntry: true });
  return { kind: "file", path, mode: mode & 0o7777, data: readFileSync(from) };
};

const program = (path: string, from: string): Entry => ({
  kind: "file",
  path,
  mode: 0o755,
  data: readFileSync(from),
});

const script = (path: string, text: string): Entry => ({
  kind: "file",
  path,
  mode: 0o755,
  data: new TextEncoder().encode(text),
});

/** A file or a directory of this machine with all that is in it; sockets and devices are left out. */
function tree(path: string, from: string): Entry[] {
  const stat = lstatSync(from);
  if (stat.isSymbolicLink()) return [{ kind: "link", path, target: readlinkSync(from) }];
  if (stat.isFile()) return [file(path, from)];
  if (!stat.isDirectory()) return [];
  const below = readdirSync(from).flatMap((name) => tree(join(path, name), join(from, name)));
  return [{ kind: "directory", path, mode: stat.mode & 0o7777 }, ...below];
}

function entriesOf(path: string, content: Content): Entry[] {
  if ("from" in content) return tree(path, content.from);
  if ("program" in content) return [program(path, content.program)];
  if ("link" in content) return [{ kind: "link", path, target: content.link }];
  return [{ kind: "file", path, mode: content.mode ?? 0o644, data: new TextEncoder().encode(content.text) }];
}

/** Nodes that are there before a devtmpfs covers them: numbers from the kernel's devices.txt. */
const DEVICES: readonly Entry[] = [
  { kind: "device", path: "/dev/console", mode: 0o600, major: 5, minor: 1 },
  { kind: "device", path: "/dev/null", mode: 0o666, major: 1, minor: 3 },
];

/** All directories above these paths, those further up first. */
function parents(entries: readonly Entry[]): Entry[] {
  const given = new Set(entries.filter(({ kind }) => kind === "directory").map(({ path }) => path));
  const found = new Set<string>();
  for (const { path } of entries) {
    for (let above = dirname(path); above !== "/"; above = dirname(above)) found.add(above);
  }
  return [...found]
    .filter((path) => !given.has(path))
    .sort()
    .map((path) => ({ kind: "directory", path, mode: 0o755 }));
}

/** hutch and its libc. */
export const hutchFiles = (): Record<string, Content> => ({
  "/bin/hutch": { program: HUTCH },
  ...Object.fromEntries(librariesOf(HUTCH).map((path) => [path, { program: path }])),
});

export function initramfs({ files = {}, modules, settings, busybox, script: text }: Contents): Entry[] {
  const variables = { ...settings, MODULES: modules.map((path) => basename(path)).join(" ") };
  const lines = Object.entries(variables).map(([name, value]) => `${name}='${value}'\n`);
  const entries = [
    ...DEVICES,
    script("/init", INIT),
    script("/vm/run", RUN),
    script("/vm/settings", lines.join("")),
    script("/vm/script", text),
    program("/bin/busybox", busybox),
    ...modules.map((path) => program(join("/vm", basename(path)), path)),
    ...Object.entries(files).flatMap(([path, content]) => entriesOf(path, content)),
  ];
  // Of two with one path the later counts.
  const single = new Map([...parents(entries), ...entries].map((entry) => [entry.path, entry]));
  const isDirectory = ({ kind }: Entry): boolean => kind === "directory";
  const all = [...single.values()];
  // Anything may lie in a directory that a later entry gives.
  const directories = all.filter(isDirectory).sort((a, b) => (a.path < b.path ? -1 : 1));
  return [...directories, ...all.filter((entry) => !isDirectory(entry))];
}
