import { expect, test } from "bun:test";
import { accessLetters, devicePolicy } from "../../src/cgroup/device-rule.ts";

const FUSE = { type: "c", major: 10, minor: 229 } as const;

test("without rules, and with rules that forbid nothing, there is no policy", () => {
  expect(devicePolicy(undefined)).toBeUndefined();
  expect(devicePolicy([])).toBeUndefined();
  expect(
    devicePolicy([{ allow: false }, { allow: true, ...FUSE }, { allow: true, access: "rwm" }]),
  ).toBeUndefined();
});

test("a list that only allows forbids the rest", () => {
  expect(devicePolicy([{ allow: true, ...FUSE, access: "r" }])).toMatchObject({
    allow: false,
    rules: [{ allow: true, ...FUSE }, ...Array.from({ length: 11 }, () => ({ allow: true }))],
  });
});

test("a rule for everything makes those before it void", () => {
  const policy = devicePolicy([
    { allow: true, ...FUSE },
    { allow: true, type: "a", major: -1, minor: -1 },
    { allow: false, ...FUSE },
  ]);
  expect(policy?.allow).toBeTrue();
  expect(policy?.rules[0]).toMatchObject({ allow: false, ...FUSE });
});

test("access is written in the order of the kernel's documentation", () => {
  const access = devicePolicy([{ allow: true, ...FUSE, access: "mwr" }])?.rules[0]?.access ?? 0;
  expect(accessLetters(access)).toBe("rwm");
});
