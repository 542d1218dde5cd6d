/** Loaded before every test file (bunfig.toml). */
import { afterAll } from "bun:test";
import { removeTemporaryDirectories } from "./temporary.ts";

afterAll(removeTemporaryDirectories);

// No test depends on what an earlier one has started, and nothing is kept on the host.
process.env["HUTCH_CACHE"] ??= "off";
