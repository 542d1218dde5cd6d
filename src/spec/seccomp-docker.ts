/** Docker's seccomp profile format (`--security-opt seccomp=FILE`): OCI's, with rules that may not apply. */
import * as v from "valibot";
import { type Arch, OCI_ARCH } from "../linux/arch.ts";
import { HutchError } from "../linux/error.ts";
import { problemText, specError } from "./error.ts";
import { issueProblem } from "./issue.ts";
import {
  list,
  object,
  oneOf,
  optional,
  optionalText,
  optionalTexts,
  optionalU32,
  u32,
  u64,
} from "./schema.ts";
import {
  SECCOMP_ACTIONS,
  SECCOMP_ARCHITECTURES,
  SECCOMP_FLAGS,
  SECCOMP_OPERATORS,
  type Seccomp,
  type SeccompArchitecture,
  type SeccompSyscall,
} from "./seccomp.ts";

const schema = () => {
  const action = oneOf(SECCOMP_ACTIONS);
  const architecture = oneOf(SECCOMP_ARCHITECTURES);
  const filter = object({ caps: optionalTexts, arches: optionalTexts, minKernel: optionalText });
  const argument = object({ index: u32, value: u64, valueTwo: optional(u64), op: oneOf(SECCOMP_OPERATORS) });
  const syscall = object({
    /** Before Docker 1.14: one name a rule. */
    name: optionalText,
    names: optionalTexts,
    action,
    errnoRet: optionalU32,
    args: optional(list(argument)),
    includes: optional(filter),
    excludes: optional(filter),
  });
  return object({
    defaultAction: action,
    defaultErrnoRet: optionalU32,
    architectures: optional(list(architecture)),
    archMap: optional(list(object({ architecture, subArchitectures: optional(list(architecture)) }))),
    flags: optional(list(oneOf(SECCOMP_FLAGS))),
    listenerPath: optionalText,
    listenerMetadata: optionalText,
    syscalls: optional(list(syscall)),
  });
};

type DockerSyscall = NonNullable<v.InferOutput<ReturnType<typeof schema>>["syscalls"]>[number];
type Filter = NonNullable<DockerSyscall["includes"]>;

/** Docker's profiles say null where nothing is meant; so does Go when it writes them. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([, field]) => field !== null);
  return Object.fromEntries(entries.map(([key, field]) => [key, withoutNulls(field)]));
}

/** "6.1.0-13-amd64" and "4.8" as [6, 1] and [4, 8]. */
function version(text: string, operation: string): readonly [number, number] {
  const match = /^(\d+)\.(\d+)/.exec(text);
  if (match === null) throw new HutchError({ operation, reason: `"${text}" is not a kernel version` });
  return [Number(match[1]), Number(match[2])];
}

interface Host {
  readonly capabilities: readonly string[];
  /** GOARCH, as Docker's profiles name architectures. */
  readonly arch: string;
  readonly kernel: readonly [number, number];
}

const isEmpty = (words: readonly string[] | undefined) => words === undefined || words.length === 0;

function isAtLeast(kernel: Host["kernel"], least: string, path: string): boolean {
  const [major, minor] = version(least, `${path}.minKernel`);
  return kernel[0] > major || (kernel[0] === major && kernel[1] >= minor);
}

/** Includes ask for all their capabilities, one of their architectures, and the kernel. */
function includes(filter: Filter, host: Host, path: string): boolean {
  if (!isEmpty(filter.arches) && filter.arches?.includes(host.arch) !== true) return false;
  if (filter.caps?.some((name) => !host.capabilities.includes(name)) === true) return false;
  return !filter.minKernel || isAtLeast(host.kernel, filter.minKernel, path);
}

/** Any one match excludes. */
function excludes(filter: Filter, host: Host, path: string): boolean {
  if (filter.arches?.includes(host.arch) === true) return true;
  if (filter.caps?.some((name) => host.capabilities.includes(name)) === true) return true;
  return Boolean(filter.minKernel) && isAtLeast(host.kernel, filter.minKernel ?? "", path);
}

function toOci(rule: DockerSyscall, path: string): SeccompSyscall {
  const { name, names = [], includes: _in, excludes: _ex, ...rest } = rule;
  if (name && names.length > 0) {
    throw new HutchError({ operation: path, reason: "has both `name` and `names`" });
  }
  const all = name ? [name] : names;
  if (all.length === 0) throw new HutchError({ operation: path, reason: "names no system call" });
  return { ...rest, names: all };
}

const MAIN_ARCHITECTURE = {
  x86_64: "SCMP_ARCH_X86_64",
  aarch64: "SCMP_ARCH_AARCH64",
} as const satisfies Record<Arch, SeccompArchitecture>;

/**
 * Reads a profile file, Docker's or OCI's own format, for a container with these capabilities (its bounding
 * set) on a machine of this architecture and kernel ("6.1.0-13-amd64"). `name` is the file's, for errors.
 * Throws HutchError that names every field that is wrong.
 */
export function fromDockerProfile(
  json: unknown,
  capabilities: readonly string[],
  arch: Arch,
  kernelVersion: string,
  name = "seccomp profile",
): Seccomp {
  const result = v.safeParse(schema(), withoutNulls(json));
  if (!result.success) {
    throw specError(
      name,
      result.issues.map((issue) => problemText(issueProblem(issue))),
    );
  }
  const { archMap = [], architectures = [], syscalls = [], ...rest } = result.output;
  if (archMap.length > 0 && architectures.length > 0) {
    throw new HutchError({ operation: name, reason: "has both `archMap` and `architectures`" });
  }
  const host: Host = { capabilities, arch: OCI_ARCH[arch], kernel: version(kernelVersion, "kernel version") };
  const mapped = archMap.find((entry) => entry.architecture === MAIN_ARCHITECTURE[arch]);
  return {
    ...rest,
    architectures:
      mapped === undefined ? architectures : [mapped.architecture, ...(mapped.subArchitectures ?? [])],
    syscalls: syscalls.flatMap((rule, place) => {
      const path = `${name}: syscalls[${place}]`;
      if (rule.excludes !== undefined && excludes(rule.excludes, host, `${path}.excludes`)) return [];
      if (rule.includes !== undefined && !includes(rule.includes, host, `${path}.includes`)) return [];
      return [toOci(rule, path)];
    }),
  };
}
