/** A process on the host swaps a directory of the root for a symlink during starts (CVE-2021-30465). */
import { expect } from "bun:test";
import { mkdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { AT_FDCWD } from "../../src/linux/fcntl.ts";
import { PR_SET_PDEATHSIG } from "../../src/linux/prctl.ts";
import { SIGNALS } from "../../src/linux/signal.ts";
import { call, jump, label } from "../../src/plan/build.ts";
import { hostBefore, leftBehind, makeOutside, treeOf, writeProgram } from "../support/attack.ts";
import { hutch, lacksHutch } from "../support/hutch.ts";
import { lacksBusybox, rootfs } from "../support/rootfs.ts";
import { anyReason, lacksRoot, testUnless } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const RENAME_EXCHANGE = 2;
const CONTAINERS = 100;
const AT_ONCE = 4;

/** Exchanges two paths as fast as the kernel can, until it is killed. */
function swap(one: string, other: string) {
  const program = join(temporaryDirectory("swap"), "swap");
  writeProgram(program, [
    call("die with the test", "prctl", [PR_SET_PDEATHSIG, SIGNALS.SIGKILL, 0, 0, 0]),
    label("again"),
    call("swap", "renameat2", [AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE]),
    jump("again"),
  ]);
  return Bun.spawn([program], { stdio: ["ignore", "ignore", "inherit"] });
}

/** /swap/a is a directory of the root, /swap/b a symlink to `outside`: or the other way round. */
function setTrap(root: string, outside: string) {
  mkdirSync(join(root, "swap/a/deep"), { recursive: true });
  symlinkSync(outside, join(root, "swap/b"));
  return swap(join(root, "swap/a"), join(root, "swap/b"));
}

const racing = testUnless(anyReason(lacksHutch(), lacksBusybox(), lacksRoot()));

racing(
  `${CONTAINERS} containers start while their mount points are swapped for symlinks, and none reaches the host`,
  async () => {
    const root = await rootfs();
    const outside = makeOutside();
    mkdirSync(join(root, outside, "deep"), { recursive: true });
    const before = treeOf(outside);
    const swapper = setTrap(root, outside);
    const picture = hostBefore();
    const options = [
      ...["--tmpfs", "/swap/a/deep", "--bind", "/etc:/swap/a/etc", "--bind", "/etc/hostname:/swap/a/name"],
      ...["--tmpfs", "/swap/a/made/new", "--workdir", "/swap/a/work"],
    ];
    const script = "cd / && touch /swap/a/deep/mark 2>/dev/null; pwd; cat /proc/self/mountinfo";
    const results = [];
    for (let index = 0; index < CONTAINERS; index += AT_ONCE) {
      const batch = Array.from({ length: AT_ONCE }, () =>
        hutch(["in", ...options, root, "sh", "-c", script]),
      );
      results.push(...(await Promise.all(batch)));
    }
    swapper.kill("SIGKILL");
    await swapper.exited;
    // What may go wrong is the start: a place that was there a moment ago is gone.
    const failed = results.filter(({ code }) => code !== 0);
    for (const { stderr } of failed) expect(stderr).toMatch(/^hutch: .*(\/swap\/a|working directory)/);
    expect(results.length - failed.length).toBeGreaterThan(0);
    expect(treeOf(outside)).toEqual(before);
    expect(await leftBehind(picture)).toEqual([]);
  },
  60_000,
);

racing("the same race leads a naive mkdir out of the root", async () => {
  const root = await rootfs();
  const outside = makeOutside();
  const swapper = setTrap(root, outside);
  const end = performance.now() + 20_000;
  const escaped = (): boolean => treeOf(outside).some((line) => line.startsWith("naive"));
  while (!escaped() && performance.now() < end) {
    try {
      mkdirSync(join(root, "swap/a/naive"), { recursive: true });
      rmSync(join(root, "swap/a/naive"), { recursive: true, force: true });
    } catch {
      // lost the race this time
    }
  }
  swapper.kill("SIGKILL");
  await swapper.exited;
  expect(escaped()).toBe(true);
});
