/**
 * hutch's default seccomp profile.
 *
 * A container may make every system call in hutch's tables, except those of the groups in seccomp-groups.ts.
 * A group is refused for the reason it gives, and is open again to a container that was given one of its
 * capabilities. Refused calls fail with EPERM if the group says nothing else, so that programs can tell that
 * they are being refused; calls the tables do not know (newer kernels) fail with ENOSYS, so that libc does
 * without them.
 */
import type { Arch } from "../linux/arch.ts";
import { ERRNO } from "../linux/errno.ts";
import type { Seccomp, SeccompArgument, SeccompSyscall } from "../spec/seccomp.ts";
import { abisOf } from "./seccomp-abi.ts";
import { REFUSED_GROUPS, type RefusedGroup } from "./seccomp-groups.ts";

export interface DefaultSeccompOptions {
  /**
   * Let 32-bit x86 programs make sockets through socketcall, for images whose libc (glibc on i386) knows no
   * other way. A filter cannot see the address family there, so the refused ones can then be had as well,
   * by 64-bit programs too; the compiler therefore closes that way when a family is refused.
   */
  readonly socketcall?: boolean;
}

const ALLOW_SOCKETCALL: SeccompSyscall = { names: ["socketcall"], action: "SCMP_ACT_ALLOW" };

function rulesOf(group: RefusedGroup): SeccompSyscall[] {
  const names = [...group.names];
  const refused: SeccompSyscall = {
    names,
    action: "SCMP_ACT_ERRNO",
    errnoRet: ERRNO[group.errno ?? "EPERM"],
  };
  const each = (rule: SeccompSyscall, conditions: readonly SeccompArgument[]) =>
    conditions.map((condition) => ({ ...rule, args: [condition] }));
  const allowed: SeccompSyscall = { names, action: "SCMP_ACT_ALLOW" };
  if (group.when !== undefined) return [...each(refused, group.when), allowed];
  return [...each(allowed, group.except ?? []), refused];
}

/**
 * The default profile for a container with these capabilities (its bounding set), as an OCI `linux.seccomp`
 * object. On x86_64 32-bit programs (i386) are served by the same rules and x32 is refused; on aarch64 so are
 * 32-bit arm programs. Rules are to be tried in order, as compileSeccomp does.
 */
export function defaultSeccomp(
  capabilities: readonly string[],
  arch: Arch,
  options: DefaultSeccompOptions = {},
): Seccomp {
  const abis = abisOf(arch).filter((abi) => abi.architecture !== "SCMP_ARCH_X32");
  const groups = REFUSED_GROUPS.filter(
    ({ unless }) => unless === undefined || !unless.some((name) => capabilities.includes(name)),
  );
  const refused = new Set(groups.flatMap((group) => group.names));
  const allowed: string[] = [];
  for (const [place, { numbers }] of abis.entries()) {
    for (const name of Object.keys(numbers)) {
      const before = place > 0 && abis[0]?.numbers[name] !== undefined;
      if (!before && !refused.has(name)) allowed.push(name);
    }
  }
  return {
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrnoRet: ERRNO.ENOSYS,
    architectures: abis.map((abi) => abi.architecture),
    syscalls: [
      ...(options.socketcall === true ? [ALLOW_SOCKETCALL] : []),
      ...groups.flatMap(rulesOf),
      { names: allowed, action: "SCMP_ACT_ALLOW" },
    ],
  };
}
