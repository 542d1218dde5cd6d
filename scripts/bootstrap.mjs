#!/usr/bin/env node
// Plain Node without dependencies, because in a fresh clone there is nothing else: installs what
// package-lock.json names when node_modules does not match it, and runs Bun with the given arguments.
// Says nothing when there is nothing to install.
import { spawn, spawnSync } from "node:child_process";
import { accessSync, closeSync, constants, openSync, readdirSync, readFileSync, readSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** The packages of a lockfile by path, or nothing when the file is missing or damaged. */
function lockedPackages(file) {
  try {
    return JSON.parse(readFileSync(join(root, file), "utf8")).packages;
  } catch {
    return undefined;
  }
}

/** Whether node_modules holds what package-lock.json names; npm notes what it installed beside it. */
function isInstalled() {
  const installed = lockedPackages("node_modules/.package-lock.json");
  const wanted = lockedPackages("package-lock.json");
  if (installed === undefined || wanted === undefined) return false;
  const paths = Object.keys(wanted).filter((path) => path !== "");
  return (
    paths.every((path) => wanted[path].optional || installed[path]?.version === wanted[path].version) &&
    Object.keys(installed).every((path) => wanted[path]?.version === installed[path].version)
  );
}

function install() {
  process.stderr.write("installing dependencies (npm ci)\n");
  // The npm that started this script is the one to use; its path is a JavaScript file.
  const { npm_execpath: npm } = process.env;
  const [command, ...first] = npm?.endsWith(".js") ? [process.execPath, npm] : ["npm"];
  const args = [...first, "ci", "--include=dev", "--include=optional", "--no-audit", "--no-fund"];
  const done = spawnSync(command, args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  if (done.status === 0) return;
  process.stderr.write(`${done.stdout ?? ""}${done.stderr ?? ""}${done.error?.message ?? ""}\n`);
  process.stderr.write(
    "npm ci failed; hint: it needs the network once, to fetch what package-lock.json names\n",
  );
  process.exit(1);
}

/** An executable ELF file; the npm package `bun` holds a text file there until its postinstall script ran. */
function isProgram(file) {
  try {
    accessSync(file, constants.X_OK);
    const magic = Buffer.alloc(4);
    const fd = openSync(file, "r");
    readSync(fd, magic);
    closeSync(fd);
    return magic.toString("latin1") === "\x7fELF";
  } catch {
    return false;
  }
}

/** The path of Bun: where the postinstall script puts it, or in the package of this architecture. */
function findBun() {
  const architecture = process.arch === "arm64" ? "aarch64" : process.arch;
  const scope = join(root, "node_modules/@oven");
  let packages = [];
  try {
    packages = readdirSync(scope).filter((name) => name.startsWith(`bun-linux-${architecture}`));
  } catch {
    // no such directory: only the usual place is left
  }
  const places = [
    join(root, "node_modules/.bin/bun"),
    ...packages.map((name) => join(scope, name, "bin/bun")),
  ];
  return places
    .filter(isProgram)
    .find((file) => spawnSync(file, ["--version"], { stdio: "ignore" }).status === 0);
}

/** Installs what is missing and returns the path of Bun. */
export function bootstrap() {
  if (!isInstalled()) install();
  const bun = findBun();
  if (bun !== undefined) return bun;
  process.stderr.write("bun: no program in node_modules runs on this machine; hint: rm -r node_modules\n");
  process.exit(1);
}

/** Runs a command in the foreground with our signals and ends as it ends. */
export function become(command, args, options = {}) {
  const child = spawn(command, args, { stdio: "inherit", ...options });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => {
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  });
  child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const bun = bootstrap();
  const args = process.argv.slice(2);
  if (args.length > 0) become(bun, args, { cwd: root });
}
