import { expect, test } from "bun:test";
import { command } from "../../src/cli/in.ts";
import { planIn } from "../../src/cli/in-plan.ts";
import { readOptions } from "../../src/cli/option.ts";
import { lines } from "../plan/fixture.ts";
import { machine } from "./machine.ts";

const CGROUP2 = "30 24 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n";

const look = machine({
  kind: { "./root": "directory", "/nowhere/root": "directory" },
  real: { "./root": "/nowhere/root" },
  cgroupMounts: CGROUP2,
  cgroups: "0::/\n",
});

/** The calls of a command line, and how often the container's id was asked for. */
async function planned(...argv: string[]): Promise<{ printed: string; ids: number }> {
  let ids = 0;
  const id = (): string => `box-${++ids}`;
  const plan = await planIn({ given: readOptions(command, argv), environment: ["PATH=/bin"], id }, look);
  return { printed: lines(plan).join("\n"), ids };
}

test("a command line is planned by answers alone, with WHERE where its links lead", async () => {
  const { printed } = await planned("./root", "true", "--memory", "x");
  expect(printed).toContain('"/nowhere/root"');
  expect(printed).toContain('["true", "--memory", "x"]');
  expect(printed).toMatch(/^fchmod\(100, /m);
});

test("a plan is made without the id, also one with limits, so that its program serves the next container", async () => {
  expect((await planned("./root", "true")).ids).toBe(0);
  const limited = await planned("--pids", "5", "./root", "true");
  expect(limited.printed).toContain("pids.max");
  expect(limited.ids).toBe(0);
});

test("what the options make is judged as a config.json would be", async () => {
  await expect(planned("--workdir", "x", "./root", "true")).rejects.toThrow(
    'in: process.cwd: expected an absolute path, received "x"',
  );
});

test("a WHERE that is not there is refused", async () => {
  await expect(planned("/nowhere/else", "true")).rejects.toThrow("WHERE /nowhere/else: ENOENT");
});
