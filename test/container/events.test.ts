/** Reading of many cgroups, which are plain directories here; test/e2e/events.test.ts has real ones. */
import { expect, test } from "bun:test";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cgroupReader } from "../../src/container/events.ts";
import { temporaryDirectory } from "../support/temporary.ts";

/** Two of version 1, and the version 2 without controllers that is beside them on many machines. */
function hybrid(): readonly string[] {
  const directory = temporaryDirectory("cgroups");
  const files = {
    memory: ["memory.stat", "memory.limit_in_bytes"],
    cpu: ["cpu.stat", "cpu.shares"],
    unified: ["cpu.stat", "cpu.pressure", "memory.pressure", "cgroup.events"],
  };
  return Object.entries(files).map(([name, list]) => {
    mkdirSync(join(directory, name));
    for (const file of list) writeFileSync(join(directory, name, file), `${name} ${file}`);
    return join(directory, name);
  });
}

test("each file is read where its controller is, and pressure where version 2 is", () => {
  const read = cgroupReader(["/nowhere", ...hybrid()]);
  for (const _ of [1, 2]) {
    expect(read("cpu.stat")).toBe("cpu cpu.stat");
    expect(read("memory.limit_in_bytes")).toBe("memory memory.limit_in_bytes");
    expect(read("memory.pressure")).toBe("unified memory.pressure");
    expect(read("cpu.pressure")).toBe("unified cpu.pressure");
    expect(read("cgroup.events")).toBe("unified cgroup.events");
    expect(read("cpu.shares")).toBe("cpu cpu.shares");
    expect(read("cpu.other")).toBeUndefined();
    expect(read("pids.max")).toBeUndefined();
  }
});

test("what is gone is not there, and does not keep the rest from being read", () => {
  const [memory = "", ...rest] = hybrid();
  const read = cgroupReader([memory, ...rest]);
  expect(read("memory.stat")).toBe("memory memory.stat");
  rmSync(memory, { recursive: true });
  expect(read("memory.stat")).toBeUndefined();
  expect(read("cpu.shares")).toBe("cpu cpu.shares");
});
