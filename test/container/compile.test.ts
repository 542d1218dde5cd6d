/** What a process has compiled before; what the files do is shown by test/e2e/compile*.test.ts. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { type CompileOptions, compile } from "../../src/container/compile.ts";
import { defaultSeccomp } from "../../src/plan/seccomp-default.ts";
import { defaultSpec, rootlessSpec } from "../../src/spec/default.ts";
import type { Spec } from "../../src/spec/spec.ts";

const CAPABILITIES = defaultSpec().process?.capabilities?.bounding ?? [];

function described(terminal: boolean, linux: Spec["linux"], spec = defaultSpec()): Spec {
  const { process } = spec;
  if (process === undefined) throw new Error("the default bundle has no process");
  return {
    ...spec,
    root: { path: "/box/rootfs" },
    process: { ...process, terminal },
    linux: { ...spec.linux, ...linux },
  };
}

const limited = (mebibytes: number): Spec["linux"] => ({
  resources: { memory: { limit: mebibytes * 2 ** 20 }, pids: { limit: 32 } },
});

const seccomp = defaultSeccomp(CAPABILITIES, "x86_64");
const [first, ...rest] = seccomp.syscalls ?? [];
if (first === undefined) throw new Error("the default profile has no rules");

const STRIPPED: CompileOptions = { arch: "x86_64", strip: true };

const CASES: readonly (readonly [Spec, CompileOptions])[] = [
  [described(false, limited(64)), STRIPPED],
  [described(false, limited(1024)), STRIPPED],
  [described(true, { seccomp }), STRIPPED],
  [described(true, { seccomp: { ...seccomp, syscalls: rest } }), STRIPPED],
  [described(false, limited(64)), { arch: "aarch64" }],
  [described(true, {}, rootlessSpec(1000, 1000)), { arch: "x86_64", name: "box" }],
];

async function inFreshProcess(one: (typeof CASES)[number]): Promise<Buffer> {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "fixture/compile-one.ts")], {
    stdin: Buffer.from(JSON.stringify(one)),
    stdout: "pipe",
    stderr: "inherit",
  });
  return Buffer.from(await new Response(child.stdout).arrayBuffer());
}

test("a file has the bytes that a fresh process gives it, whatever was compiled before", async () => {
  const fresh: Buffer[] = [];
  for (const one of CASES) fresh.push(await inFreshProcess(one));
  expect(new Set(fresh.map((bytes) => bytes.toString("latin1"))).size).toBe(CASES.length);
  const orders = [CASES.keys(), CASES.keys(), [...CASES.keys()].toReversed(), [2, 3, 2, 0, 5, 4, 0]];
  for (const index of orders.flatMap((order) => [...order])) {
    const [spec, options] = CASES[index] ?? [];
    if (spec === undefined) continue;
    // Another object of the same value each time.
    const bytes = await compile(structuredClone(spec), options);
    expect({ index, same: fresh[index]?.equals(bytes) }).toEqual({ index, same: true });
  }
}, 60_000);
