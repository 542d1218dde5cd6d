/** What is told of memory, pressure and pauses on a kernel that has cgroup v2 alone. */
import { expect } from "bun:test";
import { testUnless } from "../support/skip.ts";
import { lacksMachine, runInMachine } from "../support/vm/machine.ts";

const MAKE_ROOT = `mkdir -p /box/bin; cp /bin/busybox /box/bin
for name in sh sleep tail; do ln -s busybox /box/bin/$name; done
bundle() { mkdir -p /b; cd /b; rm -f config.json; hutch spec >/dev/null; sed -i 's#"terminal": true#"terminal": false#
  s#"sh"#"/bin/sh","-c","'"$1"'"#; s#"path": "rootfs"#"path": "/box"#
  s#"resources": {#"resources": {"memory": {"limit": 33554432},#' config.json; }
`;
const GREEDY = "tail /dev/zero";
const TOLD = "hutch: killed: out of memory (limit 32 MiB, peak 32 MiB)";

testUnless(lacksMachine())(
  "v2: who was killed for want of memory is told of: by in, by run, by a report, by state, by events",
  async () => {
    const script = `${MAKE_ROOT}
hutch in --memory 32m --report /report /box ${GREEDY} 2>&1; echo code $?; cat /report >/dev/ttyS2
bundle '${GREEDY}'; hutch run --keep kept 2>&1; echo code $?; hutch state kept | grep oom; hutch delete kept
bundle 'sleep 3; ${GREEDY}; exec ${GREEDY}'; hutch run --detach one </dev/null >/dev/null 2>&1
timeout 60 hutch events --interval 10m one; hutch state one | grep oom; hutch delete one
find /sys/fs/cgroup -mindepth 1 -type d
`;
    const { output, results } = await runInMachine({ script, timeout: 150 });
    const event = '{"type":"oom","id":"one"}';
    const state = '  "oom": true';
    const lines = [TOLD, "code 137", TOLD, "code 137", state, event, event, state, ""];
    // The shell of the container may tell of its command.
    expect(output.split("\n").filter((line) => line !== "Killed")).toEqual(lines);
    const { wallNs, cpuNs, ...rest } = JSON.parse(results);
    expect(rest).toEqual({
      code: 137,
      signal: 9,
      oom: true,
      timeout: false,
      memoryLimit: 32 * 2 ** 20,
      memoryPeak: 32 * 2 ** 20,
      pidsPeak: 1,
      bytesRead: 0,
      bytesWritten: 0,
    });
    expect(wallNs).toBeGreaterThan(1e6);
    expect(cpuNs).toBeGreaterThan(1e6);
  },
  180_000,
);

testUnless(lacksMachine())(
  "v2: pause freezes, resume thaws, kill --all ends everything, and the statistics have pressure",
  async () => {
    const script = `${MAKE_ROOT}
bundle 'while :; do sleep 0; done'; hutch run --detach two </dev/null >/dev/null 2>&1
hutch pause two; hutch state two | grep status; grep frozen /sys/fs/cgroup/*/cgroup.events
hutch resume two; hutch state two | grep status
hutch events --stats two >/dev/ttyS2
hutch kill --all two KILL; for n in 1 2 3 4 5; do hutch state two | grep -q stopped && break; sleep 1; done
hutch state two | grep -E 'status|oom'; hutch delete two; find /sys/fs/cgroup -mindepth 1 -type d
`;
    const { output, results } = await runInMachine({ script, timeout: 150 });
    expect(output).toMatch(
      /^ {2}"status": "paused",\n(.*:)?frozen 1\n {2}"status": "running",\n {2}"status": "stopped",\n$/,
    );
    const { data } = JSON.parse(results);
    const line = { avg10: expect.any(Number), total: expect.any(Number) };
    for (const part of [data.cpu, data.memory, data.blkio]) {
      expect(part.psi).toMatchObject({ some: line, full: line });
    }
    expect(data.memory.usage.limit).toBe(32 * 2 ** 20);
  },
  180_000,
);
