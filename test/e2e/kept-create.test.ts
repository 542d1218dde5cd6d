/** Programs of `create` that are kept: the same for every id, and each container with a record of its own. */
import { expect } from "bun:test";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { HUTCH } from "../support/hutch.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { asRoot, limited, type Place, place } from "./support-lifecycle.ts";

interface Made {
  readonly code: number;
  readonly stderr: string;
}

/** Runs `create` with its programs kept in a directory. */
async function create({ create: words }: Place, id: string, cache: string): Promise<Made> {
  const messages = join(temporaryDirectory("messages"), "stderr");
  // Of a pipe the container would hold the other end.
  const child = Bun.spawn([HUTCH, ...words(id)], {
    env: { ...process.env, HUTCH_CACHE: cache },
    stdio: ["ignore", "ignore", Bun.file(messages)],
  });
  return { code: await child.exited, stderr: readFileSync(messages, "utf8") };
}

const inodes = (directory: string): number[] =>
  readdirSync(directory).map((name) => statSync(join(directory, name)).ino);

asRoot("a kept program serves another id, whose record and cgroups are its own", async () => {
  const at = await place("sleep 100");
  const cache = join(temporaryDirectory("kept"), "programs");
  try {
    expect(await create(at, "hutch-kept-a", cache)).toEqual({ code: 0, stderr: "" });
    const first = inodes(cache);
    expect(first).toHaveLength(1);
    expect(await create(at, "hutch-kept-b", cache)).toEqual({ code: 0, stderr: "" });
    expect(inodes(cache)).toEqual(first);
    for (const id of ["hutch-kept-a", "hutch-kept-b"]) {
      const record = JSON.parse(readFileSync(join(at.root, id, "record.json"), "utf8"));
      expect(record.id).toBe(id);
      expect(record.cgroups).not.toBeEmpty();
      for (const cgroup of record.cgroups) {
        expect(cgroup).toEndWith(`/hutch-${id}`);
        expect(existsSync(cgroup)).toBeTrue();
      }
    }
  } finally {
    await at.call("delete", "--force", "hutch-kept-a");
    await at.call("delete", "--force", "hutch-kept-b");
  }
});

asRoot("a failure of a kept program is told as that of a new one", async () => {
  const at = await place("true", (spec) => ({
    ...limited(spec),
    process: { cwd: "/", ...spec.process, args: ["/there/is/none"] },
  }));
  const cache = join(temporaryDirectory("kept"), "programs");
  const first = await create(at, "hutch-kept-c", cache);
  expect(first.code).toBe(127);
  expect(first.stderr).toContain("/there/is/none");
  expect(inodes(cache)).toHaveLength(1);
  // Many at once: what init has told must be heard also when it was gone before its pid was read.
  const others = Array.from({ length: 24 }, (_, index) => create(at, `hutch-kept-c${index}`, cache));
  for (const other of await Promise.all(others)) expect(other).toEqual(first);
});
