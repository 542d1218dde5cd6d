import { expect, test } from "bun:test";
import { command } from "../../src/cli/in.ts";
import { readOptions } from "../../src/cli/option.ts";
import { planIn } from "../../src/options/in-plan.ts";
import { machine } from "../cli/machine.ts";
import { lines } from "../plan/fixture.ts";

const CGROUP2 = "30 24 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n";

const look = machine({
  kind: { "./root": "directory", "/nowhere/root": "directory" },
  real: { "./root": "/nowhere/root" },
  cgroupMounts: CGROUP2,
  cgroups: "0::/\n",
});

/** The calls of a command line, and whether its program serves containers of other names. */
async function planned(...argv: string[]): Promise<{ printed: string; isLasting: boolean }> {
  const given = readOptions(command, argv);
  const { plan, isLasting } = await planIn({ given, environment: ["PATH=/bin"], id: "box" }, look);
  return { printed: lines(plan).join("\n"), isLasting };
}

test("a command line is planned by answers alone, with WHERE where its links lead", async () => {
  const { printed } = await planned("./root", "true", "--memory", "x");
  expect(printed).toContain('"/nowhere/root"');
  expect(printed).toContain('["true", "--memory", "x"]');
  expect(printed).toMatch(/^fchmod\(100, /m);
});

test("a plan is made without the id, also one with limits, so that its program serves the next container", async () => {
  expect((await planned("./root", "true")).isLasting).toBe(true);
  const limited = await planned("--pids", "5", "./root", "true");
  expect(limited.printed).toContain("pids.max");
  expect(limited.isLasting).toBe(true);
});

test("what the options make is judged as a config.json would be", async () => {
  await expect(planned("--hostname", "h".repeat(65), "./root", "true")).rejects.toThrow(
    "in: hostname: expected at most 64 bytes",
  );
});

test("a WHERE that is not there is refused", async () => {
  await expect(planned("/nowhere/else", "true")).rejects.toThrow("WHERE /nowhere/else: ENOENT");
});
