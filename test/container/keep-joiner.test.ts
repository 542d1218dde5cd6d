/** Which programs of `exec` are kept for the entry program; test/e2e/entry.test.ts sees it execute them. */
import { expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { identify } from "../../src/container/identity.ts";
import { keepJoiner } from "../../src/container/keep-joiner.ts";
import type { Program } from "../../src/container/program.ts";
import type { Container } from "../../src/container/state.ts";
import type { Record as Written } from "../../src/container/store.ts";
import type { Asked } from "../../src/host/look.ts";
import { HutchError } from "../../src/linux/error.ts";
import type { ExecKey } from "../../src/plan/exec-key.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const KEY: ExecKey = { bytes: new Uint8Array(new ArrayBuffer(16)), length: 9, words: 9 };

const program = (asked: readonly Asked[] = [["user", ""]], warnings: readonly string[] = []): Program => ({
  bytes: new Uint8Array([1, 2, 3]),
  details: "",
  asked,
  warnings,
  plan: async () => [],
});

function container(rest: Partial<Written> = {}): Container {
  const root = temporaryDirectory("keep");
  mkdirSync(join(root, "box"));
  const record: Written = {
    ociVersion: "1.0.2",
    id: "box",
    bundle: root,
    rootfs: root,
    created: "",
    owner: 0,
    annotations: {},
    cgroups: [],
    hooks: {},
    init: identify(process.pid),
    isCreated: true,
    ...rest,
  };
  return { root, id: "box", record, status: "running" };
}

/** What is kept of a container. */
function kept(of: Container, what: Program): string[] {
  keepJoiner(of, KEY, what);
  return readdirSync(join(of.root, "box"));
}

test("a program is kept with the container's and the caller's circumstances, for nobody else to write", () => {
  const asked = join(temporaryDirectory("asked"), "file");
  writeFileSync(asked, "answer");
  const box = container();
  const [name = "", ...rest] = kept(box, program([["text", asked]]));
  expect([name.slice(0, -1), rest]).toEqual(["joiner-", []]);
  const path = join(box.root, "box", name);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  const texts = readFileSync(path, "latin1").split("\0");
  for (const text of [`F${asked}`, "answer", "L/proc/self/ns/mnt", `F/proc/${process.pid}/cgroup`]) {
    expect(texts).toContain(text);
  }
});

test("what the entry program could not judge is not kept", () => {
  const frozen = temporaryDirectory("frozen");
  writeFileSync(join(frozen, "freezer.state"), "FROZEN\n");
  const launcher = identify(process.pid);
  const cases: readonly (readonly [Container, Program])[] = [
    [container(), program([["text", "/nowhere"]])],
    [container(), program([["kind", "/"]])],
    [container(), program([], ["careful"])],
    [container(launcher === undefined ? {} : { launcher }), program()],
    [container({ init: undefined }), program()],
    [container({ init: { pid: 0, startTime: "" } }), program()],
    [container({ cgroups: [frozen] }), program()],
  ];
  for (const [of, what] of cases) expect(kept(of, what)).toEqual([]);
});

test("a container that was deleted meanwhile is no failure", () => {
  const gone = { ...container(), root: join(temporaryDirectory("keep"), "nowhere") };
  expect(() => keepJoiner(gone, KEY, program())).not.toThrow(HutchError);
});
