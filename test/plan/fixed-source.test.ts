/** Which paths a file of --relative takes where they are; test/e2e/compile-relative.test.ts has them told. */
import { expect, test } from "bun:test";
import { AT_FDCWD } from "../../src/linux/fcntl.ts";
import { call, slot } from "../../src/plan/build.ts";
import { fixedSources } from "../../src/plan/fixed-source.ts";

const open = (path: string) => call("open", "open_tree", [AT_FDCWD, path, 0]);

test("paths of the host are told once, but for those that every machine has", () => {
  const plan = [
    open("rootfs"),
    open("/srv/data"),
    open("/dev/null"),
    open("/proc"),
    open("/device"),
    open("/srv/data"),
    call("open", "open_tree", [slot("root"), "/inside", 0]),
    call("open", "openat", [AT_FDCWD, "/inside", 0, 0]),
  ];
  const namespaces = [{ type: "pid" as const }, { type: "network" as const, path: "/run/netns/one" }];
  const spec = { ociVersion: "1.3.0", linux: { namespaces } };
  expect(fixedSources(plan, spec)).toEqual(["/srv/data", "/device", "/run/netns/one"]);
});
