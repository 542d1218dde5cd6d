/** linux.sysctl: kernel parameters of the container's namespaces (sysctl(8), proc(5) "/proc/sys"). */
import { AT_FDCWD, O_CLOEXEC, O_WRONLY } from "../linux/fcntl.ts";
import { sysctlPath } from "../spec/sysctl.ts";
import { slot, writeFile } from "./build.ts";
import type { Context } from "./context.ts";
import type { Step } from "./step.ts";

/**
 * Written through the host's /proc, before the root is entered: it is known to be procfs, the container's
 * need not even be there; which namespaces are meant depends on the writer alone.
 */
export const setSysctls = ({ spec }: Context): Step[] =>
  Object.entries(spec.linux?.sysctl ?? {}).flatMap(([name, value]) =>
    writeFile(`set ${name} to ${value}`, AT_FDCWD, `/proc/sys/${sysctlPath(name)}`, value, {
      flags: O_WRONLY | O_CLOEXEC,
      into: slot("sysctl"),
      hints: {
        ENOENT: "the kernel has no such parameter, or it does not belong to a namespace",
        EROFS: "/proc/sys is read-only here: hutch runs inside a container itself",
        EACCES: "the parameter is the host's: its namespace is not the container's own",
        EINVAL: "the value is out of range",
      },
    }),
  );
