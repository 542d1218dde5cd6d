/** Bun for a machine of aarch64, with its libc, where scripts/foreign-bun.ts has unpacked them. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { SkipReason } from "../skip.ts";
import { ROOT } from "../source.ts";
import type { Content } from "./initramfs.ts";

/** Of the version that runs here. */
export const BUN_DIRECTORY = join(ROOT, "dist/vm", `bun-arm64-${Bun.version}`);

const LIBRARIES = "lib/aarch64-linux-gnu";

export const lacksForeignBun = (): SkipReason =>
  existsSync(join(BUN_DIRECTORY, "complete")) ? undefined : "needs @oven/bun-linux-aarch64";

/** What a machine is given so that it has /usr/bin/bun. */
export const foreignBunFiles = (): Record<string, Content> => ({
  "/usr/bin/bun": { program: join(BUN_DIRECTORY, "package/bin/bun") },
  [`/${LIBRARIES}`]: { from: join(BUN_DIRECTORY, LIBRARIES) },
  "/lib/ld-linux-aarch64.so.1": { link: `/${LIBRARIES}/ld-linux-aarch64.so.1` },
});
