/** What the tests of exec share: a running container, and commands in it. */
import { mkdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { HUTCH, type HutchOptions, type HutchResult, hutch, lacksHutch } from "../support/hutch.ts";
import { lacksBusybox } from "../support/rootfs.ts";
import { anyReason, lacksRoot, testUnless } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { bundle, type Change, freshId, output } from "./support-inside.ts";

export const EXEC_REASON = anyReason(lacksRoot(), lacksBusybox(), lacksHutch());
export const asRoot = testUnless(EXEC_REASON);

/** A container that was created, and is deleted at the end of the scope. */
export interface Box extends AsyncDisposable {
  readonly id: string;
  readonly root: string;
  /** The root directory of the container on the host. */
  readonly files: string;
  /** The host's number of its first process. */
  readonly pid: number;
  /** `hutch COMMAND` with this root. */
  readonly call: (...args: readonly string[]) => Promise<HutchResult>;
  /** `hutch exec ARGS…`; the id is put where a word ID stands. */
  readonly exec: (args: readonly string[], options?: HutchOptions) => Promise<HutchResult>;
  /** What a shell script prints that is executed with these options. */
  readonly shell: (script: string, ...options: readonly string[]) => Promise<string>;
}

/** Runs hutch without streams: a container that goes on would hold them. */
export async function quietly(args: readonly string[]): Promise<number> {
  return Bun.spawn([HUTCH, ...args], { stdio: ["ignore", "ignore", "ignore"] }).exited;
}

/** A container that is created, and started unless told otherwise. */
export async function box(change?: Change, script = "sleep 1000", starts = true): Promise<Box> {
  const root = join(temporaryDirectory("state"), "root");
  mkdirSync(root);
  const made = await bundle(script, change);
  const id = freshId();
  const call: Box["call"] = (...args) => hutch(["--root", root, ...args]);
  const code = await quietly(["--root", root, "create", "--bundle", made.directory, id]);
  if (code !== 0) throw new Error(`create ended with ${code}`);
  if (starts) output(await call("start", id));
  const state: { pid: number } = JSON.parse(output(await call("state", id)));
  const exec: Box["exec"] = (args, options) =>
    hutch(["--root", root, "exec", ...args.map((word) => (word === "ID" ? id : word))], options);
  return {
    id,
    root,
    files: made.root,
    pid: state.pid,
    call,
    exec,
    shell: async (text, ...options) => output(await exec([...options, "ID", "sh", "-c", text])),
    [Symbol.asyncDispose]: async () => void (await call("delete", "--force", id)),
  };
}

const KINDS = ["cgroup", "ipc", "mnt", "net", "pid", "user", "uts", "time"] as const;

/** The namespaces of a process, as links of /proc. */
export const namespacesOf = (pid: number | "self"): Record<string, string> =>
  Object.fromEntries(KINDS.map((kind) => [kind, readlinkSync(`/proc/${pid}/ns/${kind}`)]));

export const textOf = (path: string): string => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
};
