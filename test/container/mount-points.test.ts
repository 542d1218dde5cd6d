import { describe, expect, test } from "bun:test";
import { withMountPoints } from "../../src/container/mount-points.ts";
import type { Directory, Node } from "../../src/image/tree.ts";
import type { Mount, Spec } from "../../src/spec/spec.ts";

const PLAIN = { mode: 0o700, uid: 5, gid: 5, modified: 7n, xattrs: [] };
const directory = (entries: Record<string, Node> = {}): Directory => ({
  ...PLAIN,
  kind: "directory",
  entries: new Map(Object.entries(entries)),
});

/** Every path of a tree, with a slash behind directories. */
function paths(node: Node, path = ""): string[] {
  if (node.kind !== "directory") return [path];
  const below = [...node.entries].flatMap(([name, child]) => paths(child, `${path}/${name}`));
  return [`${path}/`, ...below];
}

const mount = (type: string, destination: string, source = type): Mount => ({ type, destination, source });

function added(tree: Directory, mounts: readonly Mount[], cwd = "/"): string[] {
  const spec: Spec = { ociVersion: "1.3.0", mounts: [...mounts], process: { cwd } };
  const kindOf = (path: string) => (path === "/host/file" ? "file" : "directory");
  return paths(withMountPoints(tree, spec, kindOf));
}

describe("places of mounts", () => {
  test("that are missing are added, and the directories above them", () => {
    expect(added(directory(), [mount("proc", "/proc"), mount("tmpfs", "/var/cache")])).toEqual([
      "/",
      "/proc/",
      "/var/",
      "/var/cache/",
    ]);
  });

  test("that are there stay as they are", () => {
    const tree = directory({ proc: directory() });
    expect(
      withMountPoints(tree, { ociVersion: "1.3.0", mounts: [mount("proc", "/proc")] }, () => "file"),
    ).toBe(tree);
  });

  test("in what is mounted before are made when the container is", () => {
    const mounts = [mount("tmpfs", "/dev"), mount("devpts", "/dev/pts"), mount("tmpfs", "/devices")];
    expect(added(directory(), mounts)).toEqual(["/", "/dev/", "/devices/"]);
  });

  test("are files where a file of the host is bound", () => {
    const bind = { ...mount("bind", "/etc/file", "/host/file"), options: ["bind"] };
    const other = { ...mount("bind", "/data", "/host/directory"), options: ["rbind"] };
    expect(added(directory(), [bind, other])).toEqual(["/", "/etc/", "/etc/file", "/data/"]);
  });

  const link = (target: string): Node => ({ ...PLAIN, kind: "symlink", target });

  test("are found through symlinks, which lead nowhere but into the root", () => {
    const tree = directory({
      run: directory({ up: link("../../..") }),
      var: directory({ run: link("/run") }),
    });
    const mounts = ["/var/run/a", "/var/run/up/b", "/var/run/up/var/run/c"].map((path) =>
      mount("proc", path),
    );
    const made = ["/run/a/", "/run/c/", "/b/"];
    expect(added(tree, mounts).filter((path) => made.includes(path))).toEqual(made);
    expect(added(tree, [mount("tmpfs", "/run"), mount("proc", "/var/run/a")], "/var/run/d")).toEqual(
      added(tree, []),
    );
  });

  test("behind symlinks that lead round, or a file, are left to the kernel", () => {
    const tree = directory({ one: link("two"), two: link("/one"), file: { ...PLAIN, kind: "fifo" } });
    const paths = ["/one/a", "/one", "/file/a"].map((path) => mount("proc", path));
    expect(added(tree, paths, "/two/b")).toEqual(added(tree, []));
  });

  test("have root's ids and the time of the tree, so that the image stays the same", () => {
    const tree = withMountPoints(
      directory(),
      { ociVersion: "1.3.0", mounts: [mount("proc", "/proc")] },
      () => undefined,
    );
    expect(tree.entries.get("proc")).toMatchObject({ uid: 0, gid: 0, mode: 0o755, modified: 7n });
  });
});

test("the directory that the command starts in is there too", () => {
  expect(added(directory(), [], "/srv/app")).toEqual(["/", "/srv/", "/srv/app/"]);
  expect(added(directory(), [mount("tmpfs", "/srv")], "/srv/app")).toEqual(["/", "/srv/"]);
});
