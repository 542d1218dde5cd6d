/** The options that `in`, `explain` and the library share. */
import type { Option } from "./given.ts";

const ROWS = [
  {
    name: "overlay",
    value: "DIR",
    optional: true,
    help: "writes go to a layer that is thrown away, or kept in DIR",
  },
  { name: "read-only", help: "the root is read-only (a root of / always is, without --overlay)" },
  { name: "bind", value: "SRC:DEST[:ro]", help: "show a file or directory of the host (repeatable)" },
  {
    name: "tmpfs",
    value: "DEST[:OPTIONS]",
    help: "an empty directory in memory, e.g. /cache:size=64m (repeatable)",
  },
  { name: "workdir", short: "w", value: "DIR", help: "start in this directory; / when absent" },
  { name: "hostname", value: "NAME", help: "the host name inside; hutch when absent" },
  {
    name: "share",
    value: "NS,…",
    help: "keep namespaces of the host: net, ipc, pid, uts, cgroup, user",
  },
  { name: "join", value: "NS=PATH,…", help: "enter existing namespaces, e.g. net=/run/netns/blue" },
  {
    name: "user",
    short: "u",
    value: "UID[:GID]",
    help: "who the command runs as; root of the container when absent",
  },
  {
    name: "uid-map",
    value: "A:B:N",
    help: "user ids A… of the container are B… of the host, N of them (repeatable)",
  },
  { name: "gid-map", value: "A:B:N", help: "the same for group ids (repeatable)" },
  {
    name: "cap-add",
    value: "NAME|all",
    help: "grant a capability, or all that the caller has (repeatable)",
  },
  {
    name: "cap-drop",
    value: "NAME|all",
    help: "take a capability away (repeatable; all, then --cap-add, is allowed)",
  },
  { name: "seccomp", value: "FILE|default|off", help: "the filter of system calls; default when absent" },
  { name: "sysctl", value: "K=V", help: "set a kernel parameter of the container's namespaces (repeatable)" },
  { name: "env", short: "e", value: "K=V", help: "set a variable of the environment (repeatable)" },
  { name: "clear-env", help: "start from an empty environment instead of the caller's" },
  { name: "memory", short: "m", value: "SIZE", help: "limit memory, e.g. 64m or 2g" },
  {
    name: "memory-swap",
    value: "SIZE",
    help: "limit memory and swap together; as much as --memory is no swap at all",
  },
  { name: "cpus", value: "N", help: "limit processor time, e.g. 0.5" },
  { name: "cpuset", value: "LIST", help: "run on these processors alone, e.g. 0-3,8" },
  { name: "pids", value: "N", help: "limit the number of processes" },
  {
    name: "rlimit",
    value: "NAME=SOFT[:HARD]",
    help: "limit a resource of the process, e.g. nofile=1024 (repeatable)",
  },
  { name: "init", help: "a reaper is pid 1: for commands that leave children behind, or ignore ^C as pid 1" },
  {
    name: "timeout",
    value: "TIME",
    help: "end the container after e.g. 30, 5m or 200ms, by TERM and 2 s later by KILL; the exit code is then 124",
  },
  {
    name: "report",
    value: "FILE",
    help: "write there as JSON how it ended and what it used: code, signal, oom, times, peaks",
  },
  { name: "die-with-parent", help: "end the container when the process that started hutch ends" },
  { name: "tty", short: "t", help: "a terminal of the container's own, for shells and editors" },
] as const satisfies readonly Option[];

/** One of them, by its exact name. */
export type InOption = (typeof ROWS)[number];

export const IN_OPTIONS: readonly Option[] = ROWS;
