import { expect, test } from "bun:test";
import { NAMELESS, readDraft, recordOf } from "../../src/container/draft.ts";

const DRAFT = readDraft(
  JSON.stringify({
    ociVersion: "1.2.0",
    bundle: "/b",
    rootfs: "/b/rootfs",
    owner: 0,
    namespaces: [],
    annotations: { a: "b" },
    cgroups: [`/sys/fs/cgroup/hutch-${NAMELESS}`, "/sys/fs/cgroup/said"],
    hooks: { prestart: [{ path: "/p" }], poststop: [{ path: "/q" }] },
    terminal: true,
  }),
);

test("the id becomes part of the cgroups that hutch names, and of no other", () => {
  expect(recordOf(DRAFT, "box").cgroups).toEqual(["/sys/fs/cgroup/hutch-box", "/sys/fs/cgroup/said"]);
});

test("of the hooks those are written down that come after create", () => {
  expect(recordOf(DRAFT, "box").hooks).toEqual({ poststop: [{ path: "/q" }] });
});

test("a container that is not made yet has no process", () => {
  expect(recordOf(DRAFT, "box")).toMatchObject({
    id: "box",
    init: undefined,
    isCreated: false,
    bundle: "/b",
  });
});
