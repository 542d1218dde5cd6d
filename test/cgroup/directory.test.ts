import { expect, test } from "bun:test";
import { directory, makeAncestor, makeDirectory, takeName } from "../../src/cgroup/directory.ts";
import { RESOLVE_BENEATH } from "../../src/linux/fcntl.ts";
import type { Call, Step } from "../../src/plan/step.ts";

const explicit = directory("memory", { parent: "/c/a", name: "web", ancestors: [] });
const given = directory("memory", { parent: "/c/a", name: undefined, ancestors: [] });

const calls = (steps: readonly Step[]): Call[] =>
  steps.flatMap((step) => (step.kind === "call" ? [step] : []));

const makes = (steps: readonly Step[]): Call | undefined =>
  calls(steps).find(({ name }) => name === "mkdirat");

test("what lies above may exist already, the cgroup itself when its path was given, and then it is taken", () => {
  expect(makes([makeAncestor("/c/a")])?.errors).toEqual({ EEXIST: "ignore" });
  const leaf = makes(makeDirectory(given));
  expect(leaf).toBeDefined();
  expect(leaf?.errors).toBeUndefined();
  expect(leaf?.hints?.EEXIST).toContain("may be running");
  expect(makes(makeDirectory(explicit))?.errors).toEqual({ EEXIST: { to: expect.any(String) } });
  const takes = (of: typeof explicit): boolean =>
    calls(makeDirectory(of)).some(({ name }) => name === "flock");
  expect([explicit, given].map(takes)).toEqual([true, false]);
  // Systemd makes it for this container, with the mode of its own.
  expect(takes({ ...explicit, isThere: "perhaps" })).toBe(false);
});

test("the cgroup is made and opened by its name in the directory above, which is opened first", () => {
  const [open, make, self] = calls(makeDirectory(explicit));
  expect(open).toMatchObject({ name: "openat", into: explicit.above });
  expect(open?.args[1]).toBe("/c/a");
  expect(make?.args.slice(0, 2)).toEqual([explicit.above, "web"]);
  expect(self).toMatchObject({ name: "openat2", into: explicit.self });
  expect(self?.args.slice(0, 2)).toEqual([explicit.above, "web"]);
});

test("what is opened lies in the directory above, whatever the name", () => {
  const how = calls(makeDirectory(given)).at(-1)?.args[2];
  const fields = typeof how === "object" && how.kind === "struct" ? how.fields : [];
  expect(fields.find(({ name }) => name === "resolve")?.value).toBe(RESOLVE_BENEATH);
});

test("a directory counts as made only after it was", () => {
  const steps = makeDirectory(given);
  const made = steps.findIndex((step) => step.kind === "call" && step.name === "mkdirat");
  expect(steps.map(({ kind }) => kind)).toEqual(["call", "call", "compute", "call"]);
  expect(made).toBe(1);
  expect(steps[made + 1]).toMatchObject({ op: "set", into: given.made, left: 1 });
});

test("messages name the cgroup: in words when the name is known, as their subject when it is given", () => {
  expect(makes(makeDirectory(explicit))?.why).toBe("make the cgroup /c/a/web");
  expect(calls(makeDirectory(explicit)).every(({ subject }) => subject === undefined)).toBe(true);
  const [, make, open] = calls(makeDirectory(given));
  const { above, name } = given;
  expect(name).toMatchObject({ kind: "slot" });
  expect(make).toMatchObject({ why: "make the cgroup in /c/a:", args: [above, name, 0o1755], subject: name });
  expect(open).toMatchObject({ why: "open the cgroup in /c/a:", subject: name });
});

test("directories of different keys have slots of their own", () => {
  const place = { parent: "/c", name: "web", ancestors: [] };
  const slots = ["cpu", "pids"].flatMap((key) => {
    const { made, above, self } = directory(key, place);
    return [made.name, above.name, self.name];
  });
  expect(new Set(slots).size).toBe(6);
});

test("the name is taken once, and only when a directory has none of its own", () => {
  expect(takeName([])).toEqual([]);
  expect(takeName([explicit, explicit])).toEqual([]);
  const taken = takeName([explicit, given, given]).filter(({ kind }) => kind === "given");
  expect(taken).toEqual([expect.objectContaining({ into: given.name, what: 1 })]);
});

test("where two controllers are mounted together the second cgroup is the first, made or taken", () => {
  const first = directory("net_cls", { parent: "/c/net_cls", name: "web", ancestors: [] });
  const second = directory("net_prio", { parent: "/c/net_prio", name: "web", ancestors: [] });
  const steps = makeDirectory({ ...second, sameAs: first });
  const asked = calls(steps).filter(({ name, why }) => name === "statx" && why.includes("together"));
  expect(asked.map(({ args }) => args[0])).toEqual([first.above, second.above]);
  const set = steps.findIndex((step) => step.kind === "compute" && step.left === first.made);
  expect(steps[set]).toMatchObject({ op: "set", into: second.made });
  expect(steps.findIndex((step) => step.kind === "call" && step.name === "mkdirat")).toBeGreaterThan(set);
});
