/** Statistics from files as the kernel writes them, in the shape of runc's events. */
import { expect, test } from "bun:test";
import { jsonText } from "../../src/cgroup/json.ts";
import { statsOf } from "../../src/cgroup/stats.ts";

const reader =
  (files: Readonly<Record<string, string>>) =>
  (file: string): string | undefined =>
    files[file];
const parsed = (files: Readonly<Record<string, string>>): unknown =>
  JSON.parse(jsonText(statsOf(reader(files))));

const V1 = {
  "cpuacct.usage": "15755059\n",
  "cpuacct.usage_percpu": "6084967 9670092 \n",
  "cpuacct.usage_all": "cpu user system\n0 1 2\n1 3 4\n",
  "cpuacct.stat": "user 2\nsystem 1\n",
  "cpu.stat": "nr_periods 10\nnr_throttled 3\nthrottled_time 77\n",
  "cpuset.cpus": "0-1\n",
  "cpuset.sched_relax_domain_level": "-1\n",
  "memory.limit_in_bytes": "9223372036854771712\n",
  "memory.usage_in_bytes": "552960\n",
  "memory.max_usage_in_bytes": "2248704\n",
  "memory.failcnt": "5\n",
  "memory.memsw.limit_in_bytes": "4096\n",
  "memory.stat": "cache 8192\nrss 4096\n",
  "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
  "pids.current": "1\n",
  "pids.max": "max\n",
  "blkio.throttle.io_service_bytes_recursive": "8:0 Read 4096\n8:0 Write 0\nTotal 4096\n",
};

test("version 1: times in nanoseconds, limits exact, and no limit of processes left out", () => {
  expect(parsed(V1)).toMatchObject({
    cpu: {
      usage: {
        total: 15755059,
        percpu: [6084967, 9670092],
        percpu_user: [1, 3],
        percpu_kernel: [2, 4],
        user: 20_000_000,
        kernel: 10_000_000,
      },
      throttling: { periods: 10, throttledPeriods: 3, throttledTime: 77 },
    },
    cpuset: { cpus: [0, 1], sched_relax_domain_level: -1 },
    memory: { cache: 8192, usage: { usage: 552960, max: 2248704, failcnt: 5 }, raw: { rss: 4096 } },
    pids: { current: 1 },
    blkio: {
      ioServiceBytesRecursive: [
        { major: 8, op: "Read", value: 4096 },
        { major: 8, op: "Write" },
      ],
    },
    hugetlb: {},
    network_interfaces: null,
  });
  const text = jsonText(statsOf(reader(V1)));
  expect(text).toContain('"limit":9223372036854771712,');
  expect(text).not.toContain('"pids":{"current":1,"limit"');
});

const V2 = {
  "cgroup.controllers": "cpu memory pids\n",
  "cpu.stat": "usage_usec 5\nuser_usec 3\nsystem_usec 2\nnr_periods 4\nnr_throttled 1\nthrottled_usec 6\n",
  "memory.current": "100\n",
  "memory.max": "1000\n",
  "memory.peak": "200\n",
  "memory.swap.current": "10\n",
  "memory.swap.max": "max\n",
  "memory.stat": "file 7\nkernel 8\nsock 9\n",
  "memory.events": "low 0\nmax 3\noom 2\noom_kill 1\n",
  "pids.current": "2\n",
  "pids.max": "20\n",
  "io.stat": "8:16 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\n",
};

test("version 2: microseconds become nanoseconds, and swap is counted with memory as in version 1", () => {
  expect(parsed(V2)).toMatchObject({
    cpu: {
      usage: { total: 5000, user: 3000, kernel: 2000 },
      throttling: { periods: 4, throttledPeriods: 1, throttledTime: 6000 },
    },
    memory: {
      cache: 7,
      usage: { limit: 1000, usage: 100, max: 200, failcnt: 3 },
      swap: { usage: 110 },
      kernel: { usage: 8 },
      kernelTCP: { usage: 9 },
    },
    pids: { current: 2, limit: 20 },
    blkio: {
      ioServiceBytesRecursive: [
        { major: 8, minor: 16, op: "Read", value: 1 },
        { major: 8, minor: 16, op: "Write", value: 2 },
      ],
      ioServicedRecursive: [
        { major: 8, minor: 16, op: "Read", value: 3 },
        { major: 8, minor: 16, op: "Write", value: 4 },
      ],
    },
  });
  expect(jsonText(statsOf(reader(V2)))).toContain('"swap":{"limit":18446744073709551615,');
});

test("the numbers of a cpuset are there also for a container that has none, as in runc", () => {
  const flags = { cpu_exclusive: 0, mem_hardwall: 0, sched_load_balance: 0, sched_relax_domain_level: 0 };
  expect(parsed({})).toMatchObject({ cpuset: flags });
  expect(jsonText(statsOf(reader({})))).not.toContain('"cpus"');
  // What is in force, not what was asked for.
  const v2 = { ...V2, "cpuset.cpus": "\n", "cpuset.cpus.effective": "0,2-3\n" };
  expect(parsed(v2)).toMatchObject({ cpuset: { cpus: [0, 2, 3] } });
});

test("pressure and huge pages are there where the kernel has them", () => {
  const psi = "some avg10=1.50 avg60=0.00 avg300=0.00 total=7\nfull avg10=0.00 total=0\n";
  const files = { ...V2, "cpu.pressure": psi, "io.pressure": psi, "hugetlb.2MB.current": "4096\n" };
  const data: unknown = JSON.parse(jsonText(statsOf(reader(files), ["2MB", "1GB"])));
  const line = { avg10: 1.5, avg60: 0, avg300: 0, total: 7 };
  expect(data).toMatchObject({
    cpu: { psi: { some: line, full: { avg10: 0 } } },
    blkio: { psi: { some: line } },
    hugetlb: { "2MB": { usage: 4096, failcnt: 0 } },
  });
  expect(data).not.toMatchObject({ memory: { psi: expect.anything() } });
  expect(data).not.toMatchObject({ hugetlb: { "1GB": expect.anything() } });
});

test("a container without any cgroup has statistics of the same shape", () => {
  expect(parsed({})).toMatchObject({ cpu: { throttling: {} }, memory: { raw: {} }, pids: {}, blkio: {} });
});
