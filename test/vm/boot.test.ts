/** hutch on a machine that has nothing but a kernel, hutch and its libc. */
import { expect } from "bun:test";
import { testUnless } from "../support/skip.ts";
import { lacksMachine, runInMachine } from "../support/vm/machine.ts";

const MAKE_ROOT = "mkdir -p /box/bin && cp /bin/busybox /box/bin && ln -s busybox /box/bin/sh\n";
const SH = "/box /bin/busybox sh -c";

testUnless(lacksMachine())(
  "hutch runs a container on an initramfs, with limits that cgroup v2 shows",
  async () => {
    const script = `${MAKE_ROOT}
hutch in --memory 64m --pids 20 --cpus 0.5 ${SH} '
  cd /sys/fs/cgroup; /bin/busybox cat memory.max pids.max cpu.max; exit 7'
echo code $?
find /sys/fs/cgroup -mindepth 1 -type d
`;
    const { output, code } = await runInMachine({ script });
    expect({ output, code }).toEqual({ output: "67108864\n20\n50000 100000\ncode 7\n", code: 0 });
  },
);

testUnless(lacksMachine())("what a script writes to the second port and how it ends come back", async () => {
  const script = "echo shown; echo complaint >&2; echo kept >/dev/ttyS2; exit 3";
  const { code, output, results } = await runInMachine({ script, files: { "/a/b": { text: "c" } } });
  expect({ code, output, results }).toEqual({ code: 3, output: "shown\ncomplaint\n", results: "kept\n" });
});
