/** Options of other tools that people type out of habit, and what hutch has in their place. */

const ALWAYS_INTERACTIVE = "standard input is always the command's; -t alone gives it a terminal";
const BINDS = "hutch in has --bind SOURCE:DESTINATION[:ro]";
const NETWORK =
  "a network of its own is the default; --share net takes the host's, --join net=PATH one that exists";
const REMOVED = "nothing stays of the container; leave the option out";
const PORTS = "hutch makes no networks: --share net takes the host's, --join net=PATH one that was made";
const NAMELESS = "a container with a name is a bundle: hutch run --bundle DIR NAME";

/** By the name without dashes: docker's and podman's words, bubblewrap's, and those of unshare(1). */
const FAMILIAR: Readonly<Record<string, string>> = {
  i: ALWAYS_INTERACTIVE,
  interactive: ALWAYS_INTERACTIVE,
  rm: REMOVED,
  v: BINDS,
  volume: BINDS,
  mount: BINDS,
  "ro-bind": `${BINDS}; add :ro`,
  "dev-bind": BINDS,
  net: NETWORK,
  network: NETWORK,
  "unshare-net": NETWORK,
  "unshare-all": "namespaces are the container's own unless --share names them",
  p: PORTS,
  publish: PORTS,
  name: NAMELESS,
  d: NAMELESS,
  detach: NAMELESS,
  privileged: "--cap-add all --seccomp off is as near as hutch comes to it",
  "security-opt": "there are --seccomp FILE|default|off, and the bundles of hutch run for LSM labels",
  "pids-limit": "--pids N",
  "shm-size": "--tmpfs /dev/shm:size=SIZE",
  dir: "--workdir DIR",
  chdir: "--workdir DIR",
  setenv: "--env NAME=VALUE",
  clearenv: "--clear-env",
};

/** What to use in place of an option that hutch in does not have, if that is known. */
export const familiar = (name: string): string | undefined =>
  Object.hasOwn(FAMILIAR, name) ? FAMILIAR[name] : undefined;
