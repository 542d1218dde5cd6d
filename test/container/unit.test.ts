import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { askManager, stopUnit } from "../../src/container/unit.ts";
import { testUnless } from "../support/skip.ts";

// With a systemd all of it is done in a virtual machine: test/vm/systemd.test.ts.
const hasSystemd = existsSync("/run/systemd/private") ? "needs a machine without systemd" : undefined;

testUnless(hasSystemd)(
  "without a systemd nothing can be planned, and the message says what was looked for",
  () => {
    expect(() => askManager(false)).toThrow(
      "reach systemd of the system: connect to /run/systemd/private: ENOENT",
    );
  },
);

testUnless(hasSystemd)(
  "a unit that cannot be stopped is told, because its container is gone all the same",
  () => {
    const warnings: string[] = [];
    stopUnit({ name: "hutch-box.scope", isUser: false }, (line) => warnings.push(line));
    expect(warnings).toEqual([expect.stringContaining("reach systemd of the system: connect to")]);
  },
);

test("a record has the name of its unit alone, not what it was started with", async () => {
  const { recordOf } = await import("../../src/container/draft.ts");
  const unit = { name: "a-b.scope", isUser: true, isSlice: false, properties: [] };
  const draft = {
    ...{ ociVersion: "1.2.0", bundle: "/b", rootfs: "/b/rootfs", owner: 0, namespaces: [], annotations: {} },
    ...{ cgroups: [], hooks: undefined, terminal: false, unit },
  };
  expect(recordOf(draft, "box").unit).toEqual({ name: "a-b.scope", isUser: true });
});
