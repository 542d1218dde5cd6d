/**
 * Container engines with hutch as their runtime, each in a box: mount, pid, network and IPC namespaces of its
 * own, with an empty /run, /var/lib and /opt. What an engine starts there ends with the box, and what it
 * writes stays in there.
 */
import { mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { HUTCH, type HutchOptions, type HutchResult, lacksHutch, run } from "./hutch.ts";
import { eventually } from "./patience.ts";
import { lacksBusybox, rootfs } from "./rootfs.ts";
import { anyReason, lacksProgram, lacksRoot, type SkipReason } from "./skip.ts";
import { temporaryDirectory } from "./temporary.ts";
import { inTerminal, lacksTerminal, type Pty } from "./terminal.ts";

/** HUTCH_ENGINE_RUNTIME=/usr/sbin/runc tells a fault of hutch from one of the test or of the machine. */
export const RUNTIME = process.env["HUTCH_ENGINE_RUNTIME"] ?? HUTCH;

/** For what no other runtime does. */
export const lacksHutchAsRuntime = (): SkipReason =>
  RUNTIME === HUTCH ? undefined : "needs hutch as runtime";

/** The name of the image that every box has. */
export const IMAGE = "hutch.test/busybox:1";

/** Directories that engines write to, whatever they are told. */
const COVERED = ["/run", "/var/lib", "/opt", "/dev/shm"];

export function lacksEngine(...programs: readonly string[]): SkipReason {
  const needed = [...programs, "unshare", "nsenter", "tar"].map(lacksProgram);
  return anyReason(lacksRoot(), lacksBusybox(), lacksHutch(), lacksTerminal(), ...needed);
}

export interface Daemon {
  /** What it has written. */
  readonly log: () => string;
  /** SIGTERM, and its exit code; undefined when it has not ended in time. */
  readonly stop: () => Promise<number | undefined>;
}

export interface Box extends AsyncDisposable {
  /** For what the engine keeps; removed after the last test. */
  readonly directory: string;
  /** The cgroup below which its containers are: "/hutch-…". */
  readonly cgroup: string;
  readonly run: (command: readonly string[], options?: HutchOptions) => Promise<HutchResult>;
  readonly terminal: (command: readonly string[]) => Pty;
  readonly start: (name: string, command: readonly string[]) => Daemon;
  /**
   * The programs of `exec` that are kept there, with their inodes: whenever Bun does an exec it writes one anew.
   */
  readonly keptJoiners: () => Promise<readonly string[]>;
  /** Processes but daemons, mounts, cgroups and state of hutch that are left; waits for what goes late. */
  readonly leftovers: () => Promise<readonly string[]>;
}

const environment = (directory: string): Record<string, string | undefined> => ({
  HOME: join(directory, "home"),
  TMPDIR: join(directory, "tmp"),
  CONTAINERS_CONF: join(directory, "containers.conf"),
  XDG_RUNTIME_DIR: undefined,
  XDG_CONFIG_HOME: undefined,
  XDG_DATA_HOME: undefined,
  // Programs are kept in the box, as they are where engines are used.
  HUTCH_CACHE: undefined,
});

/** The limits are ones that everybody may set; without a network no name, address or filter is needed. */
const CONTAINERS_CONF = `
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
netns = "none"
log_driver = "k8s-file"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
`;

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // it has ended since
  }
}

function directoriesBelow(path: string): string[] {
  try {
    return readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .flatMap((entry) => [...directoriesBelow(join(path, entry.name)), join(path, entry.name)]);
  } catch {
    return [];
  }
}

/** The directory of a cgroup in every hierarchy. */
const inHierarchies = (cgroup: string): string[] =>
  ["", ...list("/sys/fs/cgroup")].map((name) => join("/sys/fs/cgroup", name, cgroup));

/** Whatever runs in the background of a box. */
const RESIDENT = /^(sh|sleep|ps|containerd|dockerd|catatonit)$/;

/** The command that makes the namespaces, and then reaps what daemons and monitors leave to process 1. */
function makeNamespaces(): string[] {
  const cover = COVERED.map((path) => `mount -t tmpfs -o mode=755 tmpfs ${path}`).join(" && ");
  const script = `${cover} && mkdir -p /run/lock && echo ready && while :; do sleep 3600; done`;
  const kinds = ["--mount", "--pid", "--net", "--ipc", "--fork", "--kill-child", "--mount-proc"];
  return ["unshare", ...kinds, "--propagation", "private", "sh", "-c", script];
}

async function isReady(stdout: ReadableStream<Uint8Array>): Promise<boolean> {
  const { value } = await stdout.getReader().read();
  return new TextDecoder().decode(value).startsWith("ready");
}

/** Opens a box for one engine; by `containers` a container's cgroup is told from those that the engine keeps. */
export async function openBox(name: string, containers: RegExp): Promise<Box> {
  const directory = temporaryDirectory(`engine-${name}`);
  for (const each of ["home", "tmp"]) mkdirSync(join(directory, each));
  writeFileSync(join(directory, "containers.conf"), CONTAINERS_CONF);
  const cgroup = `/hutch-engine-${name}-${process.pid}`;
  const holder = Bun.spawn(makeNamespaces(), { stdout: "pipe", stderr: "inherit", killSignal: "SIGKILL" });
  if (!(await isReady(holder.stdout))) throw new Error(`${name}: no namespaces for the engine`);
  const proc = `/proc/${holder.pid}`;
  const spaces = ["mnt", "net", "ipc"].map(
    (kind) => `--${kind === "mnt" ? "mount" : kind}=${proc}/ns/${kind}`,
  );
  const enter = ["nsenter", ...spaces, `--pid=${proc}/ns/pid_for_children`];
  const env = environment(directory);
  const mounts = (): string[] =>
    read(`${proc}/mountinfo`)
      .split("\n")
      .map((line) => line.split(" ")[4] ?? "");
  // dockerd mounts its own directory, and keeps it mounted as long as it runs.
  const before = new Set([...mounts(), join(directory, "data")]);
  const processes = (): string[] =>
    list(`${proc}/root/proc`)
      .filter((pid) => /^\d+$/.test(pid))
      .map((pid) => ({ pid, comm: read(`${proc}/root/proc/${pid}/comm`).trim() }))
      .filter(({ comm }) => comm !== "" && !RESIDENT.test(comm))
      .map(
        ({ pid, comm }) =>
          `process ${pid}: ${comm} ${read(`${proc}/root/proc/${pid}/cmdline`).replaceAll("\0", " ")}`,
      );
  const look = (): string[] => [
    ...processes(),
    ...mounts()
      .filter((path) => !before.has(path))
      .map((path) => `mount: ${path}`),
    ...inHierarchies(cgroup)
      .flatMap(directoriesBelow)
      .filter((path) => containers.test(path)),
    ...list(`${proc}/root/run/hutch`)
      .filter((each) => each !== "programs")
      .map((id) => `state: ${id}`),
  ];
  return {
    directory,
    cgroup,
    run: (command, options = {}) =>
      run([...enter, "--", ...command], { timeout: 60_000, ...options, env: { ...env, ...options.env } }),
    terminal: (command) => {
      const set = Object.entries(env).map(([key, value]) =>
        value === undefined ? `-u${key}` : `${key}=${value}`,
      );
      const unset = set.filter((word) => word.startsWith("-u"));
      return inTerminal([
        ...enter,
        "--",
        "env",
        ...unset,
        ...set.filter((word) => !word.startsWith("-u")),
        ...command,
      ]);
    },
    start: (what, command) => startDaemon(directory, what, enter, command, env),
    keptJoiners: async () => {
      const find = [
        "find",
        "/run",
        directory,
        "-name",
        "joiner-?",
        "-exec",
        "stat",
        "-c",
        "%n %i",
        "{}",
        "+",
      ];
      const { stdout } = await run([...enter, "--", ...find]);
      return stdout
        .split("\n")
        .filter((line) => line !== "")
        .sort();
    },
    leftovers: async () => {
      await eventually(() => look().length === 0, 5_000);
      return look();
    },
    [Symbol.asyncDispose]: async () => {
      holder.kill("SIGKILL");
      await holder.exited;
      await eventually(() => removeCgroups(cgroup), 5_000);
    },
  };
}

function startDaemon(
  directory: string,
  name: string,
  enter: readonly string[],
  command: readonly string[],
  env: Record<string, string | undefined>,
): Daemon {
  const [log, pidFile] = [join(directory, `${name}.log`), join(directory, `${name}.pid`)];
  writeFileSync(log, "");
  const script = `echo $$ >${pidFile}; exec "$@" >>${log} 2>&1`;
  const child = Bun.spawn([...enter, "--", "sh", "-c", script, "sh", ...command], {
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, ...env },
  });
  return {
    log: () => read(log),
    stop: async () => {
      await run([...enter, "--", "kill", read(pidFile).trim()]);
      return Promise.race([child.exited, Bun.sleep(15_000).then(() => undefined)]);
    },
  };
}

/** True when none is left. */
function removeCgroups(cgroup: string): boolean {
  const tops = inHierarchies(cgroup).filter((path) => list(path).length > 0);
  for (const path of tops.flatMap((top) => [...directoriesBelow(top), top])) {
    try {
      rmdirSync(path);
    } catch {
      // A process in it has been killed and is not quite gone: the caller tries again.
    }
  }
  return tops.every((path) => list(path).length === 0);
}

/** The root of the image, as an archive. */
export async function rootArchive({ directory }: Box): Promise<string> {
  const archive = join(directory, "root.tar");
  const done = await run(["tar", "-C", await rootfs(), "-cf", archive, "."]);
  if (done.code !== 0) throw new Error(`tar: ${done.stderr}`);
  return archive;
}

const digestOf = (blob: Uint8Array): string => new Bun.CryptoHasher("sha256").update(blob).digest("hex");

/** An image as OCI image-layout has it, in an archive. */
export async function ociArchive(box: Box): Promise<string> {
  const layout = join(box.directory, "layout");
  mkdirSync(join(layout, "blobs/sha256"), { recursive: true });
  const add = (kind: string, blob: Uint8Array) => {
    const digest = digestOf(blob);
    writeFileSync(join(layout, "blobs/sha256", digest), blob);
    return { mediaType: `application/vnd.oci.image.${kind}`, digest: `sha256:${digest}`, size: blob.length };
  };
  const json = (value: object): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
  const layer = add("layer.v1.tar", await Bun.file(await rootArchive(box)).bytes());
  const config = add(
    "config.v1+json",
    json({
      architecture: process.arch === "arm64" ? "arm64" : "amd64",
      os: "linux",
      config: { Env: ["PATH=/bin"], Cmd: ["sh"] },
      rootfs: { type: "layers", diff_ids: [layer.digest] },
    }),
  );
  const manifest = add("manifest.v1+json", json({ schemaVersion: 2, config, layers: [layer] }));
  const annotations = { "io.containerd.image.name": IMAGE, "org.opencontainers.image.ref.name": "1" };
  writeFileSync(join(layout, "oci-layout"), json({ imageLayoutVersion: "1.0.0" }));
  writeFileSync(
    join(layout, "index.json"),
    json({ schemaVersion: 2, manifests: [{ ...manifest, annotations }] }),
  );
  const archive = join(box.directory, "image.tar");
  const done = await run(["tar", "-C", layout, "-cf", archive, "."]);
  if (done.code !== 0) throw new Error(`tar: ${done.stderr}`);
  return archive;
}
