/** Values of options: what is understood, and what is refused by the option's name. */
import { describe, expect, test } from "bun:test";
import { CAPABILITIES } from "../../src/linux/capability.ts";
import { RLIM_INFINITY } from "../../src/linux/resource.ts";
import { parseWhole } from "../../src/options/number.ts";
import {
  parseBind,
  parseBytes,
  parseCapability,
  parseCpus,
  parseMap,
  parseNamespace,
  parsePair,
  parseRlimit,
  parseSeconds,
  parseTmpfs,
  parseUser,
} from "../../src/options/value.ts";

/** Every text gives its value. */
function gives<T>(parse: (option: string, text: string) => T, rows: Readonly<Record<string, T>>): void {
  for (const [text, value] of Object.entries(rows))
    expect({ text, value: parse("o", text) }).toEqual({ text, value });
}

/** Every text is refused with the option's name and the text. */
function refuses(parse: (option: string, text: string) => unknown, ...texts: readonly string[]): void {
  for (const text of texts) expect(() => parse("o", text)).toThrow(`--o ${text}: expected `);
}

describe("sizes and numbers", () => {
  test("bytes have units of 1024", () => {
    gives(parseBytes, {
      "1048576": 1_048_576,
      "64m": 67_108_864,
      "1.5G": 1_610_612_736,
      "2048kb": 2_097_152,
      "1024KiB": 1_048_576,
      "1t": 2 ** 40,
    });
    refuses(parseBytes, "", "0", "-1", "64x", "1e3", "m", "1 m", "0.0001");
  });

  test("processors become a quota of 100 ms", () => {
    gives(parseCpus, { "0.5": { quota: 50_000, period: 100_000 }, "2": { quota: 200_000, period: 100_000 } });
    refuses(parseCpus, "0", "0.001", "-1", "two", "", "1e1");
  });

  test("whole numbers are at least what is asked", () => {
    gives(parseWhole, { "0": 0, "42": 42 });
    refuses(parseWhole, "-1", "1.5", "", "x", "9007199254740993");
    expect(() => parseWhole("pids", "0", 1)).toThrow("--pids 0: expected a whole number of at least 1");
  });

  test("times are seconds", () => {
    gives(parseSeconds, { "30": 30, "1.5m": 90, "200ms": 0.2, "1h": 3600, "1d": 86_400, "5s": 5 });
    refuses(parseSeconds, "0", "", "-1", "5w", "ms");
  });
});

describe("ids", () => {
  test("a user has a group, or none", () => {
    gives(parseUser, { "1000": { uid: 1000, gid: undefined }, "1000:100": { uid: 1000, gid: 100 } });
    refuses(parseUser, "root", "1:2:3", ":", "1:", "-1", "4294967295", "1.5");
  });

  test("a map is inside, outside, count", () => {
    gives(parseMap, { "0:100000:65536": { containerID: 0, hostID: 100_000, size: 65_536 } });
    refuses(parseMap, "0", "0:1", "0:1:2:3", "a:b:c", "0::1", "0:-1:1");
    expect(() => parseMap("uid-map", "foo")).toThrow("--uid-map foo: expected CONTAINER:HOST:COUNT");
  });
});

describe("names", () => {
  test("capabilities in any case, with or without CAP_", () => {
    for (const text of ["NET_ADMIN", "cap_net_admin", "CAP_NET_ADMIN", "net_admin"]) {
      expect(parseCapability("o", text)).toEqual(["CAP_NET_ADMIN"]);
    }
    expect(parseCapability("o", "ALL")).toEqual(CAPABILITIES);
    expect(() => parseCapability("o", "NET_ADMN")).toThrow("--o NET_ADMN: expected CAP_NET_ADMIN?");
    refuses(parseCapability, "", "zzzzzz", "CAP_");
  });

  test("namespaces as OCI and as /proc name them", () => {
    gives(parseNamespace, { net: "network", network: "network", mnt: "mount", ipc: "ipc", time: "time" });
    expect(() => parseNamespace("o", "nett")).toThrow("--o nett: expected net?");
    refuses(parseNamespace, "", "NET", "everything");
  });

  test("limits by name, with one value or two", () => {
    gives(parseRlimit, {
      "nofile=10": { type: "RLIMIT_NOFILE", soft: 10, hard: 10 },
      "RLIMIT_CORE=0:unlimited": { type: "RLIMIT_CORE", soft: 0, hard: RLIM_INFINITY },
    });
    refuses(parseRlimit, "nofile", "nofil=1", "=1", "");
    expect(() => parseRlimit("o", "nofile=x")).toThrow("--o nofile=x: expected whole numbers, or unlimited");
  });

  test("pairs have a name", () => {
    gives(parsePair, { "A=b": ["A", "b"], "A=": ["A", ""], "A=b=c": ["A", "b=c"] });
    refuses(parsePair, "A", "=b", "");
  });
});

describe("mounts", () => {
  test("a bind is recursive, and read-only all the way down", () => {
    expect(parseBind("bind", "/a:/b:ro")).toEqual({
      destination: "/b",
      source: "/a",
      type: "bind",
      options: ["rbind", "nosuid", "nodev", "rro"],
    });
    expect(parseBind("bind", "./a:/b").options).toEqual(["rbind", "nosuid", "nodev"]);
    refuses(parseBind, "/a", "/a:b", ":/b", "/a:/b:ro:x", "");
  });

  test("a tmpfs is open to all unless its mode is given", () => {
    expect(parseTmpfs("tmpfs", "/cache").options).toEqual(["nosuid", "nodev", "mode=1777"]);
    expect(parseTmpfs("tmpfs", "/cache:size=4m,mode=700").options).toEqual([
      "nosuid",
      "nodev",
      "size=4m",
      "mode=700",
    ]);
    refuses(parseTmpfs, "cache", ":size=1", "");
  });
});
