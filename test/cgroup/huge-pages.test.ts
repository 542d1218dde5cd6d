import { expect, test } from "bun:test";
import { hugePages, pageSizeName } from "../../src/cgroup/huge-pages.ts";

test("the kernel names sizes of pages in two ways", () => {
  const names = ["hugepages-64kB", "hugepages-2048kB", "hugepages-32768kB", "hugepages-1048576kB", "other"];
  expect(names.map(pageSizeName)).toEqual(["64KB", "2MB", "32MB", "1GB", undefined]);
});

test("each version has files of its own; what is 0 is left out, but for failures", () => {
  const files: Readonly<Record<string, string>> = {
    "hugetlb.2MB.usage_in_bytes": "2097152\n",
    "hugetlb.2MB.max_usage_in_bytes": "4194304\n",
    "hugetlb.2MB.failcnt": "3\n",
    "hugetlb.1GB.current": "0\n",
    "hugetlb.1GB.events": "max 7\n",
  };
  const read = (file: string): string | undefined => files[file];
  expect(hugePages(read, ["2MB", "1GB"], false)).toEqual({
    "2MB": { usage: 2097152n, max: 4194304n, failcnt: 3n },
    "1GB": undefined,
  });
  expect(hugePages(read, ["2MB", "1GB"], true)).toEqual({
    "2MB": undefined,
    "1GB": { usage: undefined, failcnt: 7n },
  });
});
