#!/usr/bin/env node
// `npm start`: installs and builds what is missing, and runs a real container that shows what it is.
// `npm start -- ARGUMENTS`: runs hutch with these arguments instead, from the caller's directory.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { become, bootstrap, root } from "./bootstrap.mjs";

const build = spawnSync(bootstrap(), ["scripts/build.ts", "--quiet"], { cwd: root, stdio: ["ignore", 2, 2] });
if (build.status !== 0) process.exit(1);

/** Limits need a cgroup, which an ordinary user seldom owns. */
const limits = process.getuid() === 0 ? ["--memory", "64m", "--pids", "20", "--cpus", "0.5"] : [];

function demonstration() {
  const script = ["--bind", "scripts/demo.sh:/run/demo.sh:ro"];
  const words = ["in", "--hostname", "box", ...limits, ...script, "/", "--", "sh", "/run/demo.sh"];
  process.stdout.write(`$ dist/hutch ${words.join(" ")}\n`);
  return words;
}

const args = process.argv.slice(2);
if (args.length === 0) become(join(root, "dist/hutch"), demonstration(), { cwd: root });
else become(join(root, "dist/hutch"), args, { cwd: process.env.INIT_CWD ?? process.cwd() });
