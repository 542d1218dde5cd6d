/** Loaded before every test file (bunfig.toml). */
import { afterAll } from "bun:test";
import { removeTemporaryDirectories } from "./temporary.ts";

afterAll(removeTemporaryDirectories);
