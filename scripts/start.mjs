#!/usr/bin/env node
// `npm start -- ARGUMENTS`: installs and builds what is missing, then runs hutch from the caller's directory.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { become, bootstrap, root } from "./bootstrap.mjs";

const build = spawnSync(bootstrap(), ["scripts/build.ts", "--quiet"], { cwd: root, stdio: ["ignore", 2, 2] });
if (build.status !== 0) process.exit(1);
const args = process.argv.slice(2);
become(join(root, "dist/hutch"), args.length > 0 ? args : ["--help"], {
  cwd: process.env.INIT_CWD ?? process.cwd(),
});
