/** What a description means, on a machine that is only answers. */
import { describe, expect, test } from "bun:test";
import { describeContainer } from "../../src/library/description.ts";
import type { ContainerOptions } from "../../src/library/options.ts";
import { machine } from "../cli/machine.ts";

const CONFIG = JSON.stringify({
  ociVersion: "1.3.0",
  root: { path: "rootfs" },
  process: { cwd: "/", args: ["sh"] },
});

const look = machine({
  kind: { "/srv": "directory", "/bundle": "directory", "/bundle/rootfs": "directory", "/profile": "file" },
  real: { "/srv": "/srv", "/bundle": "/bundle", "/bundle/rootfs": "/bundle/rootfs" },
  text: {
    "/bundle/config.json": CONFIG,
    "/bundle/other.json": CONFIG.replace("sh", "ls"),
    "/profile": JSON.stringify({ defaultAction: "SCMP_ACT_ALLOW" }),
  },
});

const described = (options: Partial<ContainerOptions>) =>
  describeContainer({ root: "/srv", command: ["sh"], ...options }, look);

describe("a description of options", () => {
  test("means what hutch in means by the same options", () => {
    const { spec, launch } = described({ memory: "64m", capDrop: "all", init: true, timeout: 5 }).now;
    expect(spec.root).toEqual({ path: "/srv", readonly: false });
    expect(spec.linux?.resources).toEqual({ memory: { limit: 2 ** 26 } });
    expect(spec.process?.capabilities?.bounding).toEqual([]);
    expect(launch).toMatchObject({ init: true, timeout: 5, dieWithLauncher: true, givenEnvironment: true });
  });

  test("has an environment without the caller's", () => {
    const { environment } = described({ env: { A: "1" } }).now;
    expect(environment.map((entry) => entry.split("=")[0])).toEqual(["PATH", "container", "A"]);
  });

  test("gets its filter of system calls when it is needed", async () => {
    expect(described({}).now.launch.filter).toBeUndefined();
    expect((await described({}).whole()).launch.filter?.program.length).toBeGreaterThan(1000);
    expect((await described({ seccomp: "off" }).whole()).launch.filter).toBeUndefined();
    const { spec } = await described({ seccomp: "/profile" }).whole();
    expect(spec.linux?.seccomp?.defaultAction).toBe("SCMP_ACT_ALLOW");
    expect(described({ seccomp: "/none" }).whole()).rejects.toThrow("--seccomp /none: ENOENT");
  });
});

describe("a description of a bundle", () => {
  test("is its configuration, with an absolute root", () => {
    const { spec, launch, environment } = describeContainer({ bundle: "/bundle", init: true }, look).now;
    expect(spec.root?.path).toBe("/bundle/rootfs");
    expect([launch.init, launch.givenEnvironment, environment]).toEqual([true, false, []]);
  });

  test("may have another configuration", () => {
    const { spec } = describeContainer({ bundle: "/bundle", config: "/bundle/other.json" }, look).now;
    expect(spec.process?.args).toEqual(["ls"]);
  });

  test("has no options of a description by options", () => {
    const mixed = { bundle: "/bundle", memory: "64m" };
    expect(() => describeContainer(mixed, look)).toThrow("container: memory: expected no such option");
  });
});
