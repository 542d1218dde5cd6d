/** A picture of what a container runtime could leave behind on the host, and the difference of two. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";

/** What there is, by kind: one line of text a thing, the same text as long as it is the same thing. */
export type HostPicture = Readonly<Record<string, ReadonlySet<string>>>;

/** Kinds of which the tests may not take anything away either. */
const KEPT = new Set(["mounts", "mounts of process 1", "network interfaces", "kernel settings"]);

/** Other programs of the host come and go in groups of these names, also while tests run. */
const FOREIGN_CGROUP = /\.(scope|service|slice|mount|socket|swap)$/;

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // the process is gone, or the file is not ours to read
  }
}

function link(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

/** The fields of /proc/…/mountinfo that stay the same: root and mount point, type and source. */
function mounts(pid: string): string[] {
  return read(`/proc/${pid}/mountinfo`)
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [left = "", right = ""] = line.split(" - ");
      return [...left.split(" ").slice(3, 5), ...right.split(" ").slice(0, 2)].join(" ");
    });
}

function directoriesBelow(path: string): string[] {
  try {
    return readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .flatMap((entry) => [join(path, entry.name), ...directoriesBelow(join(path, entry.name))]);
  } catch {
    return [];
  }
}

/** The groups beside that of the tests are of other sessions of the host, which also come and go. */
function isBeside(path: string, own: readonly string[]): boolean {
  return own.some((group) => {
    const parent = dirname(group);
    return parent !== "/" && `${path}/`.startsWith(`${parent}/`) && !`${path}/`.startsWith(`${group}/`);
  });
}

/** Whether a cgroup of this path below its hierarchy may be of other programs than the tests. */
export function isForeignCgroup(path: string, own: readonly string[]): boolean {
  return !path.includes("hutch") && (FOREIGN_CGROUP.test(path) || isBeside(path, own));
}

function cgroups(): string[] {
  const own = read("/proc/self/cgroup")
    .split("\n")
    .map((line) => line.split(":").slice(2).join(":"))
    .filter((path) => path !== "");
  return mounts("self")
    .map((line) => line.split(" "))
    .filter(([, , type]) => type === "cgroup" || type === "cgroup2")
    .flatMap(([, top = ""]) =>
      directoriesBelow(top).filter((path) => !isForeignCgroup(path.slice(top.length), own)),
    );
}

function interfaces(): string[] {
  const lines = read("/proc/self/net/dev").split("\n").slice(2);
  const names = lines.map((line) => line.split(":")[0]?.trim() ?? "").filter((name) => name !== "");
  return [...names, ...list("/run/netns").map((name) => `/run/netns/${name}`)];
}

/** Entries of every directory in which hutch keeps state, two levels deep. */
function state(): string[] {
  const { XDG_RUNTIME_DIR, XDG_DATA_HOME, HOME = "/root" } = process.env;
  const places = ["/run/hutch", "/var/lib/hutch", join(XDG_DATA_HOME ?? join(HOME, ".local/share"), "hutch")];
  if (XDG_RUNTIME_DIR !== undefined) places.push(join(XDG_RUNTIME_DIR, "hutch"));
  return places.flatMap((place) =>
    list(place).flatMap((name) => [
      join(place, name),
      ...list(join(place, name)).map((x) => join(place, name, x)),
    ]),
  );
}

function isOurs(pid: string, ownPidNamespace: string): boolean {
  const exe = link(`/proc/${pid}/exe`);
  const namespace = link(`/proc/${pid}/ns/pid`);
  const comm = read(`/proc/${pid}/comm`).trim();
  const [program = ""] = read(`/proc/${pid}/cmdline`).split("\0");
  return (
    exe.startsWith("/memfd:hutch") ||
    basename(exe) === "hutch" ||
    comm.startsWith("hutch") ||
    basename(program) === "hutch" ||
    ["root", "cwd"].some((name) => link(`/proc/${pid}/${name}`).includes("/hutch-")) ||
    // A container's process whose launcher died shows nothing of hutch but its namespace.
    (namespace !== "" && namespace !== ownPidNamespace)
  );
}

function processes(): string[] {
  const own = link("/proc/self/ns/pid");
  return list("/proc")
    .filter((pid) => /^\d+$/.test(pid) && pid !== String(process.pid) && isOurs(pid, own))
    .map((pid) => {
      // The start time tells apart two processes that had the same number.
      const stat = read(`/proc/${pid}/stat`);
      const startTime = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
      const command = read(`/proc/${pid}/cmdline`).replaceAll("\0", " ").trim();
      return stat === "" ? "" : `${pid} ${command || read(`/proc/${pid}/comm`).trim()} (start ${startTime})`;
    })
    .filter((line) => line !== "");
}

function temporaryFiles(): string[] {
  return ["/tmp", "/dev/shm", tmpdir()].flatMap((place) =>
    list(place)
      .filter((name) => name.startsWith("hutch-"))
      .map((name) => join(place, name)),
  );
}

function kernelSettings(): string[] {
  return ["/proc/sys/net/ipv4/ip_forward", "/proc/sys/kernel/hostname", "/proc/sys/kernel/domainname"].map(
    (path) => `${path} = ${read(path).trim()}`,
  );
}

/** Takes the picture. */
export function snapshotHost(): HostPicture {
  return {
    mounts: new Set(mounts("self")),
    "mounts of process 1": new Set(mounts("1")),
    cgroups: new Set(cgroups()),
    "network interfaces": new Set(interfaces()),
    state: new Set(state()),
    processes: new Set(processes()),
    "temporary files": new Set(temporaryFiles()),
    "kernel settings": new Set(kernelSettings()),
  };
}

/** What the second picture has and the first has not, and what of the host itself is gone; one line each. */
export function hostDifferences(before: HostPicture, after: HostPicture): string[] {
  return Object.keys(after).flatMap((kind) => {
    const first = before[kind] ?? new Set<string>();
    const second = after[kind] ?? new Set<string>();
    const left = [...second].filter((thing) => !first.has(thing)).map((thing) => `${kind}: left: ${thing}`);
    const gone = [...first].filter((thing) => !second.has(thing)).map((thing) => `${kind}: gone: ${thing}`);
    return KEPT.has(kind) ? [...left, ...gone] : left;
  });
}

/** Waits until nothing differs, because the kernel removes some things late; at most `milliseconds`. */
export async function settledDifferences(before: HostPicture, milliseconds: number): Promise<string[]> {
  const end = performance.now() + milliseconds;
  for (;;) {
    const differences = hostDifferences(before, snapshotHost());
    if (differences.length === 0 || performance.now() > end) return differences;
    await Bun.sleep(200);
  }
}
