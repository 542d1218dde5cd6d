/** Small root directories for containers, made of one static busybox. */
import {
  accessSync,
  chmodSync,
  constants,
  copyFileSync,
  linkSync,
  mkdirSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { SkipReason } from "./skip.ts";
import { temporaryDirectory } from "./temporary.ts";

const BUSYBOX = ["/usr/bin/busybox", "/bin/busybox"];
const DIRECTORIES = ["bin", "dev", "etc", "home", "proc", "root", "run", "sys", "usr", "var"];

/** The program interpreter of an ELF file stands in it as text; a static program has none. */
function isStatic(path: string): boolean {
  const file = Bun.spawnSync(["grep", "-qaF", "/ld-", path]);
  return file.exitCode === 1;
}

export function findBusybox(): string | undefined {
  return BUSYBOX.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return isStatic(path);
    } catch {
      return false;
    }
  });
}

export function lacksBusybox(): SkipReason {
  return findBusybox() === undefined ? "needs busybox-static" : undefined;
}

/**
 * Makes a root directory: busybox with a link for each of its programs in bin, passwd and group with root,
 * app (1000) and nobody (65534), and the usual empty directories. It is removed after the last test.
 */
export async function rootfs(directory = temporaryDirectory("rootfs")): Promise<string> {
  const busybox = findBusybox();
  if (busybox === undefined) throw new Error("rootfs: no static busybox; hint: skip by lacksBusybox()");
  for (const name of DIRECTORIES) mkdirSync(join(directory, name), { recursive: true });
  mkdirSync(join(directory, "tmp"), { recursive: true });
  chmodSync(join(directory, "tmp"), 0o1777);
  copyFileSync(busybox, join(directory, "bin/busybox"));
  chmodSync(join(directory, "bin/busybox"), 0o755);
  const { stdout } = Bun.spawnSync([busybox, "--list"]);
  for (const applet of stdout.toString().split("\n")) {
    if (applet !== "" && applet !== "busybox")
      linkSync(join(directory, "bin/busybox"), join(directory, "bin", applet));
  }
  symlinkSync("bin", join(directory, "sbin"));
  symlinkSync("../bin", join(directory, "usr/bin"));
  symlinkSync("../bin", join(directory, "usr/sbin"));
  const users = ["root:x:0:0:root:/root", "app:x:1000:1000:app:/home", "nobody:x:65534:65534:nobody:/"];
  writeFileSync(join(directory, "etc/passwd"), users.map((user) => `${user}:/bin/sh\n`).join(""));
  writeFileSync(join(directory, "etc/group"), "root:x:0:\nwheel:x:10:app\napp:x:1000:\nnogroup:x:65534:\n");
  return directory;
}
