import { expect, test } from "bun:test";
import { SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO } from "../../src/linux/seccomp.ts";
import { SYSCALLS } from "../../src/linux/syscall.ts";
import { abisOf } from "../../src/plan/seccomp-abi.ts";
import { outcomesOf, readRules } from "../../src/plan/seccomp-rule.ts";
import type { SeccompSyscall } from "../../src/spec/seccomp.ts";

const { read, write, ioctl } = SYSCALLS.x86_64;
const EPERM = SECCOMP_RET_ERRNO + 1;

function outcomes(...syscalls: SeccompSyscall[]) {
  const rules = readRules({ defaultAction: "SCMP_ACT_ERRNO", syscalls });
  const [native] = abisOf("x86_64");
  if (native === undefined) throw new Error("no ABI");
  return outcomesOf(rules, native);
}

const allow = (names: string[]): SeccompSyscall => ({ names, action: "SCMP_ACT_ALLOW" });
const when = (rule: SeccompSyscall, value: number): SeccompSyscall => ({
  ...rule,
  args: [{ index: 0, op: "SCMP_CMP_EQ", value }],
});

test("a rule without conditions is a plain result, and hides those after it", () => {
  const { outcome } = outcomes(allow(["read"]), when({ names: ["read"], action: "SCMP_ACT_KILL" }, 1));
  expect(outcome(read)).toBe(SECCOMP_RET_ALLOW);
  expect(outcome(write)).toBeUndefined();
});

test("conditions that lead to what would happen anyway are dropped", () => {
  const refuse: SeccompSyscall = { names: ["read"], action: "SCMP_ACT_ERRNO" };
  expect(outcomes(when(refuse, 1)).outcome(read)).toBe(EPERM);
  expect(outcomes(when(allow(["read"]), 1), when(allow(["read"]), 2), allow(["read"])).outcome(read)).toBe(
    SECCOMP_RET_ALLOW,
  );
});

test("conditions keep the order of the profile", () => {
  const refuse: SeccompSyscall = { names: ["ioctl"], action: "SCMP_ACT_ERRNO", errnoRet: 5 };
  const found = outcomes(when(refuse, 1), when(allow(["ioctl"]), 2)).outcome(ioctl);
  expect(found).toMatchObject({
    alternatives: [{ result: SECCOMP_RET_ERRNO + 5 }, { result: SECCOMP_RET_ALLOW }],
    otherwise: EPERM,
  });
});

test("the newest call and the missing ones are those the profile names", () => {
  const { newest, missing } = outcomes(allow(["write", "read", "socketcall"]));
  expect(newest).toBe(write);
  expect([...missing]).toEqual(["socketcall"]);
  expect(outcomes().newest).toBeUndefined();
});
