import { expect, test } from "bun:test";
import { compileFilter } from "../../src/container/filter.ts";
import type { Arch } from "../../src/linux/arch.ts";
import { compileSeccomp } from "../../src/plan/seccomp.ts";
import type { Seccomp } from "../../src/spec/seccomp.ts";
import { HOST, spec } from "../plan/fixture.ts";

const profile = (value: number | bigint, errnoRet = 1): Seccomp => ({
  defaultAction: "SCMP_ACT_ALLOW",
  syscalls: [
    { names: ["openat"], action: "SCMP_ACT_ERRNO", errnoRet },
    { names: ["ioctl"], action: "SCMP_ACT_KILL", args: [{ index: 1, value, op: "SCMP_CMP_EQ" }] },
  ],
});

const filter = (seccomp: Seccomp, arch: Arch = "x86_64") =>
  compileFilter(spec({}, { seccomp }), { ...HOST, arch });

test("a container without a profile has no filter", async () => {
  expect(await compileFilter(spec(), HOST)).toBeUndefined();
});

test("an equal profile is compiled once, one that differs anywhere is not taken for it", async () => {
  const first = await filter(profile(5));
  expect(await filter(profile(5))).toBe(first);
  const others: readonly (readonly [Seccomp, Arch])[] = [
    [profile(6), "x86_64"],
    [profile(5, 2), "x86_64"],
    [profile(5), "aarch64"],
    [profile(5n + 2n ** 60n), "x86_64"],
    [profile(6n + 2n ** 60n), "x86_64"],
    [{ ...profile(5), flags: ["SECCOMP_FILTER_FLAG_LOG"] }, "x86_64"],
  ];
  for (const [seccomp, arch] of [...others, ...others, [profile(5), "x86_64"] as const]) {
    const { program, flags } = compileSeccomp(seccomp, arch);
    expect(await filter(seccomp, arch)).toEqual({ program, flags });
  }
});

test("a profile that is refused is refused every time", async () => {
  const wrong = profile(5, 5000);
  for (let count = 0; count < 2; count++)
    await expect(filter(wrong)).rejects.toThrow("linux.seccomp.syscalls[0]");
});
