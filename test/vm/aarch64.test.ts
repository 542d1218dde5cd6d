/** Containers that hutch compiles for aarch64, on a kernel of that architecture. */
import { expect } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { hutch } from "../support/hutch.ts";
import { testUnless } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { lacksMachine, runInMachine } from "../support/vm/machine.ts";

async function compile(file: string, ...words: readonly string[]): Promise<void> {
  const result = await hutch(["compile", "--arch", "aarch64", ...words, "-o", file]);
  expect(result).toMatchObject({ code: 0, stderr: "" });
}

const BUSYBOX = "/bin/busybox";
const LOOK = [
  "cd /sys/fs/cgroup; cat memory.max pids.max cpu.max",
  "cd /; ls",
  "uname -m; hostname; id -u; echo pid $$",
  "grep -E '^(NoNewPrivs|Seccomp|CapEff):' /proc/self/status | tr -s '\\t' ' '",
  "ip link | grep -c UP",
  "unshare -r true || echo refused",
  "exit 7",
];

testUnless(lacksMachine("arm64"))(
  "a compiled container has its namespaces, limits, capabilities and filter on aarch64",
  async () => {
    const directory = temporaryDirectory("aarch64");
    // The root is at the same place on the machine, where there is something in it.
    const root = join(directory, "root");
    mkdirSync(root);
    const box = join(directory, "box");
    const limits = [
      "--memory",
      "64m",
      "--pids",
      "20",
      "--cpus",
      "0.5",
      "--cap-drop",
      "all",
      "--hostname",
      "box",
    ];
    await compile(box, ...limits, root, "/bin/sh", "-c", LOOK.join("\n"));
    const signalled = join(directory, "signalled");
    await compile(signalled, "--init", "--timeout", "500ms", root, "/bin/sleep", "100");
    const script = `
      mkdir -p ${root}/bin && cp ${BUSYBOX} ${root}/bin && chroot ${root} ${BUSYBOX} --install -s /bin
      /a/box; echo code $?
      /a/signalled; echo code $?
      find /sys/fs/cgroup -mindepth 1 -type d; cat /proc/mounts | grep -c ${root}
      rm -r ${root}; /a/box; echo code $?`;
    const files = { "/a/box": { program: box }, "/a/signalled": { program: signalled } };
    const { output } = await runInMachine({ architecture: "arm64", script, files });
    expect(output.trimEnd().split("\n")).toEqual([
      ...["67108864", "20", "50000 100000"],
      expect.stringMatching(/^bin +dev +proc +sys$/),
      ...["aarch64", "box", "0", "pid 1"],
      ...["CapEff: 0000000000000000", "NoNewPrivs: 1", "Seccomp: 2"],
      "1",
      ...["unshare: unshare(0x10000000): Operation not permitted", "refused"],
      "code 7",
      "code 124",
      // Neither cgroups nor mounts are left.
      "0",
      `box: attach the root ${root}: open_tree: ENOENT (no such file or directory); hint: the source does not exist on the host`,
      "code 125",
    ]);
  },
  120_000,
);
