import { describe, expect, test } from "bun:test";
import { CAPABILITIES } from "../../src/linux/capability.ts";
import { NAMESPACES } from "../../src/linux/namespace.ts";
import { defaultSpec } from "../../src/spec/default.ts";
import { checkIdMappings } from "../../src/spec/idmap.ts";
import { isBindMount, isIdMapped } from "../../src/spec/mount.ts";
import { createsNamespace, namespaceOf } from "../../src/spec/namespace.ts";
import { parseSpec } from "../../src/spec/parse.ts";
import { RULES } from "../../src/spec/rules.ts";
import { nearest } from "../../src/spec/schema.ts";
import { sysctlPath } from "../../src/spec/sysctl.ts";
import { messageOf, mutated, numbers } from "./mutate.ts";

test("every rule tells the section of the specification it follows", () => {
  for (const { section } of RULES) expect(section).toMatch(/^config(-linux)?\.md#config[A-Z]\w+$/);
});

test("id mappings are refused exactly when two share an id on one side", () => {
  const random = numbers(3);
  let refused = 0;
  for (let round = 0; round < 500; round++) {
    const mappings = Array.from({ length: 1 + random(4) }, () => ({
      containerID: random(20),
      hostID: random(20),
      size: 1 + random(4),
    }));
    const problems: string[] = [];
    checkIdMappings(mappings, "m", (path) => problems.push(path));
    const shares = (["containerID", "hostID"] as const).some((side) => {
      const ids = mappings.flatMap((mapping) =>
        Array.from({ length: mapping.size }, (_, offset) => mapping[side] + offset),
      );
      return new Set(ids).size < ids.length;
    });
    expect(problems.length > 0).toBe(shares);
    if (shares) refused += 1;
  }
  expect(refused).toBeGreaterThan(50);
  expect(refused).toBeLessThan(450);
});

test("340 mappings, and a mapping of every id there is, are taken", () => {
  const problems: string[] = [];
  const many = Array.from({ length: 340 }, (_, id) => ({ containerID: id, hostID: id, size: 1 }));
  checkIdMappings(many, "m", (path) => problems.push(path));
  checkIdMappings([{ containerID: 0, hostID: 0, size: 4294967295 }], "m", (path) => problems.push(path));
  expect(problems).toEqual([]);
});

describe("the first separator of a kernel parameter decides what separates", () => {
  const rows = {
    "net.ipv4.ip_forward": "net/ipv4/ip_forward",
    "net/ipv4/ip_forward": "net/ipv4/ip_forward",
    "net.ipv4.conf.eth0/1.forwarding": "net/ipv4/conf/eth0.1/forwarding",
    "net/ipv4/conf/eth0.1/forwarding": "net/ipv4/conf/eth0.1/forwarding",
    plain: "plain",
  };
  for (const [key, path] of Object.entries(rows)) {
    test(key, () => expect(sysctlPath(key)).toBe(path));
  }
});

describe("no spelling of a kernel parameter leads out of its namespace", () => {
  const keys = [
    "net/../kernel/panic",
    "net.//.kernel.panic",
    "net/./../kernel/panic",
    "/net/ipv4/ip_forward",
    "net//ipv4",
    "net.",
    "net",
    "",
    ".net.ipv4",
    "kernel.sem/../panic",
  ];
  for (const key of keys) {
    test(JSON.stringify(key), () => {
      const spec = mutated(defaultSpec(), ["linux", "sysctl"], { [key]: "1" });
      expect(messageOf(() => parseSpec(spec))).toStartWith(
        `config.json: linux.sysctl[${JSON.stringify(key)}]`,
      );
    });
  }
});

test("the kernel parameters of the container's own namespaces are taken", () => {
  const sysctl = {
    "net.core.somaxconn": "256",
    "net/ipv4/ping_group_range": "0 0",
    "kernel.sem": "1 1 1 1",
    "kernel.shm_rmid_forced": "1",
    "fs.mqueue.msg_max": "10",
    "kernel.domainname": "example",
  };
  expect(parseSpec(mutated(defaultSpec(), ["linux", "sysctl"], sysctl)).linux?.sysctl).toEqual(sysctl);
});

test("every capability and every namespace has a place in a configuration", () => {
  const all = [...CAPABILITIES];
  const sets = { bounding: all, permitted: all, effective: all, inheritable: all, ambient: all };
  const types = NAMESPACES.map(({ type }) => ({ type }));
  const ids = [{ containerID: 0, hostID: 0, size: 1 }];
  let spec = mutated(defaultSpec(), ["process", "capabilities"], sets);
  spec = mutated(spec, ["linux", "namespaces"], types);
  spec = mutated(spec, ["linux", "uidMappings"], ids);
  spec = mutated(spec, ["linux", "gidMappings"], ids);
  const parsed = parseSpec(spec, { warn: (line) => expect(line).toBe("") });
  expect(parsed.process?.capabilities?.ambient).toEqual(all);
  expect(parsed.linux?.namespaces).toEqual(types);
});

test("a namespace is created when it is listed without a path, and joined with one", () => {
  let spec = parseSpec(defaultSpec());
  expect(createsNamespace(spec, "pid")).toBe(true);
  expect(namespaceOf(spec, "time")).toBeUndefined();
  expect(createsNamespace(spec, "time")).toBe(false);
  spec = parseSpec(mutated(spec, ["linux", "namespaces", 0, "path"], "/proc/1/ns/pid"));
  expect(createsNamespace(spec, "pid")).toBe(false);
  expect(namespaceOf(spec, "pid")?.path).toBe("/proc/1/ns/pid");
});

test("an option makes a mount a bind mount, not its type", () => {
  expect(isBindMount({ destination: "/x", type: "bind" })).toBe(false);
  expect(isBindMount({ destination: "/x", type: "tmpfs", options: ["ro", "rbind"] })).toBe(true);
});

test("mappings or an option make a mount id-mapped", () => {
  const mapping = [{ containerID: 0, hostID: 0, size: 1 }];
  expect(isIdMapped({ destination: "/x" })).toBe(false);
  expect(isIdMapped({ destination: "/x", uidMappings: [] })).toBe(false);
  expect(isIdMapped({ destination: "/x", gidMappings: mapping })).toBe(true);
  expect(isIdMapped({ destination: "/x", options: ["ridmap"] })).toBe(true);
});

test("without a terminal the size of a console is ignored, as the specification wants", () => {
  let spec = mutated(defaultSpec(), ["process", "consoleSize"], { height: 70000, width: 1 });
  expect(messageOf(() => parseSpec(spec))).not.toBe("");
  spec = mutated(spec, ["process", "terminal"], false);
  expect(messageOf(() => parseSpec(spec))).toBe("");
});

test("unknown properties and other platforms' objects are dropped", () => {
  const spec = mutated(mutated(defaultSpec(), ["windows"], { x: 1 }), ["process", "magic"], true);
  expect(parseSpec(spec)).toEqual(defaultSpec());
});

test("a configuration without a linux object is one", () => {
  const spec = { ociVersion: "1.0.2-dev", root: { path: "rootfs" } };
  expect(parseSpec(spec)).toEqual(spec);
});

test("a word is suggested only when it is near", () => {
  expect(nearest("cap_sysadmin", CAPABILITIES)).toBe("CAP_SYS_ADMIN");
  expect(nearest("banana", CAPABILITIES)).toBeUndefined();
  expect(nearest("", CAPABILITIES)).toBeUndefined();
});
