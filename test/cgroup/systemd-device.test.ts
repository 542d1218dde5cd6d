import { expect, test } from "bun:test";
import { systemdDevices } from "../../src/cgroup/systemd-device.ts";
import { marshal } from "../../src/dbus/marshal.ts";
import type { DeviceRule } from "../../src/spec/resources.ts";

const DENY_ALL: DeviceRule = { allow: false, access: "rwm" };
const allow = (type: string, major: number, minor: number, access = "rwm"): DeviceRule => ({
  allow: true,
  type,
  major,
  minor,
  access,
});

function plain(rules: readonly DeviceRule[] | undefined, systemd = 252): Record<string, unknown> {
  const properties = systemdDevices(rules, systemd);
  marshal("a(sv)", [properties]);
  return Object.fromEntries(properties.map(([name, { value }]) => [name, value]));
}

/** What every container may: nodes of any device, and what its /dev is made of. */
const USUAL = [
  ["char-*", "m"],
  ["block-*", "m"],
  ["/dev/char/1:3", "rwm"],
  ["/dev/char/1:5", "rwm"],
  ["/dev/char/1:7", "rwm"],
  ["/dev/char/1:8", "rwm"],
  ["/dev/char/1:9", "rwm"],
  ["/dev/char/5:0", "rwm"],
  ["/dev/char/5:1", "rwm"],
  ["/dev/char/5:2", "rwm"],
  ["char-136", "rwm"],
];

test("nothing is said without rules; rules that forbid nothing take earlier ones back", () => {
  expect(plain(undefined)).toEqual({});
  expect(plain([])).toEqual({});
  expect(plain([{ allow: true, access: "rwm" }])).toEqual({ DevicePolicy: "auto", DeviceAllow: [] });
});

test("what is allowed is a strict list, with the container's usual devices", () => {
  const { DevicePolicy, DeviceAllow } = plain([DENY_ALL]);
  expect(DevicePolicy).toBe("strict");
  expect(new Set(Array.isArray(DeviceAllow) ? DeviceAllow.map(String) : [])).toEqual(
    new Set(USUAL.map(String)),
  );
});

test("single devices are paths, all of a number or of a kind are patterns", () => {
  const rules = [DENY_ALL, allow("c", 10, 200, "rw"), allow("b", 8, -1, "r"), allow("c", -1, -1, "r")];
  const { DeviceAllow } = plain(rules);
  expect(Array.isArray(DeviceAllow) ? DeviceAllow.slice(0, 3) : []).toEqual([
    ["/dev/char/10:200", "rw"],
    ["block-8", "r"],
    ["char-*", "r"],
  ]);
});

test("what a later rule takes back is not in the list", () => {
  const rules = [DENY_ALL, allow("b", 8, 1), { ...allow("b", 8, -1), allow: false, access: "w" }];
  const { DeviceAllow } = plain(rules);
  expect(Array.isArray(DeviceAllow) ? DeviceAllow[0] : []).toEqual(["/dev/block/8:1", "rm"]);
});

test("where systemd has no words for a device, or for all but some, it is told to allow all", () => {
  const all = { DevicePolicy: "auto", DeviceAllow: [] };
  expect(plain([DENY_ALL, allow("c", -1, 5)])).toEqual(all);
  expect(
    plain([
      { allow: true, access: "rwm" },
      { ...allow("b", 8, 0), allow: false },
    ]),
  ).toEqual(all);
  expect(plain([DENY_ALL], 239)).toEqual(all);
});
