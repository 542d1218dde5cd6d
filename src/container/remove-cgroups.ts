/** Removing the cgroups of a container that are not empty. */
import { directory as cgroupDirectory } from "../cgroup/directory.ts";
import { removeDirectories } from "../cgroup/remove.ts";
import { close, openIfExists } from "../host/fd.ts";
import { fileKind } from "../host/path.ts";
import { perform } from "../host/perform.ts";
import type { HutchError } from "../linux/error.ts";
import { O_PATH } from "../linux/fcntl.ts";
import { set } from "../plan/build.ts";

/**
 * Removes cgroups with all that is in and below them, by the steps that end a container in the
 * foreground.
 */
export function removeCgroups(paths: readonly string[]): void {
  const places = paths.flatMap((path, index) => {
    const slash = path.lastIndexOf("/");
    const [parent, name] = [path.slice(0, slash), path.slice(slash + 1)];
    const above = fileKind(path) === "directory" ? openIfExists(parent, O_PATH) : undefined;
    return above === undefined
      ? []
      : [{ above, directory: cgroupDirectory(`${index}`, { parent, name, ancestors: [] }) }];
  });
  const failures: HutchError[] = [];
  try {
    perform(
      [
        ...places.flatMap(({ above, directory }) => [set(directory.above, above), set(directory.made, 1)]),
        ...removeDirectories(places.map(({ directory }) => directory)),
      ],
      { report: (failure) => failures.push(failure) },
    );
  } finally {
    for (const { above } of places) close(above);
  }
  // What failed on the way does not matter when the cgroups are gone in the end.
  const last = failures.at(-1);
  if (last !== undefined && paths.some((path) => fileKind(path) !== undefined)) throw last;
}
