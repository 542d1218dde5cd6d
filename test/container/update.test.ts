/** Writing limits into directories that only look like cgroups. */
import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { updateLimits } from "../../src/container/update.ts";
import { temporaryDirectory } from "../support/temporary.ts";

function cgroup(files: Readonly<Record<string, string>>): string {
  const directory = temporaryDirectory("cgroup");
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
  return directory;
}
const text = (directory: string, file: string): string => readFileSync(join(directory, file), "utf8").trim();

test("each limit goes to the cgroup that has its file", async () => {
  const [memory, pids] = [cgroup({ "memory.limit_in_bytes": "" }), cgroup({ "pids.max": "" })];
  await updateLimits("box", [memory, pids], { memory: { limit: 4096 }, pids: { limit: 7 } });
  expect(text(memory, "memory.limit_in_bytes")).toBe("4096");
  expect(text(pids, "pids.max")).toBe("7");
});

test("a limit without a cgroup is refused by name before anything is written", async () => {
  const memory = cgroup({ "memory.limit_in_bytes": "1" });
  const update = () => updateLimits("box", [memory], { memory: { limit: 4096 }, pids: { limit: 7 } });
  expect(update()).rejects.toThrow(
    "update container box: limit pids: no cgroup of the container has pids.max",
  );
  expect(text(memory, "memory.limit_in_bytes")).toBe("1");
});
