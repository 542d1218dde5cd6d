/** Where a file finds the host's paths; test/e2e/compile.test.ts starts such files. */
import { expect, test } from "bun:test";
import { slot } from "../../src/plan/build.ts";
import { hostPath } from "../../src/plan/standalone.ts";
import { context, spec } from "./fixture.ts";

const at = (directory: string | undefined, path: string, rootVariable?: string) =>
  hostPath(
    context(spec(), { standalone: { name: "box", args: false, directory, rootVariable, pack: undefined } }),
    path,
    rootVariable !== undefined,
  );

test("paths below the directory of the file are relative to it, all others stay", () => {
  expect(at("/srv/box", "/srv/box/rootfs/a")).toBe("rootfs/a");
  expect(at("/srv/box", "/srv/box")).toBe(".");
  expect(at("/srv/box", "/srv/boxes")).toBe("/srv/boxes");
  expect(at("/", "/srv")).toBe("srv");
  expect(at(undefined, "/srv")).toBe("/srv");
});

test("paths below the directory are relative also when they are written through a symlink", () => {
  const standalone = {
    name: "box",
    args: false,
    directory: "/srv/box",
    alias: "/link",
    rootVariable: undefined,
  };
  const found = context(spec(), { standalone: { ...standalone, pack: undefined } });
  const paths = ["/link/a", "/srv/box/a", "/link", "/links"].map((path) => hostPath(found, path, false));
  expect(paths).toEqual(["a", "a", ".", "/links"]);
});

test("the root may be named by the environment", () => {
  expect(at(undefined, "/srv", "ROOT")).toEqual(slot("path of the root"));
});
