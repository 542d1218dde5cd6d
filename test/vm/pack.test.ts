/** A packed file on another machine: Debian's kernel, cgroup v2 alone, and no hutch that it would need. */
import { expect } from "bun:test";
import { join } from "node:path";
import { hutch, lacksHutch } from "../support/hutch.ts";
import { lacksBusybox, rootfs } from "../support/rootfs.ts";
import { anyReason, testUnless } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { lacksMachine, runInMachine } from "../support/vm/machine.ts";

testUnless(anyReason(lacksMachine(), lacksHutch(), lacksBusybox()))(
  "v2: one file is program and root, keeps its limits, and leaves no device and no cgroup behind",
  async () => {
    const box = join(temporaryDirectory("vm-pack"), "box");
    const command =
      "touch /x && ls /x; mount | head -1 | cut -d' ' -f3-5; cat /sys/fs/cgroup/memory.max; exit 7";
    const args = ["compile", "--pack", "--overlay", "--memory", "64m", await rootfs(), "sh", "-c", command];
    expect(await hutch([...args, "-o", box])).toMatchObject({ code: 0, stderr: "" });
    const script = `/file.box; echo code $?; sleep 1
cat /sys/block/loop*/loop/backing_file 2>/dev/null; find /sys/fs/cgroup -mindepth 1 -type d
`;
    const { output } = await runInMachine({
      script,
      files: { "/file.box": { from: box } },
      modules: ["crc32c_generic", "loop", "erofs", "overlay"],
      timeout: 100,
    });
    expect(output).toBe("/x\n/ type overlay\n67108864\ncode 7\n");
  },
  180_000,
);
