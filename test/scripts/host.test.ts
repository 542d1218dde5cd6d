import { expect, test } from "bun:test";
import { mkdirSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type HostPicture, hostDifferences, isForeignCgroup, snapshotHost } from "../support/host.ts";

const picture = (kinds: Record<string, string[]>): HostPicture =>
  Object.fromEntries(Object.entries(kinds).map(([kind, things]) => [kind, new Set(things)]));

test("a mount that was left and one that is gone are both reported", () => {
  const before = picture({ mounts: ["/ /proc proc proc"], state: ["/run/hutch/old"] });
  const after = picture({ mounts: ["/ /x tmpfs tmpfs"], state: [] });
  expect(hostDifferences(before, after)).toEqual([
    "mounts: left: / /x tmpfs tmpfs",
    "mounts: gone: / /proc proc proc",
  ]);
});

test("a directory left in the temporary directory is seen in the picture", () => {
  const directory = join(tmpdir(), `hutch-picture-${process.pid}`);
  const before = snapshotHost();
  mkdirSync(directory);
  const differences = hostDifferences(before, snapshotHost());
  rmdirSync(directory);
  expect(differences).toContain(`temporary files: left: ${directory}`);
});

test("a process that works in a directory of hutch is seen until it ends", async () => {
  const directory = join(tmpdir(), `hutch-process-${process.pid}`);
  mkdirSync(directory);
  const before = snapshotHost();
  const child = Bun.spawn(["sleep", "60"], { cwd: directory });
  const during = hostDifferences(before, snapshotHost());
  child.kill();
  await child.exited;
  rmdirSync(directory);
  expect(during.filter((line) => line.includes(`left: ${child.pid} sleep 60`))).toHaveLength(1);
  expect(hostDifferences(before, snapshotHost()).filter((line) => line.includes(`${child.pid} `))).toEqual(
    [],
  );
});

test.each([
  ["/sessions/other", true],
  ["/sessions/own", false],
  ["/sessions/own/box", false],
  ["/sessions/hutch-box", false],
  ["/user.slice/session-1.scope", true],
  ["/system.slice/hutch-1.scope", false],
  ["/docker/f00", false],
])("the cgroup %s, seen from /sessions/own, is another program's: %p", (path, isForeign) => {
  expect(isForeignCgroup(path, ["/", "/sessions/own"])).toBe(isForeign);
});
