/**
 * Values of options: words of a command line to what the spec holds. Each throws a HutchError naming the
 * option.
 */
import { CAPABILITIES, capabilityNumber } from "../linux/capability.ts";
import { NAMESPACES, type NamespaceType } from "../linux/namespace.ts";
import { RLIM_INFINITY, RLIMITS, type RlimitName } from "../linux/resource.ts";
import type { IdMapping, Mount, Rlimit } from "../spec/spec.ts";
import { nearest } from "./nearest.ts";
import { parseWhole, refuse } from "./number.ts";

const LEAST_MEMORY = 2 ** 20;

const UNITS: Readonly<Record<string, number>> = { "": 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

/** "64m", "1.5G", "65536": bytes, units of 1024. */
export function parseBytes(option: string, text: string): number {
  const [, digits, unit = ""] = /^(\d+(?:\.\d+)?)([kmgt]?)(?:i?b)?$/i.exec(text) ?? [];
  const factor = UNITS[unit.toLowerCase()];
  if (digits === undefined || factor === undefined) return refuse(option, text, "a size such as 64m or 1.5g");
  const size = Math.round(Number(digits) * factor);
  // Nothing starts in less; who writes 64 means 64m.
  return size >= LEAST_MEMORY ? size : refuse(option, text, "at least 1m, such as 64m");
}

/** "0.5": processors, as quota and period in microseconds (cfs_quota_us, cpu.max). */
export function parseCpus(option: string, text: string): { quota: number; period: number } {
  const cpus = /^\d+(\.\d+)?$/.test(text) ? Number(text) : 0;
  const period = 100_000;
  // The kernel's least quota is 1 ms.
  return cpus >= 0.01
    ? { quota: Math.round(cpus * period), period }
    : refuse(option, text, "a number of processors of at least 0.01, such as 0.5 or 2");
}

/** "0-3,8": a list of processors (cpuset(7), "List format"). */
export const parseCpuList = (option: string, text: string): string =>
  /^\d+(-\d+)?(,\d+(-\d+)?)*$/.test(text)
    ? text
    : refuse(option, text, "numbers of processors such as 0-3,8");

const DURATIONS: Readonly<Record<string, number>> = { ms: 0.001, "": 1, s: 1, m: 60, h: 3600, d: 86_400 };

/** "30", "1.5m", "200ms": seconds. */
export function parseSeconds(option: string, text: string): number {
  const [, digits, unit = ""] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/.exec(text) ?? [];
  const seconds = Number(digits) * (DURATIONS[unit] ?? 0);
  return seconds > 0 ? seconds : refuse(option, text, "a time such as 30, 1.5m or 200ms");
}

const LAST_ID = 4_294_967_294;

const parseId = (option: string, text: string, whole: string): number => {
  const id = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  return id <= LAST_ID ? id : refuse(option, whole, "numbers from 0 to 4294967294; names are not looked up");
};

/** "1000" or "1000:100". */
export function parseUser(option: string, text: string): { uid: number; gid: number | undefined } {
  const [uid = "", gid, ...more] = text.split(":");
  if (more.length > 0) return refuse(option, text, "UID[:GID]");
  return { uid: parseId(option, uid, text), gid: gid === undefined ? undefined : parseId(option, gid, text) };
}

/** "0:100000:65536": container id, host id, count. */
export function parseMap(option: string, text: string): IdMapping {
  const parts = text.split(":");
  const [containerID, hostID, size] =
    parts.length === 3 ? parts.map((part) => parseId(option, part, text)) : [];
  if (containerID === undefined || hostID === undefined || size === undefined) {
    return refuse(option, text, "CONTAINER:HOST:COUNT such as 0:100000:65536");
  }
  return { containerID, hostID, size };
}

const ONE_CAPABILITY = "a capability such as NET_ADMIN, or all; for several the option is repeated";

/** A capability by name in any case, with or without CAP_, or "all". */
export function parseCapability(option: string, text: string): readonly string[] {
  if (text.toLowerCase() === "all") return CAPABILITIES;
  const name = CAPABILITIES[capabilityNumber(text) ?? -1];
  if (name !== undefined) return [name];
  const plain = CAPABILITIES.map((each) => each.slice("CAP_".length));
  const near = nearest(text.replace(/^cap_/i, ""), plain);
  return refuse(option, text, near === undefined ? ONE_CAPABILITY : `CAP_${near}?`);
}

/** --share and --join name namespaces by the OCI name, or the name in /proc/PID/ns. */
export function parseNamespace(
  option: string,
  text: string,
  told: (type: NamespaceType) => boolean = () => true,
): NamespaceType {
  const kind = NAMESPACES.find(({ type, file }) => type === text || file === text);
  if (kind !== undefined) return kind.type;
  const names = NAMESPACES.filter(({ type }) => told(type)).map(({ file }) => file);
  const near = nearest(text, names);
  return refuse(option, text, near === undefined ? `one of ${names.join(", ")}` : `${near}?`);
}

/** "nofile=1024:4096", "nproc=64", "core=unlimited". */
export function parseRlimit(option: string, text: string): Rlimit {
  const [, word = "", soft = "", hard = soft] = /^(\w+)=([^:]+)(?::(.+))?$/.exec(text) ?? [];
  const type = `RLIMIT_${word.toUpperCase().replace(/^RLIMIT_/, "")}`;
  const known = (name: string): name is RlimitName => Object.hasOwn(RLIMITS, name);
  if (!known(type)) {
    const names = Object.keys(RLIMITS).map((name) => name.slice("RLIMIT_".length).toLowerCase());
    return refuse(option, text, `NAME=SOFT[:HARD] with a name of ${names.join(", ")}`);
  }
  const value = (each: string): number | bigint => {
    if (each === "unlimited") return RLIM_INFINITY;
    return /^\d+$/.test(each)
      ? parseWhole(option, each)
      : refuse(option, text, "whole numbers, or unlimited");
  };
  const limit = { type, soft: value(soft), hard: value(hard) };
  return limit.soft <= limit.hard ? limit : refuse(option, text, "a SOFT of at most HARD");
}

/** "SRC:DEST[:OPTION,…]": a bind mount of all that is below SRC; ro is recursive. */
export function parseBind(option: string, text: string): Mount & { source: string } {
  const [source = "", destination = "", words, ...more] = text.split(":");
  // Of --mount and -o others know a comma: the directory of such a name would not be what was meant.
  const isWordy = /,(ro|rw|readonly)$/.test(destination);
  if (source === "" || !destination.startsWith("/") || isWordy || more.length > 0) {
    return refuse(option, text, "SOURCE:DESTINATION[:ro] with an absolute destination");
  }
  const options = (words ?? "").split(",").filter((word) => word !== "");
  const own = options.map((word) => (word === "ro" ? "rro" : word === "rw" ? "rrw" : word));
  return {
    destination,
    source,
    type: "bind",
    options: ["rbind", "nosuid", "nodev", ...own.filter((word) => word !== "rrw")],
  };
}

/** "DEST[:OPTION,…]". */
export function parseTmpfs(option: string, text: string): Mount {
  const colon = text.indexOf(":");
  const destination = colon < 0 ? text : text.slice(0, colon);
  if (!destination.startsWith("/"))
    return refuse(option, text, "DESTINATION[:options] with an absolute path");
  const own = colon < 0 ? [] : text.slice(colon + 1).split(",");
  const size = own.find((word) => /^\d+[kmg%]?$/i.test(word));
  if (size !== undefined) return refuse(option, text, `options such as size=${size}`);
  const mode = own.some((word) => word.startsWith("mode=")) ? [] : ["mode=1777"];
  return {
    destination,
    source: "tmpfs",
    type: "tmpfs",
    options: ["nosuid", "nodev", ...mode, ...own.filter((word) => word !== "")],
  };
}

/** "NAME=VALUE". */
export function parsePair(
  option: string,
  text: string,
  expected = "NAME=VALUE",
): [name: string, value: string] {
  const equals = text.indexOf("=");
  return equals > 0 ? [text.slice(0, equals), text.slice(equals + 1)] : refuse(option, text, expected);
}

/** The namespace that is meant by a word that is no path: a process's, or one that ip-netns(8) has named. */
function namespacePath(file: string, word: string): string {
  if (/^\d+$/.test(word)) return `/proc/${word}/ns/${file}`;
  return file === "net" && /^[^/]+$/.test(word) ? `/run/netns/${word}` : `/proc/PID/ns/${file}`;
}

/** "net=/run/netns/blue". */
export function parseJoin(option: string, text: string): [type: NamespaceType, path: string] {
  const [word, path] = parsePair(option, text, "NAMESPACE=PATH such as net=/run/netns/blue");
  const type = parseNamespace(option, word);
  if (path.startsWith("/")) return [type, path];
  const file = NAMESPACES.find((each) => each.type === type)?.file ?? word;
  return refuse(option, text, `an absolute path such as ${word}=${namespacePath(file, path)}`);
}
