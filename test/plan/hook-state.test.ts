/** What hooks are told, put together by programs that run; test/e2e/compile-hooks.test.ts runs the hooks. */
import { expect, test } from "bun:test";
import { call, set, slot } from "../../src/plan/build.ts";
import type { Launch } from "../../src/plan/context.ts";
import { STATE } from "../../src/plan/hook.ts";
import {
  becomeCreated,
  hasHostHooks,
  learnPid,
  learnState,
  ownHooks,
  stateOf,
} from "../../src/plan/hook-state.ts";
import type { Standalone } from "../../src/plan/standalone.ts";
import type { Step } from "../../src/plan/step.ts";
import type { Spec } from "../../src/spec/spec.ts";
import { contract, type Machine } from "../emit/machine.ts";
import { context, spec } from "./fixture.ts";

const HOOKS = { poststop: [{ path: "/bin/true" }] };
const STANDALONE: Standalone = {
  name: "box",
  args: false,
  directory: undefined,
  rootVariable: undefined,
  pack: undefined,
};
const hooked = (launch: Partial<Launch> = {}, rest: Partial<Spec> = {}) =>
  context(spec({}, {}, { hooks: HOOKS, ...rest }), { bundle: "/srv", standalone: STANDALONE, ...launch });

/** Writes a state to standard output. */
function told({ run }: Machine, of: ReturnType<typeof hooked>, status: "running" | "stopped") {
  const { write, steps, length } = stateOf(of, status);
  const written = slot("written");
  const program: Step[] = [
    ...learnState(of),
    set(slot("init"), 4711),
    learnPid(slot("init")),
    ...steps,
    write("tell", slot("out"), { into: written }),
    { kind: "branch", left: written, is: "eq", right: length, to: "whole" },
    { kind: "fail", message: "the length is wrong" },
    { kind: "label", name: "whole" },
  ];
  return run([set(slot("out"), 1), ...program], undefined, { args: ["hutch-other"] });
}

contract("the state is JSON, with the pid and a name of the program's own", (machine) => {
  const annotations = { quoted: 'a"b\\' };
  const { stdout, stderr } = told(machine, hooked({}, { annotations }), "running");
  expect(stderr).toBe("");
  expect(JSON.parse(stdout.toString())).toEqual({
    ociVersion: spec().ociVersion,
    status: "running",
    id: expect.stringMatching(/^hutch-\d+-\d{10}$/),
    pid: 4711,
    bundle: "/srv",
    annotations,
  });
  expect(JSON.parse(told(machine, hooked(), "stopped").stdout.toString())).toMatchObject({
    status: "stopped",
    pid: 0,
  });
});

contract("a program that hutch has started has its name from there", (machine) => {
  const { standalone: _, ...launch } = hooked({ followed: true }).launch;
  const { stdout } = told(machine, { ...hooked(), launch }, "running");
  expect(JSON.parse(stdout.toString())).toMatchObject({ id: "other" });
});

contract("the bundle is where the program is, if it was to be found beside it", (machine) => {
  const standalone = { ...STANDALONE, directory: "/srv" };
  const { stdout } = told(machine, hooked({ standalone, bundle: "/srv/b/c" }), "running");
  expect(JSON.parse(stdout.toString())).toMatchObject({ bundle: `${process.cwd()}/b/c` });
});

contract("a state that is creating becomes one that is created, of the same length", ({ run }) => {
  const text = `{"ociVersion":"${spec().ociVersion}","status":"creating","id":"a"}`;
  const at = slot("at");
  const { stdout } = run([
    set(at, STATE),
    ...[...Buffer.from(text)].map(
      (value, offset): Step => ({ kind: "store", to: STATE, offset, size: 1, value }),
    ),
    becomeCreated(hooked()),
    call("show", "write", [1, STATE, text.length]),
  ]);
  expect(stdout.toString()).toHaveLength(text.length);
  expect(JSON.parse(stdout.toString())).toMatchObject({ status: "created", id: "a" });
});

test("hooks are the program's own where no hutch lives beside it", () => {
  expect(ownHooks(hooked())).toEqual(HOOKS);
  expect(ownHooks(hooked({ creates: true }))).toBeUndefined();
  expect(ownHooks(hooked({ bundle: undefined }))).toBeUndefined();
  expect(ownHooks(hooked({}, { hooks: { prestart: [] } }))).toBeUndefined();
  expect(hasHostHooks(hooked())).toBe(true);
  expect(hasHostHooks(hooked({}, { hooks: { startContainer: [{ path: "/a" }] } }))).toBe(false);
});

test("a state that no pipe holds is refused", () => {
  expect(() => stateOf(hooked({}, { annotations: { a: "x".repeat(61_500) } }), "running")).toThrow(
    "hooks: the state that they read is longer than 65536 bytes; hint: its annotations are the most of it",
  );
});
