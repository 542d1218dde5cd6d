/** Containers that go on when hutch has ended. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { HUTCH, type HutchOptions, type HutchResult, hutch } from "../support/hutch.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { bundle, type Change, freshId, withLinux } from "./support-inside.ts";

export interface Detached {
  /** The --root directory of all containers of a file. */
  readonly root: string;
  readonly call: (args: readonly string[], options?: HutchOptions) => Promise<HutchResult>;
  /** Runs a container whose cgroups are explicit; gives its id. */
  readonly run: (script: string, change: (id: string) => Change, files?: string) => Promise<string>;
  /** Removes them all. */
  readonly end: () => Promise<void>;
}

export function detached(): Detached {
  const root = join(temporaryDirectory("state"), "root");
  const call: Detached["call"] = (args, options) => hutch(["--root", root, ...args], options);
  const made: string[] = [];
  return {
    root,
    call,
    run: async (script, change, files) => {
      const id = freshId();
      const { directory } = await bundle(script, change(id), files);
      made.push(id);
      const messages = Bun.file(join(directory, "messages"));
      // Not into a pipe: the container would keep it open.
      const child = Bun.spawn([HUTCH, "--root", root, "run", "--detach", "--bundle", directory, id], {
        stdio: ["ignore", "ignore", messages],
      });
      if ((await child.exited) !== 0) throw new Error(`hutch run --detach ${id}: ${await messages.text()}`);
      return id;
    },
    end: async () => {
      for (const id of made) await call(["delete", "--force", id]);
    },
  };
}

export interface Box {
  readonly id: string;
  /** The text of a file of one of its cgroups. */
  readonly file: (name: string) => string;
}

/** Runs a container with a limit of memory, and with explicit cgroups. */
export async function limitedBox(
  { root, run }: Detached,
  script = "sleep 300",
  memory = 64 * 2 ** 20,
): Promise<Box> {
  const id = await run(script, (name) =>
    withLinux({ cgroupsPath: `/${name}`, resources: { memory: { limit: memory } } }),
  );
  return boxOf({ root }, id);
}

/** A container that is there, and what its cgroups say. */
export function boxOf({ root }: Pick<Detached, "root">, id: string): Box {
  const record: { cgroups: string[] } = JSON.parse(readFileSync(join(root, id, "record.json"), "utf8"));
  return {
    id,
    file: (name) => {
      for (const directory of record.cgroups) {
        try {
          return readFileSync(join(directory, name), "utf8").trim();
        } catch {
          // Another of them has it.
        }
      }
      return "";
    },
  };
}
