import { expect, test } from "bun:test";
import { type DeviceLine, deviceLines } from "../../src/cgroup/device-list.ts";
import { devicePolicy } from "../../src/cgroup/device-rule.ts";
import { HutchError } from "../../src/linux/error.ts";
import type { DeviceRule } from "../../src/spec/resources.ts";
import { isAllowed, REQUESTS, type Request, random, randomRules } from "./rules.ts";

/**
 * The kernel's device controller of version 1: a default, and exceptions that only their very own numbers
 * take back.
 */
function kernel(lines: readonly DeviceLine[]): (request: Request, letter: string) => boolean {
  let byDefault = true;
  const exceptions = new Map<string, Set<string>>();
  for (const { file, text } of lines) {
    const allow = file === "devices.allow";
    if (text === "a") {
      byDefault = allow;
      exceptions.clear();
      continue;
    }
    const [type, numbers, letters = ""] = text.split(" ");
    const key = `${type} ${numbers}`;
    const access = exceptions.get(key) ?? new Set();
    for (const letter of letters) {
      if (allow === byDefault) access.delete(letter);
      else access.add(letter);
    }
    exceptions.set(key, access);
  }
  return ({ type, major, minor }, letter) => {
    const keys = [`${major}:${minor}`, `${major}:*`, `*:${minor}`, "*:*"].map(
      (numbers) => `${type} ${numbers}`,
    );
    return keys.some((key) => exceptions.get(key)?.has(letter)) !== byDefault;
  };
}

function lines(rules: readonly DeviceRule[]): DeviceLine[] | undefined {
  const policy = devicePolicy(rules);
  return policy && deviceLines(policy);
}

const DEFAULTS = [
  "c *:* m",
  "b *:* m",
  "c 1:3 rwm",
  "c 1:5 rwm",
  "c 1:7 rwm",
  "c 1:8 rwm",
  "c 1:9 rwm",
  "c 5:0 rwm",
  "c 5:1 rwm",
  "c 5:2 rwm",
  "c 136:* rwm",
].map((text) => ({ file: "devices.allow", text }));

test("the rules come in their order, and then the devices of every container", () => {
  expect(
    lines([
      { allow: false, access: "rwm" },
      { allow: true, type: "c", major: 10, minor: 229, access: "rwm" },
      { allow: true, type: "b", major: 8, minor: -1, access: "r" },
      { allow: false, type: "c", major: 10, minor: 229, access: "m" },
    ]),
  ).toEqual([
    { file: "devices.deny", text: "a" },
    { file: "devices.allow", text: "c 10:229 rwm" },
    { file: "devices.allow", text: "b 8:* r" },
    { file: "devices.deny", text: "c 10:229 m" },
    ...DEFAULTS,
  ] as DeviceLine[]);
});

test("all devices with a number or less than full access is not written as a, which the kernel takes for everything", () => {
  expect(lines([{ allow: true, type: "a", major: 10, access: "r" }])?.slice(0, 3)).toEqual([
    { file: "devices.deny", text: "a" },
    { file: "devices.allow", text: "b 10:* r" },
    { file: "devices.allow", text: "c 10:* r" },
  ]);
});

test("a wide rule takes back the narrow ones before it", () => {
  expect(
    lines([
      { allow: true, type: "c", major: 10, minor: 229 },
      { allow: false, type: "c", major: 10 },
    ])?.slice(1, 3),
  ).toEqual([
    { file: "devices.allow", text: "c 10:229 rwm" },
    { file: "devices.deny", text: "c 10:229 rwm" },
  ]);
});

test("a hole in a wide rule, which the kernel would ignore, is refused", () => {
  const hole: DeviceRule[] = [
    { allow: true, type: "c", major: 10 },
    { allow: false, type: "c", major: 10, minor: 229, access: "w" },
  ];
  expect(() => lines(hole)).toThrow(
    "cgroup v1 cannot deny c 10:229 w out of c 10:* w; hint: name the devices",
  );
});

test("for lists made at random the kernel decides as the rules say, or the list is refused", () => {
  const next = random(7);
  let compared = 0;
  for (let round = 0; round < 200; round++) {
    const rules = randomRules(next);
    let list: DeviceLine[] | undefined;
    try {
      list = lines(rules);
    } catch (error) {
      expect(error).toBeInstanceOf(HutchError);
      continue;
    }
    if (list === undefined) continue;
    const decide = kernel(list);
    for (const request of REQUESTS) {
      for (const letter of "rwm") {
        const expected = isAllowed(rules, request, letter);
        if (decide(request, letter) !== expected) {
          throw new Error(JSON.stringify({ rules, list, request, letter, expected }));
        }
        compared++;
      }
    }
  }
  expect(compared).toBeGreaterThan(10_000);
});
