/** What a container uses of huge pages (admin-guide/cgroup-v1/hugetlb, admin-guide/cgroup-v2, "HugeTLB"). */
import type { Json } from "./json.ts";
import { amountOf, pairsOf, type ReadFile } from "./read.ts";

/** The size of a directory of /sys/kernel/mm/hugepages in the names of cgroup files: 2048kB is 2MB. */
export function pageSizeName(directory: string): string | undefined {
  const kibibytes = /^hugepages-(\d+)kB$/.exec(directory)?.[1];
  if (kibibytes === undefined) return undefined;
  const size = Number(kibibytes);
  const [count, unit] =
    size >= 2 ** 20 ? [size / 2 ** 20, "GB"] : size >= 2 ** 10 ? [size / 2 ** 10, "MB"] : [size, "KB"];
  return `${count}${unit}`;
}

/** An amount that runc leaves out when it is 0. */
const some = (value: bigint | undefined): bigint | undefined => (value === 0n ? undefined : value);

function entry(read: ReadFile, name: string, isV2: boolean): Json | undefined {
  const usage = amountOf(read(`${name}.${isV2 ? "current" : "usage_in_bytes"}`));
  if (usage === undefined) return undefined;
  return isV2
    ? { usage: some(usage), failcnt: pairsOf(read(`${name}.events`))["max"] ?? 0n }
    : {
        usage: some(usage),
        max: some(amountOf(read(`${name}.max_usage_in_bytes`))),
        failcnt: amountOf(read(`${name}.failcnt`)) ?? 0n,
      };
}

/** By the size of the pages; empty for a container without a hugetlb cgroup of its own. */
export const hugePages = (read: ReadFile, sizes: readonly string[], isV2: boolean): Json =>
  Object.fromEntries(sizes.map((size) => [size, entry(read, `hugetlb.${size}`, isV2)]));
