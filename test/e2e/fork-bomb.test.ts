/** What forks without end is contained by --pids from its first instruction on, and cleared away. */
import { expect } from "bun:test";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { HUTCH, hutch } from "../support/hutch.ts";
import { rootfs } from "../support/rootfs.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { sharedRoot } from "./support-inside.ts";
import { asRoot, cgroupsNamed, isLive, read } from "./support-lifecycle.ts";

const LIMIT = 64;
const SECOND = 1000;
/** Its processes have the name of the file among their arguments. */
const BOMBS = {
  doubling: "#!/bin/sh\nb() { b | b & }\nb\nsleep 1\n",
  hopping: '#!/bin/sh\n"$0" & "$0" &\n',
  looping: '#!/bin/sh\n(while :; do sh -c : "$0" & done) &\nsleep 1\n',
} as const;

const processesWith = (word: string): string[] =>
  readdirSync("/proc").filter(
    (pid) => /^\d+$/.test(pid) && isLive(pid) && read(`/proc/${pid}/cmdline`).includes(word),
  );

asRoot(
  "a fork bomb has no more processes than it may have, and within five seconds of its end nothing is left",
  async () => {
    const root = await rootfs(temporaryDirectory("bomb"));
    const name = `/bomb-${process.pid}`;
    const peaks: (number | null)[] = [];
    for (const options of [[], ["--share", "pid"], ["--init"]]) {
      for (const bomb of Object.values(BOMBS)) {
        writeFileSync(join(root, name), bomb, { mode: 0o755 });
        const report = join(temporaryDirectory("report"), "report.json");
        const words = ["in", "--pids", `${LIMIT}`, "--memory", "256m", "--report", report, ...options, root];
        const begin = performance.now();
        const child = Bun.spawn([HUTCH, ...words, "/bin/sh", "-c", `${name} & ${name} & sleep 1`], {
          stdio: ["ignore", "ignore", "ignore"],
          timeout: 20 * SECOND,
          killSignal: "SIGKILL",
        });
        await child.exited;
        expect(child.signalCode).toBeNull();
        expect(performance.now() - begin).toBeLessThan(6 * SECOND);
        expect(processesWith(name)).toEqual([]);
        expect(cgroupsNamed((each) => each.startsWith(`hutch-${child.pid}-`))).toEqual([]);
        peaks.push(JSON.parse(read(report)).pidsPeak);
      }
    }
    // On a busy machine some end before they have come to the limit; old kernels keep no peak.
    const known = peaks.filter((peak) => peak !== null);
    if (known.length > 0) expect(Math.max(...known)).toBe(LIMIT);
  },
  120 * SECOND,
);

asRoot("the limit is in force before the first instruction of the command", async () => {
  const root = await sharedRoot();
  const first = await hutch(["in", "--pids", "1", root, "sh", "-c", "true | true; echo forked"]);
  expect(first.code).not.toBe(0);
  expect(first.stdout).toBe("");
  expect(first.stderr).toContain("can't fork");
  expect(await hutch(["in", "--pids", "2", root, "sh", "-c", "sleep 0; echo forked"])).toMatchObject({
    code: 0,
    stdout: "forked\n",
  });
});
