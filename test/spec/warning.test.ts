import { expect, test } from "bun:test";
import { raisableAmbient } from "../../src/spec/capability.ts";
import { defaultSpec } from "../../src/spec/default.ts";
import { parseProcess, parseSpec } from "../../src/spec/parse.ts";
import { mutated } from "./mutate.ts";

function warningsOf(spec: unknown): string[] {
  const lines: string[] = [];
  parseSpec(spec, { warn: (line) => lines.push(line) });
  return lines;
}

test("ambient capabilities that cannot be raised are a warning, as the bundles of older runtimes have them", () => {
  const { bounding = [] } = defaultSpec().process?.capabilities ?? {};
  const capabilities = { bounding, permitted: bounding, effective: bounding, ambient: bounding };
  expect(warningsOf(mutated(defaultSpec(), ["process", "capabilities"], capabilities))).toEqual([
    "process.capabilities.ambient: expected capabilities that are also permitted and inheritable, " +
      'received "CAP_AUDIT_WRITE CAP_KILL CAP_NET_BIND_SERVICE"',
  ]);
  expect(raisableAmbient(capabilities)).toEqual([]);
});

test("ambient capabilities that are permitted and inheritable are raised without a word", () => {
  const capabilities = {
    bounding: ["CAP_KILL", "CAP_CHOWN"],
    permitted: ["CAP_KILL"],
    inheritable: ["CAP_KILL", "CAP_CHOWN"],
    ambient: ["CAP_KILL"],
  };
  expect(warningsOf(mutated(defaultSpec(), ["process", "capabilities"], capabilities))).toEqual([]);
  expect(raisableAmbient({ ...capabilities, ambient: ["CAP_KILL", "CAP_CHOWN"] })).toEqual(["CAP_KILL"]);
});

test("a relative mount destination is a warning, as the specification keeps it for old configurations", () => {
  expect(warningsOf(mutated(defaultSpec(), ["mounts", 0, "destination"], "proc"))).toEqual([
    'mounts[0].destination: expected an absolute path (taken as relative to /), received "proc"',
  ]);
});

test("the warnings of a process of its own have paths that begin at it", () => {
  const lines: string[] = [];
  const process = mutated(defaultSpec().process, ["capabilities", "ambient"], ["CAP_KILL"]);
  parseProcess(process, { warn: (line) => lines.push(line) });
  expect(lines).toEqual([
    'capabilities.ambient: expected capabilities that are also permitted and inheritable, received "CAP_KILL"',
  ]);
});

test("nobody has to listen to warnings", () => {
  expect(
    parseSpec(mutated(defaultSpec(), ["mounts", 0, "destination"], "proc")).mounts?.[0]?.destination,
  ).toBe("proc");
});
