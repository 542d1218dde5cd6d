/** Where the compiled entry program looks for containers, on both architectures. */
import { expect } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { call, exit, label } from "../../src/plan/build.ts";
import {
  CONTENT,
  closeDescriptors,
  forgetDescriptors,
  openContainer,
  openRoot,
  readSummary,
} from "../../src/plan/entry-place.ts";
import { BUN, ID, ROOT_OPTION } from "../../src/plan/entry-words.ts";
import type { Plan } from "../../src/plan/step.ts";
import { SUMMARY, SUMMARY_MAX, summaryOf } from "../../src/plan/summary.ts";
import { contract, type Machine, showMemory } from "../emit/machine.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const LEFT_TO_BUN = 7;

/** Reads the summary of a container; arguments are the id and the root, if any. */
const plan = ({ arch }: Machine): Plan => [
  ...forgetDescriptors(),
  { kind: "given", into: ID, what: 1 },
  { kind: "given", into: ROOT_OPTION, what: 2 },
  ...openRoot(arch),
  openContainer(arch),
  ...readSummary(),
  showMemory(CONTENT, 16),
  exit(0, "found"),
  label(BUN),
  ...closeDescriptors(),
  call("see that nothing is open", "close", [3], { errors: { EBADF: { to: "all is closed" } } }),
  exit(8, "something is open"),
  label("all is closed"),
  exit(LEFT_TO_BUN, "not found"),
];

/** A root with a container, whose summary has this content. */
function place(content: string | Uint8Array = summaryOf(4711, ["/a"]) ?? ""): string {
  const root = temporaryDirectory("entry");
  mkdirSync(join(root, "box"));
  writeFileSync(join(root, "box", SUMMARY), content);
  return root;
}

/** "found", "Bun", or what went wrong. */
function look(machine: Machine, args: readonly string[], env: Record<string, string> = {}): string {
  const { code, stdout, stderr } = machine.run(plan(machine), undefined, { args, env });
  if (code === LEFT_TO_BUN) return "Bun";
  return code === 0 ? `found ${stdout.readBigUInt64LE(8)}` : `${code} ${stderr}`;
}

contract("a summary is found below --root, and nothing stays open when there is none", (machine) => {
  const root = place();
  expect(look(machine, ["box", root])).toBe("found 4711");
  expect(look(machine, ["other", root])).toBe("Bun");
  const empty = join(temporaryDirectory("entry"), "root");
  mkdirSync(join(empty, "box"), { recursive: true });
  expect(look(machine, ["box", empty])).toBe("Bun");
  expect(look(machine, ["box", join(root, "nowhere")])).toBe("Bun");
});

contract("a summary of another form, or one that is too long, is left to Bun", (machine) => {
  const known = Buffer.from(summaryOf(4711, []) ?? []).toString("latin1");
  for (const content of ["", "hutch 2\0", known.slice(1), "hutch 1", `${known}${"x".repeat(SUMMARY_MAX)}`]) {
    // Zeros follow what is short: a mark alone has pid 0.
    const expected = content === "hutch 1" ? "found 0" : "Bun";
    expect([content.slice(0, 20), look(machine, ["box", place(content)])]).toEqual([
      content.slice(0, 20),
      expected,
    ]);
  }
});
