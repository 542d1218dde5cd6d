/** The last of what was written to a pipe. */
import { expect, test } from "bun:test";
import { readTail } from "../../src/library/tail.ts";

const shell = (script: string) => Bun.spawn(["sh", "-c", script], { stdout: "pipe" });

test("all of a little, and the end of much", async () => {
  const little = shell("echo one; echo two");
  await little.exited;
  expect(await readTail(little.stdout)).toBe("one\ntwo\n");
  const much = shell("head -c 60000 /dev/zero | tr '\\0' x; echo end");
  await much.exited;
  const text = await readTail(much.stdout);
  expect(text).toHaveLength(2048);
  expect(text).toEndWith("xend\n");
});

test("nobody waits for one who goes on writing", async () => {
  const child = shell("while :; do echo more; done");
  const began = performance.now();
  expect(await readTail(child.stdout)).toContain("more\n");
  expect(performance.now() - began).toBeLessThan(5000);
  child.kill("SIGKILL");
  await child.exited;
});

test("nobody waits for the end of a pipe that somebody else holds open", async () => {
  const child = shell("echo told; exec sleep 60");
  const began = performance.now();
  expect(await readTail(child.stdout)).toBe("told\n");
  expect(performance.now() - began).toBeLessThan(5000);
  child.kill("SIGKILL");
  await child.exited;
});
