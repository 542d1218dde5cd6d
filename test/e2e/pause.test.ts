/** pause and resume, with processes that count. */
import { afterAll, expect } from "bun:test";
import { join } from "node:path";
import { lacksHutch } from "../support/hutch.ts";
import { eventually } from "../support/patience.ts";
import { rootfs } from "../support/rootfs.ts";
import { testUnless } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { detached } from "./support-detached.ts";
import { withLinux } from "./support-inside.ts";
import { asRoot, read } from "./support-lifecycle.ts";

const { call, run, end } = detached();
afterAll(end);

/** A container whose process writes to a file as fast as it can fork. */
async function counting(): Promise<{ id: string; count: () => number }> {
  const files = await rootfs(temporaryDirectory("counting"));
  const script = "while :; do echo x >> /count; /bin/sleep 0.01; done";
  const id = await run(script, (name) => (spec) => withLinux({ cgroupsPath: `/${name}` })(spec), files);
  return { id, count: () => read(join(files, "count")).length };
}

const statusOf = async (id: string): Promise<string> => JSON.parse((await call(["state", id])).stdout).status;

const until = async (condition: () => boolean): Promise<void> =>
  expect(await eventually(condition)).toBe(true);

asRoot("a paused container does nothing until it is resumed, however often", async () => {
  const { id, count } = await counting();
  for (let round = 0; round < 3; round += 1) {
    const start = count();
    await until(() => count() > start);
    expect(await call(["pause", id])).toMatchObject({ code: 0, stdout: "", stderr: "" });
    expect(await statusOf(id)).toBe("paused");
    const frozen = count();
    await Bun.sleep(150);
    expect(count()).toBe(frozen);
    expect(await call(["resume", id])).toMatchObject({ code: 0, stdout: "", stderr: "" });
    expect(await statusOf(id)).toBe("running");
  }
  const start = count();
  await until(() => count() > start);
});

asRoot("a move that the state does not allow is an error, and changes nothing", async () => {
  const { id } = await counting();
  expect(await call(["resume", id])).toMatchObject({
    code: 1,
    stderr: `hutch: resume container ${id}: container is running, expected paused\n`,
  });
  await call(["pause", id]);
  expect(await call(["pause", id])).toMatchObject({
    code: 1,
    stderr: `hutch: pause container ${id}: container is paused, expected created or running\n`,
  });
  expect(await statusOf(id)).toBe("paused");
  await call(["resume", id]);
  await call(["kill", id, "KILL"]);
  expect(await eventually(async () => (await statusOf(id)) === "stopped")).toBe(true);
  const stopped = await call(["pause", id]);
  expect(stopped.code).toBe(1);
  expect(stopped.stderr).toContain("container not running");
});

testUnless(lacksHutch())("a container that is not there is told so", async () => {
  for (const command of ["pause", "resume"]) {
    const { code, stderr } = await call([command, "nobody"]);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: "hutch: container nobody: does not exist; hint: hutch list\n",
    });
  }
});
