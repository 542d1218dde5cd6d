/** Whole plans, printed: what changes in them is seen in the diff of a change. */
import { expect, test } from "bun:test";
import { command } from "../../src/cli/in.ts";
import { readOptions } from "../../src/cli/option.ts";
import { environmentOf } from "../../src/options/in-environment.ts";
import { readIn } from "../../src/options/in-spec.ts";
import type { Host } from "../../src/plan/context.ts";
import { printPlan } from "../../src/plan/print.ts";
import { HOST, plan, rootless, spec, USER } from "./fixture.ts";

/** The plan of a command line of hutch in, on the machine of the fixture. */
function planIn(line: string, host: Host = HOST, layer?: string): string {
  const given = readOptions(command, line.split(" "));
  const around = {
    host,
    here: "/home/me",
    where: given.words[0] ?? "/",
    layer,
    submounts: [],
    resolver: undefined,
    seccomp: { profile: undefined, filter: { program: new Uint8Array(64), flags: 0 } },
  };
  const { spec: wanted, launch } = readIn(given, around, environmentOf(given, { PATH: "/bin" }));
  return printPlan(plan(wanted, launch, host), host.arch);
}

test("hutch in / sh", () => {
  expect(planIn("/ sh")).toMatchSnapshot();
});

test("hutch in / sh, as an ordinary user", () => {
  expect(planIn("/ sh", USER)).toMatchSnapshot();
});

test("a user namespace of many ids", () => {
  expect(planIn("--uid-map 0:100000:65536 /srv sh")).toMatchSnapshot();
});

test("an overlay that is kept inside the root", () => {
  expect(planIn("--overlay=/srv/layer / sh", HOST, "/srv/layer")).toMatchSnapshot();
});

test("a terminal, an init and a timeout", () => {
  expect(planIn("-t --init --timeout 5 --die-with-parent /srv sh")).toMatchSnapshot();
});

test("joined namespaces", () => {
  expect(planIn("--join net=/run/netns/blue,ipc=/proc/1/ns/ipc --share pid,uts /srv sh")).toMatchSnapshot();
});

test("the default bundle", () => {
  expect(
    printPlan(
      plan(spec({}, {}, { mounts: (spec().mounts ?? []).filter(({ type }) => type !== "cgroup") })),
      "x86_64",
    ),
  ).toMatchSnapshot();
});

test("the default bundle of an ordinary user, on aarch64", () => {
  expect(printPlan(plan(rootless(), {}, { ...USER, arch: "aarch64" }), "aarch64")).toMatchSnapshot();
});
