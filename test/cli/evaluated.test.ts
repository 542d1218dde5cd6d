/** What is evaluated at the start of the commands that people wait for, when the program was kept. */
import { expect, test } from "bun:test";
import { importsOf, sources } from "../support/source.ts";

const files = new Map(sources("src/**/*.ts").map((file) => [file.path, file]));

/** A module, and all that it imports before it runs. */
function evaluated(start: string, found = new Set<string>()): Set<string> {
  const file = files.get(start);
  if (file === undefined || found.has(start)) return found;
  found.add(start);
  for (const path of importsOf(file, "evaluated")) evaluated(path, found);
  return found;
}

/** What plans and compiles, and what has nothing to do with most containers. */
const LATER = /^src\/(spec|emit|net|image|dbus|library)\/|^src\/plan\/(order|launcher|mount|seccomp|print)\b/;

for (const command of ["in", "run", "create", "exec", "start", "delete"]) {
  test(`${command} evaluates nothing that plans or compiles`, () => {
    const modules = [...evaluated("src/cli/main.ts"), ...evaluated(`src/cli/${command}.ts`)];
    expect(modules.filter((path) => LATER.test(path))).toEqual([]);
    expect(modules).toContain("src/host/fd.ts");
  });
}

test("the planner would be found", () => {
  const found = [...evaluated("src/plan/order.ts")].filter((path) => LATER.test(path));
  expect(found).toEqual(expect.arrayContaining(["src/plan/order.ts", "src/plan/mount.ts"]));
});
