/** Id mappings: config-linux.md, "User namespace mappings"; user_namespaces(7). */
import type * as v from "valibot";
import type { Refuse } from "./rule.ts";
import { list, object, u32 } from "./schema.ts";

export const idMappingSchema = () => object({ containerID: u32, hostID: u32, size: u32 });
export const idMappingsSchema = () => list(idMappingSchema());

export type IdMapping = v.InferOutput<ReturnType<typeof idMappingSchema>>;

/** UID_GID_MAP_MAX_EXTENTS of the kernel (Linux 4.15). */
const MOST_LINES = 340;
/** (uid_t) −1 stands for "no id" and cannot be mapped. */
const NO_ID = 4294967295;

const SIDES = ["containerID", "hostID"] as const;

/** What the kernel would answer with EINVAL at the write to uid_map or gid_map. */
export function checkIdMappings(
  mappings: readonly IdMapping[] | undefined,
  path: string,
  refuse: Refuse,
): void {
  if (!mappings) return;
  if (mappings.length > MOST_LINES) refuse(path, `at most ${MOST_LINES} mappings`, mappings.length);
  for (const [index, mapping] of mappings.entries()) {
    if (mapping.size === 0) refuse(`${path}[${index}].size`, "at least 1", 0);
    for (const side of SIDES) {
      if (mapping[side] + mapping.size > NO_ID) {
        refuse(`${path}[${index}].size`, `a range of ${side} that ends below ${NO_ID}`, mapping.size);
      }
    }
  }
  for (const side of SIDES) {
    const order = mappings
      .map((mapping, index) => ({ first: mapping[side], end: mapping[side] + mapping.size, index }))
      .sort((left, right) => left.first - right.first);
    for (const [place, range] of order.entries()) {
      const before = order[place - 1];
      if (before && range.first < before.end) {
        const other = `${path}[${before.index}]`;
        refuse(`${path}[${range.index}].${side}`, `a range that does not overlap ${other}`, range.first);
      }
    }
  }
}
