/**
 * Words of other tools that people type out of habit, and what hutch has in their place. Each table is made
 * when it is asked: every command loads this module, and few have a question.
 */

type Words = Readonly<Record<string, string>>;
type Table = () => Words;

const ALWAYS_INTERACTIVE = "standard input is always the command's; -t alone gives it a terminal";
const BINDS = "hutch in has --bind SOURCE:DESTINATION[:ro]";
const NETWORK =
  "a network of its own is the default; --share net takes the host's, --join net=PATH one that exists";
const REMOVED = "nothing stays of the container; leave the option out";
const PORTS = "hutch makes no networks: --share net takes the host's, --join net=PATH one that was made";
const ALWAYS_MOUNTED = "/proc, /dev and /sys are always there";
const ROOT = "the root is the first word that is no option: hutch in DIR COMMAND";
const OWN_PIDS = "pid 1 of a namespace of its own is the default; --share pid takes the host's";
const MAPPED = "--uid-map 0:UID:COUNT; an ordinary user is mapped to root when nothing is said";
const NAMELESS = "a container with a name is a bundle: hutch run --bundle DIR NAME";

/** By the name without dashes: docker's and podman's words, bubblewrap's, and those of unshare(1). */
const IN: Table = () => ({
  i: ALWAYS_INTERACTIVE,
  interactive: ALWAYS_INTERACTIVE,
  rm: REMOVED,
  v: BINDS,
  volume: BINDS,
  mount: BINDS,
  "ro-bind": `${BINDS}; add :ro`,
  "bind-ro": `${BINDS}; add :ro`,
  "dev-bind": BINDS,
  proc: ALWAYS_MOUNTED,
  dev: ALWAYS_MOUNTED,
  "mount-proc": ALWAYS_MOUNTED,
  D: ROOT,
  directory: ROOT,
  root: ROOT,
  rootfs: ROOT,
  image: ROOT,
  entrypoint: "the command stands behind WHERE",
  x: "--overlay",
  ephemeral: "--overlay",
  ro: "--read-only",
  readonly: "--read-only",
  net: NETWORK,
  network: NETWORK,
  "unshare-net": NETWORK,
  "private-network": NETWORK,
  "share-net": "--share net",
  "unshare-all": "namespaces are the container's own unless --share names them",
  p: PORTS,
  publish: PORTS,
  pid: OWN_PIDS,
  fork: OWN_PIDS,
  "unshare-pid": OWN_PIDS,
  uid: "--user UID[:GID]",
  gid: "--user UID[:GID]",
  U: MAPPED,
  userns: MAPPED,
  "unshare-user": MAPPED,
  "map-root-user": MAPPED,
  name: NAMELESS,
  d: NAMELESS,
  detach: NAMELESS,
  privileged: "--cap-add all --seccomp off is as near as hutch comes to it",
  "security-opt": "there are --seccomp FILE|default|off, and the bundles of hutch run for LSM labels",
  "no-new-privileges": "it is always set",
  "pids-limit": "--pids N",
  "cpuset-cpus": "--cpuset LIST",
  "shm-size": "--tmpfs /dev/shm:size=SIZE",
  dir: "--tmpfs DIR is an empty directory; the one to start in is --workdir DIR",
  chdir: "--workdir DIR",
  cwd: "--workdir DIR",
  "env-file": "--env NAME=VALUE for each variable",
  "add-host": "--bind FILE:/etc/hosts:ro",
  dns: "--bind FILE:/etc/resolv.conf:ro",
  M: "--hostname NAME",
  setenv: "--env NAME=VALUE",
  clearenv: "--clear-env",
});

const IN_CONFIG = "config.json of the bundle says it; without a bundle: hutch in --help";
const CONFIGURED =
  "i interactive t tty v volume mount e env m memory cpus pids w workdir u user hostname net network p publish privileged cap-add cap-drop read-only tmpfs bind share join security-opt entrypoint";

/** The same for all of the names. */
const all = (names: string, hint: string): Words =>
  Object.fromEntries(names.split(" ").map((name) => [name, hint]));

const BUNDLE: Table = () => ({
  ...all(CONFIGURED, IN_CONFIG),
  name: "the name is the ID: hutch run --bundle DIR NAME",
  rm: "a container in the foreground goes by itself, one in the background by hutch delete",
});

const EXEC: Table = () => ({
  i: ALWAYS_INTERACTIVE,
  interactive: ALWAYS_INTERACTIVE,
  w: "--cwd DIR",
  workdir: "--cwd DIR",
  privileged: "--cap CAP for each capability",
});

const SIGNAL_IS_LAST = "the signal stands behind the ID: hutch kill ID KILL";
const SIGNALS = "s signal 9 15 KILL TERM INT HUP SIGKILL SIGTERM";

const KILL: Table = () => all(SIGNALS, SIGNAL_IS_LAST);

/** By command. What engines call is among them: to them a hint is a text like any other. */
const OPTIONS: Readonly<Record<string, Table>> = {
  in: IN,
  explain: IN,
  compile: IN,
  run: BUNDLE,
  create: BUNDLE,
  exec: EXEC,
  kill: KILL,
  ps: () => ({ a: "hutch list has the containers", all: "hutch list has the containers" }),
  list: () => ({ a: "all of them are listed", all: "all of them are listed" }),
  update: () => ({
    m: "--memory BYTES",
    cpus: "--cpu-quota MICROSECONDS, of each --cpu-period",
    cpuset: "--cpuset-cpus LIST",
  }),
};

const NO_IMAGES = "hutch knows no images: the root is a directory, as debootstrap or docker export make one";
const OUTPUT = "hutch keeps no output: it goes where that of hutch run or hutch start went";

const COMMANDS: Table = () => ({
  ls: "hutch list",
  containers: "hutch list",
  inspect: "hutch state ID",
  status: "hutch state ID",
  rm: "hutch delete ID",
  remove: "hutch delete ID",
  stop: "hutch kill ID, and hutch delete ID once it has ended",
  restart: "hutch delete --force ID, and hutch run again",
  top: "hutch ps ID",
  stats: "hutch events --stats ID",
  unpause: "hutch resume ID",
  attach: "a process more is hutch exec -t ID sh",
  enter: "hutch exec -t ID sh",
  shell: "hutch in / -- sh, or in a container that runs: hutch exec -t ID sh",
  logs: OUTPUT,
  wait: "hutch run waits; hutch state ID says whether it has ended",
  init: "hutch spec",
  build: NO_IMAGES,
  images: NO_IMAGES,
  pull: NO_IMAGES,
  load: NO_IMAGES,
  import: NO_IMAGES,
});

const PROCESSORS: Table = () => ({
  arm64: "aarch64",
  armv8: "aarch64",
  amd64: "x86_64",
  x64: "x86_64",
  "x86-64": "x86_64",
});

const of = (words: Words, name: string): string | undefined =>
  Object.hasOwn(words, name) ? words[name] : undefined;

/** What to use in place of an option that the command does not have, if that is known. */
export const familiar = (command: string, name: string): string | undefined =>
  Object.hasOwn(OPTIONS, command) ? of(OPTIONS[command]?.() ?? {}, name) : undefined;

/** What to use in place of a command that hutch does not have. */
export const familiarCommand = (name: string): string | undefined => of(COMMANDS(), name);

/** What the kernel calls a processor that others call so. */
export const familiarProcessor = (name: string): string | undefined => of(PROCESSORS(), name.toLowerCase());
