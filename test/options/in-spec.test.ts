/** From a command line of `hutch in` to an OCI spec, with a machine that is not there. */
import { describe, expect, test } from "bun:test";
import { command } from "../../src/cli/in.ts";
import { readOptions } from "../../src/cli/option.ts";
import { environmentOf } from "../../src/options/in-environment.ts";
import { readIn, type Surroundings } from "../../src/options/in-spec.ts";
import { worthShowing } from "../../src/options/surroundings.ts";
import { parseSpec } from "../../src/spec/parse.ts";
import { HOST, USER } from "../plan/fixture.ts";

const around = (where: string, part: Partial<Surroundings> = {}): Surroundings => ({
  host: HOST,
  here: "/home/me",
  where,
  layer: undefined,
  submounts: ["/home"],
  resolver: undefined,
  seccomp: { profile: undefined, filter: undefined },
  ...part,
});

function read(line: string, part: Partial<Surroundings> = {}) {
  const given = readOptions(command, line.split(" "));
  const wanted = readIn(given, around(given.words[0] ?? "/", part), ["A=b"]);
  // Whatever is made of a command line is a spec that hutch itself accepts.
  parseSpec(wanted.spec, { name: "in" });
  return wanted;
}

const types = (line: string, part?: Partial<Surroundings>): string[] =>
  (read(line, part).spec.linux?.namespaces ?? []).map(({ type }) => type).sort();
const destinations = (line: string, part?: Partial<Surroundings>): string[] =>
  (read(line, part).spec.mounts ?? []).map(({ destination }) => destination);
const capabilities = (line: string, part?: Partial<Surroundings>) =>
  read(line, part).spec.process?.capabilities;

describe("namespaces", () => {
  test("root gets all but user and time, an ordinary user a user namespace too", () => {
    expect(types("/ sh")).toEqual(["cgroup", "ipc", "mount", "network", "pid", "uts"]);
    expect(types("/ sh", { host: USER })).toEqual([
      "cgroup",
      "ipc",
      "mount",
      "network",
      "pid",
      "user",
      "uts",
    ]);
    expect(types("--uid-map 0:1:1 / sh")).toContain("user");
  });

  test("that are shared are the host's, and what shows them is bound", () => {
    expect(types("--share net,pid,ipc / sh")).toEqual(["cgroup", "mount", "uts"]);
    const { mounts } = read("--share net,pid,ipc / sh").spec;
    const kinds = Object.fromEntries((mounts ?? []).map(({ destination, type }) => [destination, type]));
    expect(kinds).toMatchObject({ "/proc": "bind", "/sys": "bind", "/dev/mqueue": "bind" });
  });

  test("that are joined have their path", () => {
    const { namespaces } = read("--join net=/run/netns/blue / sh").spec.linux ?? {};
    expect(namespaces).toContainEqual({ type: "network", path: "/run/netns/blue" });
  });

  test("the root of a container cannot be shared, nor an ordinary user's ids", () => {
    expect(() => read("--share mnt / sh")).toThrow("--share mnt: the root of a container is its own");
    expect(() => read("--share user / sh", { host: USER })).toThrow("--share user");
    expect(() => read("--share nett / sh")).toThrow("net?");
  });

  test("the host name is hutch, and the host's where the namespace is", () => {
    expect(read("/ sh").spec.hostname).toBe("hutch");
    expect(read("--share uts / sh").spec.hostname).toBeUndefined();
    expect(read("--hostname blue / sh").spec.hostname).toBe("blue");
  });
});

describe("ids", () => {
  test("an ordinary user is whom it wants to be, with its one id", () => {
    const { linux, process } = read("--user 5:6 / sh", { host: USER }).spec;
    expect(linux?.uidMappings).toEqual([{ containerID: 5, hostID: 1000, size: 1 }]);
    expect(linux?.gidMappings).toEqual([{ containerID: 6, hostID: 1000, size: 1 }]);
    expect(process?.user).toMatchObject({ uid: 5, gid: 6 });
  });

  test("a user map alone is meant for groups too, and the other way round", () => {
    for (const option of ["--uid-map", "--gid-map"]) {
      const { linux } = read(`${option} 0:7:9 / sh`).spec;
      expect(linux?.gidMappings).toEqual([{ containerID: 0, hostID: 7, size: 9 }]);
      expect(linux?.uidMappings).toEqual(linux?.gidMappings);
    }
  });
});

describe("capabilities", () => {
  test("are a short list, shorter on the host's network", () => {
    expect(capabilities("/ sh")?.bounding).toContain("CAP_NET_RAW");
    expect(capabilities("--share net / sh")?.bounding).not.toContain("CAP_NET_RAW");
    expect(capabilities("/ sh")?.bounding).not.toContain("CAP_SYS_ADMIN");
    expect(capabilities("/ sh")?.bounding).not.toContain("CAP_MKNOD");
  });

  test("all are dropped, then one added, in whichever order that is written", () => {
    for (const line of ["--cap-drop all --cap-add kill / sh", "--cap-add kill --cap-drop all / sh"]) {
      expect(capabilities(line)?.effective).toEqual(["CAP_KILL"]);
    }
  });

  test("a user other than root has none, unless some are granted: then they are ambient", () => {
    expect(capabilities("--user 1 / sh")).toMatchObject({ effective: [], permitted: [], ambient: [] });
    const granted = capabilities("--user 1 --cap-drop all --cap-add net_bind_service / sh");
    expect(granted?.ambient).toEqual(["CAP_NET_BIND_SERVICE"]);
  });

  test("all are those that the caller could have at all", () => {
    const few = { ...HOST, bounding: () => 0b100001n };
    expect(capabilities("--cap-drop all --cap-add all / sh", { host: few })?.bounding).toEqual([
      "CAP_CHOWN",
      "CAP_KILL",
    ]);
  });
});

describe("the root", () => {
  test("of / is read-only with all below it, of a directory writable", () => {
    expect(read("/ sh")).toMatchObject({
      spec: { root: { path: "/", readonly: true } },
      launch: { readonlyTree: true },
    });
    expect(read("/srv sh")).toMatchObject({
      spec: { root: { readonly: false } },
      launch: { readonlyTree: false },
    });
    expect(read("--read-only /srv sh").spec.root?.readonly).toBe(true);
  });

  test("with an overlay is writable, and its layer is kept or not", () => {
    expect(read("--overlay / sh")).toMatchObject({
      spec: { root: { readonly: false } },
      launch: { overlay: { directory: undefined, inside: false }, readonlyTree: false, submounts: ["/home"] },
    });
    expect(read("--overlay=/srv/layer / sh", { layer: "/srv/layer" }).launch.overlay).toEqual({
      directory: "/srv/layer",
      inside: true,
    });
    expect(read("--overlay=/srv/layer /other sh", { layer: "/srv/layer" }).launch.overlay?.inside).toBe(
      false,
    );
  });

  test("a layer has to be there, and a directory", () => {
    expect(() => read("--overlay=/none / sh", { layer: "/none" })).toThrow("--overlay=/none: ENOENT");
    expect(() => read("--overlay=/dev/null / sh", { layer: "/dev/null" })).toThrow(
      "--overlay=/dev/null: ENOTDIR",
    );
  });

  test("a layer below the root is covered, so that nobody reaches behind the overlay", () => {
    expect(destinations("--overlay=/srv/layer / sh", { layer: "/srv/layer" })).toContain("/srv/layer");
    expect(destinations("--overlay=/srv/layer /srv sh", { layer: "/srv/layer" })).not.toContain("/srv/layer");
  });

  test("of / hides the sockets of the host, of a directory has none to hide", () => {
    expect(destinations("/ sh")).toEqual(expect.arrayContaining(["/run", "/tmp"]));
    expect(destinations("/srv sh")).not.toContain("/run");
  });

  test("on the host's network finds the names that the host finds", () => {
    const part = { resolver: "/run/systemd/resolve/stub-resolv.conf" };
    expect(destinations("--share net / sh", part)).toContain("/run/systemd/resolve/stub-resolv.conf");
    expect(destinations("/ sh", part)).not.toContain("/run/systemd/resolve/stub-resolv.conf");
  });

  test("mounts what is asked for last, so that it is on top", () => {
    expect(destinations("--bind /srv:/tmp/x --tmpfs /cache / sh").slice(-2)).toEqual(["/cache", "/tmp/x"]);
  });
});

describe("the rest", () => {
  test("limits become resources, and a cgroup is shown", () => {
    const line = "--memory 64m --cpus 0.5 --pids 20 / sh";
    expect(read(line).spec.linux?.resources).toEqual({
      memory: { limit: 67_108_864 },
      cpu: { quota: 50_000, period: 100_000 },
      pids: { limit: 20 },
    });
    expect(destinations(line)).toContain("/sys/fs/cgroup");
    expect(read("/ sh").spec.linux?.resources).toBeUndefined();
    expect(destinations("/ sh")).not.toContain("/sys/fs/cgroup");
  });

  test("swap counts with memory, and is no more without", () => {
    const resources = read("--memory 64m --memory-swap 96m --cpuset 0-1,3 / sh").spec.linux?.resources;
    expect(resources).toEqual({
      memory: { limit: 67_108_864, swap: 100_663_296 },
      cpu: { cpus: "0-1,3" },
    });
    expect(() => read("--memory-swap 96m / sh")).toThrow("--memory-swap: expected --memory too");
    expect(() => read("--memory 64m --memory-swap 32m / sh")).toThrow("expected at least --memory (64m)");
  });

  test("wishes that OCI has no words for", () => {
    expect(read("--init --die-with-parent --timeout 2m -t / sh")).toMatchObject({
      launch: { init: true, dieWithParent: true, dieWithLauncher: true, timeout: 120 },
      spec: { process: { terminal: true, noNewPrivileges: true } },
    });
    expect(read("/ sh").launch).toMatchObject({ init: false, dieWithParent: false, timeout: 0 });
  });

  test("a command has to be there", () => {
    expect(() => read("/srv")).toThrow("in: expected a command after WHERE; hint: hutch in /srv -- sh");
  });

  test("sysctl, rlimit and the working directory reach the spec", () => {
    const { process, linux } = read(
      "--sysctl net.ipv4.ip_forward=1 --rlimit nofile=5:6 -w /srv / sh -c x",
    ).spec;
    expect(linux?.sysctl).toEqual({ "net.ipv4.ip_forward": "1" });
    expect(process).toMatchObject({
      cwd: "/srv",
      args: ["sh", "-c", "x"],
      rlimits: [{ type: "RLIMIT_NOFILE", soft: 5, hard: 6 }],
    });
  });
});

describe("the environment", () => {
  const env = (line: string) =>
    environmentOf(readOptions(command, line.split(" ")), { HOME: "/root", PATH: "/bin", GONE: undefined });

  test("is the caller's, with the mark of a container", () => {
    expect(env("/ sh")).toEqual(["HOME=/root", "PATH=/bin", "container=hutch"]);
  });

  test("is empty but for PATH and the mark when it is cleared, and --env comes last", () => {
    const [path, mark, ...rest] = env("--clear-env -e A=1 -e A=2 / sh");
    expect(path).toStartWith("PATH=/usr/local/sbin:");
    expect([mark, rest]).toEqual(["container=hutch", ["A=2"]]);
    expect(env("-e HOME=/x -e container=y / sh")).toEqual(["HOME=/x", "PATH=/bin", "container=y"]);
  });
});

describe("mounts of the host that are worth showing", () => {
  const points = [
    "/",
    "/proc",
    "/sys",
    "/dev/shm",
    "/run/lock",
    "/tmp",
    "/home",
    "/home/x",
    "/srv/layer",
    "/tmpfs",
  ];

  test("below / are the topmost that are no API file systems", () => {
    expect(worthShowing(points, "/", undefined)).toEqual(["/home", "/srv/layer", "/tmpfs"]);
  });

  test("are not the layer itself", () => {
    expect(worthShowing(points, "/", "/srv/layer")).toEqual(["/home", "/tmpfs"]);
  });

  test("below a directory are all of it, and nothing that only begins alike", () => {
    expect(worthShowing(["/srv", "/srv/a", "/srv/a/b", "/srvice"], "/srv", undefined)).toEqual(["/srv/a"]);
    expect(worthShowing(["/x/proc"], "/x", undefined)).toEqual(["/x/proc"]);
  });

  test("are named once, though mounted twice", () => {
    expect(worthShowing(["/home", "/home"], "/", undefined)).toEqual(["/home"]);
  });
});
