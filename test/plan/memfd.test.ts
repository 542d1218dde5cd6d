import { expect } from "bun:test";
import { F_GET_SEALS } from "../../src/linux/fcntl.ts";
import { PROGRAM_SEALS } from "../../src/linux/memfd.ts";
import { branch, bytes, call, exit, label, slot } from "../../src/plan/build.ts";
import { makeMemfd, sealMemfd } from "../../src/plan/memfd.ts";
import { contract } from "../emit/machine.ts";

const [file, seals] = [slot("file"), slot("seals")];
const put = (why: string) => call(why, "write", [file, bytes(new Uint8Array([1, 2, 3])), 3]);

contract("a program in memory is written, and nobody can change it then", ({ run }) => {
  const { code, stderr } = run([
    ...makeMemfd("make it", file),
    put("write it"),
    ...sealMemfd("seal it", file),
    call("see how it is sealed", "fcntl", [file, F_GET_SEALS, 0], { into: seals }),
    branch(seals, "eq", PROGRAM_SEALS, "sealed"),
    exit(3, "it is not sealed"),
    label("sealed"),
    put("change it"),
    exit(0, "it was changed"),
  ]);
  expect(stderr).toBe("hutch: change it: write: EPERM (operation not permitted)\n");
  expect(code).toBe(125);
});
