import { expect, test } from "bun:test";
import { deviceChange, deviceReturn } from "../../src/cgroup/device-change.ts";
import type { DeviceLine } from "../../src/cgroup/device-list.ts";
import { devicePolicy } from "../../src/cgroup/device-rule.ts";
import { isAllowed, REQUESTS, type Request, random, randomRules } from "./rules.ts";

const EVERYTHING = "a *:* rwm\n";

/** The list of a kernel after lines; a default of everything is shown without its exceptions. */
class Kernel extends Error {}

interface State {
  allow: boolean;
  readonly exceptions: Map<string, string>;
}

const stateOf = (list: string): State => ({
  allow: list === EVERYTHING,
  exceptions: new Map(
    list === EVERYTHING
      ? []
      : list
          .split("\n")
          .filter((line) => line !== "")
          .map((line) => [line.slice(0, line.lastIndexOf(" ")), line.slice(line.lastIndexOf(" ") + 1)]),
  ),
});

const listOf = ({ allow, exceptions }: State): string =>
  allow ? EVERYTHING : [...exceptions].map(([key, letters]) => `${key} ${letters}\n`).join("");

/** security/device_cgroup.c, devcgroup_update_access. */
function write(state: State, { file, text }: DeviceLine): void {
  const allow = file === "devices.allow";
  if (text === "a") {
    state.allow = allow;
    state.exceptions.clear();
    return;
  }
  const key = text.slice(0, text.lastIndexOf(" "));
  const letters = text.slice(text.lastIndexOf(" ") + 1);
  const before = state.exceptions.get(key) ?? "";
  const kept = [...before].filter((letter) => !letters.includes(letter)).join("");
  const after = allow === state.allow ? kept : kept + letters;
  if (after === "") state.exceptions.delete(key);
  else state.exceptions.set(key, after);
}

function may({ allow, exceptions }: State, { type, major, minor }: Request, letter: string): boolean {
  const named = [...exceptions].some(([key, letters]) => {
    const [kind = "", numbers = ""] = key.split(" ");
    const [a = "", b = ""] = numbers.split(":");
    return (
      kind === type &&
      [`${major}`, "*"].includes(a) &&
      [`${minor}`, "*"].includes(b) &&
      letters.includes(letter)
    );
  });
  return named !== allow;
}

const sorted = ({ exceptions }: State): string[] =>
  [...exceptions].map(([key, letters]) => `${key} ${[...letters].sort().join("")}`).sort();

const policyOf = (next: () => number) => {
  const rules = randomRules(next);
  return { rules, policy: devicePolicy(rules) };
};

test("on the way from rules to others nothing is allowed that neither of them allows", () => {
  const next = random(77);
  let changes = 0;
  for (let round = 0; round < 80; round++) {
    const [from, to] = [policyOf(next), policyOf(next)];
    const state = stateOf(EVERYTHING);
    try {
      for (const line of deviceChange(EVERYTHING, from.policy).lines) write(state, line);
      const before = listOf(state);
      const { lines, opens } = deviceChange(before, to.policy);
      const old = structuredClone(state);
      for (const line of lines) {
        write(state, line);
        if (opens) continue;
        for (const request of REQUESTS) {
          for (const letter of "rwm") {
            if (!may(state, request, letter) || may(old, request, letter)) continue;
            if (to.policy === undefined || isAllowed(to.rules, request, letter)) continue;
            throw new Kernel(JSON.stringify({ from: from.rules, to: to.rules, line, request, letter }));
          }
        }
      }
      const wrong = REQUESTS.filter((request) =>
        [..."rwm"].some((letter) => {
          const wanted = to.policy === undefined || isAllowed(to.rules, request, letter);
          return may(state, request, letter) !== wanted;
        }),
      );
      expect(wrong).toEqual([]);
      if (!old.allow && !state.allow) {
        for (const line of deviceReturn(listOf(state), before)) write(state, line);
        expect(sorted(state)).toEqual(sorted(old));
      }
      changes++;
    } catch (error) {
      // Version 1 has no words for every list of rules.
      if (error instanceof Kernel || !String(error).includes("cgroup v1 cannot")) throw error;
    }
  }
  expect(changes).toBeGreaterThan(20);
});

test("a device more is one line, and a device less is one too", () => {
  const fuse = { allow: true, type: "c", major: 10, minor: 229, access: "rw" } as const;
  const [without, with_] = [devicePolicy([{ allow: false }]), devicePolicy([{ allow: false }, fuse])];
  const state = stateOf(EVERYTHING);
  for (const line of deviceChange(EVERYTHING, without).lines) write(state, line);
  const list = listOf(state);
  expect(deviceChange(list, with_).lines).toEqual([{ file: "devices.allow", text: "c 10:229 rw" }]);
  expect(deviceChange(`${list}c 10:229 rw\n`, without).lines).toEqual([
    { file: "devices.deny", text: "c 10:229 rw" },
  ]);
  expect(deviceChange(list, without).lines).toEqual([]);
});

test("only a default of everything with exceptions opens for a moment", () => {
  const opens = (rules: Parameters<typeof devicePolicy>[0]) => deviceChange("", devicePolicy(rules)).opens;
  expect(opens([{ allow: true }, { allow: false, type: "b", access: "w" }])).toBeTrue();
  expect(opens([{ allow: true }])).toBeFalse();
  expect(opens([{ allow: false }])).toBeFalse();
});
