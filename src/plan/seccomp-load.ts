/** Loading a seccomp filter (seccomp(2)). */
import { SECCOMP_SET_MODE_FILTER, SOCK_FILTER_SIZE } from "../linux/seccomp.ts";
import { bytes, call, struct } from "./build.ts";
import type { Context } from "./context.ts";
import type { Step } from "./step.ts";

/** The steps that put the process under the container's filter; none when it has none. */
export function loadSeccomp({ launch }: Context): Step[] {
  if (launch.filter === undefined) return [];
  const { program, flags } = launch.filter;
  const length = program.length / SOCK_FILTER_SIZE;
  const filter = struct("sock_fprog", [
    ["len", 2, length],
    ["pad", 2, 0],
    ["pad", 4, 0],
    ["filter", 8, bytes(program, `${length} BPF instructions`)],
  ]);
  return [
    call("filter the system calls", "seccomp", [SECCOMP_SET_MODE_FILTER, flags, filter], {
      hints: {
        EACCES: "a filter needs no_new_privs or CAP_SYS_ADMIN",
        EINVAL: "the kernel does not know a flag or an action of the profile",
      },
    }),
  ];
}
