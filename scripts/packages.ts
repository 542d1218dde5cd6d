/** Debian packages that tests and benchmarks compare with or look through. */
import { existsSync } from "node:fs";

/** What apt is told: no questions, no recommended packages, no long wait for a network that is not there. */
const OPTIONS = [
  "-y",
  "-qq",
  "--no-install-recommends",
  "-o",
  "Acquire::Retries=1",
  "-o",
  "Acquire::http::Timeout=20",
  "-o",
  "DPkg::Lock::Timeout=60",
];

function quietly(command: readonly string[]): string | undefined {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const done = Bun.spawnSync([...command], { env, stdin: "ignore", stderr: "pipe", timeout: 300_000 });
  return done.success ? undefined : done.stderr.toString().trim().split("\n").at(-1) || "failed";
}

function isInstalled(name: string): boolean {
  const query = Bun.spawnSync(["dpkg-query", "-s", name], { stderr: "ignore" });
  return query.stdout.toString().includes("\nStatus: install ok installed\n");
}

/**
 * Why packages with a service in them are not installed here, if so: systemd would start a daemon for the
 * whole machine, which a test may not do to its user.
 */
export function refusesServices(): string | undefined {
  if (!existsSync("/run/systemd/system") || existsSync("/usr/sbin/policy-rc.d")) return undefined;
  return "not installed by itself, because systemd would start its service";
}

/** Installs packages with services; returns what could not be installed, as installPackages does. */
export function installEngines(names: readonly string[]): string[] {
  const reason = refusesServices();
  if (reason === undefined) return installPackages(names);
  return names.filter((name) => !isInstalled(name)).map((name) => `${name}: ${reason}`);
}

/**
 * Installs what is missing of these packages. Returns what could not be installed, one line with a reason
 * each; never throws, because what needs a package can be left out.
 */
export function installPackages(names: readonly string[]): string[] {
  if (Bun.which("dpkg-query") === null || Bun.which("apt-get") === null) return ["no packages: needs apt"];
  const missing = names.filter((name) => !isInstalled(name));
  if (missing.length === 0) return [];
  if (process.getuid?.() !== 0) return missing.map((name) => `${name}: not installed, and we are not root`);
  console.error(`installing Debian packages: ${missing.join(" ")}`);
  const install = (packages: readonly string[]) => quietly(["apt-get", "install", ...OPTIONS, ...packages]);
  if (install(missing) === undefined) return [];
  const offline = quietly(["apt-get", "update", "-qq", ...OPTIONS.slice(3)]);
  if (install(missing) === undefined) return [];
  // One by one, so that a package this Debian does not have costs only itself.
  return missing.flatMap((name) => {
    const reason = offline ?? install([name]);
    return reason === undefined ? [] : [`${name}: ${reason}`];
  });
}
