/** Bun for aarch64, for unit tests on such a machine: unpacked below dist/, never installed. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import lock from "../package-lock.json" with { type: "json" };
import { BUN_DIRECTORY } from "../test/support/vm/bun.ts";
import { fetchInto, fetchScript, foreign } from "./kernel.ts";

const NAME = "@oven/bun-linux-aarch64";
const LIBRARIES = ["libc", "libdl", "libm", "libpthread", "ld-linux-aarch64"];

/** What the lockfile says, as sha512sum writes it. */
const checksum = (integrity: string): string =>
  Buffer.from(integrity.replace("sha512-", ""), "base64").toString("hex");

function script(work: string): string {
  const { version, integrity } = lock.packages[`node_modules/${NAME}`];
  const patterns = LIBRARIES.map((name) => `./lib/aarch64-linux-gnu/${name}.so.*`);
  return `set -e
    npm pack --silent ${NAME}@${version} >/dev/null
    echo "${checksum(integrity)} " *.tgz | sha512sum --quiet -c
    tar -xzf *.tgz
    rm *.tgz
    mkdir -p lists/partial cache/archives/partial
    apt-get ${foreign("arm64", work)} update -qq
    ${fetchScript(foreign("arm64", work), "libc6", patterns)}
    rm -r lists cache`;
}

/** Fetches it unless it is there; returns what installPackages does. */
export const installForeignBun = (): string[] =>
  existsSync(join(BUN_DIRECTORY, "complete")) ? [] : fetchInto(BUN_DIRECTORY, NAME, script);
