import { expect } from "bun:test";
import { call, slot } from "../../src/plan/build.ts";
import { askOwnIds, writeOwnMap } from "../../src/plan/own-map.ts";
import { contract } from "../emit/machine.ts";

contract("a map holds the ids of whoever has started the program", ({ run }) => {
  // What is written goes to standard output instead of the kernel's file, which takes one map only.
  const toOutput = (kind: "uid" | "gid") =>
    writeOwnMap(kind, 7, undefined).filter((step) => step.kind !== "call" || step.name === "write");
  const plan = [
    ...askOwnIds(),
    call("write to standard output", "dup3", [1, 9, 0], { into: slot("map") }),
    ...toOutput("uid"),
    ...toOutput("gid"),
  ];
  const [uid, gid] = [process.geteuid?.(), process.getegid?.()];
  expect(run(plan).stdout.toString()).toBe(`7 ${uid} 1\n7 ${gid} 1\n`);
});
