import { readFileSync } from "node:fs";

const UNIFIED = "/sys/fs/cgroup/unified";
const MARK = "HUTCH_BENCH_PRIVATE";

function hasControllers(): boolean {
  try {
    return readFileSync(`${UNIFIED}/cgroup.controllers`, "utf8").trim() !== "";
  } catch {
    return false;
  }
}

/**
 * crun refuses a host whose controllers are spread over both cgroup versions. There, runs this program again
 * in a mount namespace of its own that shows version 1 alone, to all that is compared, and returns its exit
 * code; returns undefined where the program can go on as it is.
 */
export function runInPrivate(): number | undefined {
  if (process.env[MARK] !== undefined || process.getuid?.() !== 0 || !hasControllers()) return undefined;
  // crun makes a directory there all the same: it is to go with the namespace.
  const script = `umount ${UNIFIED} && mount -t tmpfs hutch-bench ${UNIFIED} && exec "$@"`;
  const command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh"];
  const again = Bun.spawnSync([...command, process.execPath, ...process.argv.slice(1)], {
    env: { ...process.env, [MARK]: "1" },
    stdio: ["ignore", "inherit", "inherit"],
  });
  return again.exitCode;
}
