/** All containers below a root, in the shapes that runc gives them. */
import { fileStatus } from "../host/path.ts";
import { HutchError } from "../linux/error.ts";
import { type Container, stateJson, statusOf } from "./state.ts";
import { directoryOf, ids, type Record, read } from "./store.ts";

export type State = ReturnType<typeof stateJson>;

/** A container of which nothing was written yet. */
const unwritten = (root: string, id: string): Record => ({
  ociVersion: "1.3.0",
  id,
  bundle: "",
  rootfs: "",
  created: "",
  owner: fileStatus(directoryOf(root, id))?.uid ?? 0,
  annotations: {},
  cgroups: [],
  hooks: {},
  init: undefined,
  isCreated: false,
});

function find(root: string, id: string, warn: (line: string) => void): Container | undefined {
  try {
    const record = read(root, id);
    return { root, id, record: record ?? unwritten(root, id), status: statusOf(root, id, record) };
  } catch (error) {
    if (!(error instanceof HutchError)) throw error;
    // Deleted since the names were read; or damaged, which is no reason to hide the others.
    if (fileStatus(directoryOf(root, id)) !== undefined) warn(error.message);
    return undefined;
  }
}

/** The states of all containers, by id; `warn` hears of those that cannot be read. */
export const states = (root: string, warn: (line: string) => void): State[] =>
  ids(root).flatMap((id) => {
    const container = find(root, id, warn);
    return container === undefined ? [] : [stateJson(container)];
  });

const TITLES = ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"] as const;
/** Columns are so wide at least, and so far apart. */
const WIDTH = 12;
const GAP = 3;

/** The table of `runc list`. */
export function table(list: readonly State[]): string {
  const rows = list.map(({ id, pid, status, bundle, created, owner }) => [
    id,
    `${pid}`,
    status,
    bundle,
    created,
    owner,
  ]);
  const widths = TITLES.map((title, column) =>
    Math.max(WIDTH, GAP + Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0))),
  );
  const line = (row: readonly string[]): string =>
    row.map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0))).join("");
  return [TITLES, ...rows].map((row) => `${line(row)}\n`).join("");
}
