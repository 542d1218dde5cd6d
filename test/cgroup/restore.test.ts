import { expect, test } from "bun:test";
import { restoring } from "../../src/cgroup/restore.ts";

test.each([
  ["memory.limit_in_bytes", "5", "9223372036854771712", ["9223372036854771712"]],
  ["cpu.max", "5000 100000", "max 100000", ["max 100000"]],
  ["cpuset.cpus", "0", "", ["\n"]],
  ["memory.oom_control", "1", "oom_kill_disable 0\nunder_oom 0\noom_kill 3", ["0"]],
  ["io.max", "8:0 rbps=5", "8:16 rbps=1 wbps=max\n8:0 rbps=7 wbps=max", ["8:0 rbps=7 wbps=max"]],
  ["io.max", "8:0 rbps=5", "8:01 rbps=1", ["8:0 rbps=max wbps=max riops=max wiops=max"]],
  ["blkio.throttle.read_bps_device", "8:0 5", "", ["8:0 0"]],
  ["blkio.throttle.read_bps_device", "8:0 5", "8:0 9", ["8:0 9"]],
  ["io.bfq.weight", "500", "default 100\n8:0 200", ["default 100"]],
  ["io.bfq.weight", "500", "100", ["100"]],
  ["io.weight", "8:0 500", "default 100", ["8:0 default"]],
  ["net_prio.ifpriomap", "eth0 5", "lo 0\neth0 2", ["eth0 2"]],
  ["rdma.max", "mlx hca_handle=1", "", ["mlx hca_handle=max hca_object=max"]],
  ["memory.high", "1", "max", ["max"]],
])("%s with %p written after %p says again what it said by %p", (file, text, before, lines) => {
  expect(restoring({ file, text }, before)).toEqual(lines);
});
