/** What is written down of a container, for tests of what is done with it. */
import type { Draft } from "../../src/container/draft.ts";
import type { Record } from "../../src/container/store.ts";

export const DRAFT: Draft = {
  ociVersion: "1.3.0",
  bundle: "/",
  rootfs: "/",
  owner: 0,
  namespaces: [],
  annotations: {},
  cgroups: [],
  hooks: undefined,
  terminal: false,
};

/** A container x that was created. */
export const recordWith = (change: Partial<Record> = {}): Record => ({
  ociVersion: "1.3.0",
  id: "x",
  bundle: "/b",
  rootfs: "/b/rootfs",
  created: "",
  owner: 0,
  annotations: {},
  hooks: {},
  cgroups: [],
  init: undefined,
  isCreated: true,
  ...change,
});
