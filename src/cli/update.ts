/** hutch update: new limits for a container. */
import { checking } from "../cgroup/update.ts";
import { digestOfRules } from "../container/draft.ts";
import { load, requireStatus } from "../container/state.ts";
import { hold, type Record as Written, write } from "../container/store.ts";
import { completeResources, updateLimits } from "../container/update.ts";
import { readAll, readText } from "../host/fd.ts";
import { HutchError } from "../linux/error.ts";
import { refuse } from "../options/number.ts";
import { parseBytes } from "../options/value.ts";
import { parseJson } from "../spec/json.ts";
import { parseResources } from "../spec/parse.ts";
import type { Resources } from "../spec/resources.ts";
import type { Globals } from "./globals.ts";
import { oneId } from "./one-id.ts";
import { type Command, type Given, has, last, type Option, readOptions, usageError } from "./option.ts";
import { warn } from "./output.ts";

type Value = number | string;

interface Limit extends Option {
  /** Where linux.resources has it. */
  readonly path: readonly [object: string, field: string];
  readonly read: (option: string, text: string) => Value;
}

const whole = (option: string, text: string): number => {
  const number = /^-?\d+$/.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(number) ? number : refuse(option, text, "a whole number");
};
const bytes = (option: string, text: string): number =>
  /^(-1|0)$/.test(text) ? Number(text) : parseBytes(option, text);
const asText = (_: string, text: string): string => text;

/** The flags of runc's update. */
const LIMITS: readonly Limit[] = [
  {
    name: "memory",
    value: "BYTES",
    path: ["memory", "limit"],
    read: bytes,
    help: "most memory; -1 is no limit",
  },
  {
    name: "memory-reservation",
    value: "BYTES",
    path: ["memory", "reservation"],
    read: bytes,
    help: "memory to be left to the container when it is short",
  },
  {
    name: "memory-swap",
    value: "BYTES",
    path: ["memory", "swap"],
    read: bytes,
    help: "most memory and swap together",
  },
  {
    name: "cpu-period",
    value: "MICROSECONDS",
    path: ["cpu", "period"],
    read: whole,
    help: "the time that the quota is a share of",
  },
  {
    name: "cpu-quota",
    value: "MICROSECONDS",
    path: ["cpu", "quota"],
    read: whole,
    help: "processor time in each period; -1 is no limit",
  },
  {
    name: "cpu-share",
    value: "NUMBER",
    path: ["cpu", "shares"],
    read: whole,
    help: "weight among other cgroups, of 1024 by default",
  },
  {
    name: "pids-limit",
    value: "NUMBER",
    path: ["pids", "limit"],
    read: whole,
    help: "most processes; -1 is no limit",
  },
  {
    name: "cpu-burst",
    value: "MICROSECONDS",
    path: ["cpu", "burst"],
    read: whole,
    help: "processor time that may be saved up, beside the quota",
  },
  {
    name: "cpu-idle",
    value: "0|1",
    path: ["cpu", "idle"],
    read: whole,
    help: "1: only when nothing else wants to run",
  },
  {
    name: "cpu-rt-period",
    value: "MICROSECONDS",
    path: ["cpu", "realtimePeriod"],
    read: whole,
    help: "the time that the real-time runtime is a share of (cgroup v1)",
  },
  {
    name: "cpu-rt-runtime",
    value: "MICROSECONDS",
    path: ["cpu", "realtimeRuntime"],
    read: whole,
    help: "real-time processor time in each period (cgroup v1)",
  },
  {
    name: "cpuset-cpus",
    value: "LIST",
    path: ["cpu", "cpus"],
    read: asText,
    help: "the processors to run on, e.g. 0-3,8",
  },
  {
    name: "cpuset-mems",
    value: "LIST",
    path: ["cpu", "mems"],
    read: asText,
    help: "the memory nodes to use",
  },
  {
    name: "blkio-weight",
    value: "NUMBER",
    path: ["blockIO", "weight"],
    read: whole,
    help: "weight among other cgroups on block devices, 10 to 1000",
  },
  {
    name: "kernel-memory",
    value: "BYTES",
    path: ["memory", "kernel"],
    read: bytes,
    help: "ignored: Linux has no such limit any more",
  },
  {
    name: "kernel-memory-tcp",
    value: "BYTES",
    path: ["memory", "kernelTCP"],
    read: bytes,
    help: "most memory for buffers of sockets (cgroup v1)",
  },
];

/** Of runc too; refused as linux.intelRdt is. */
const NOT_YET: readonly Option[] = [
  { name: "l3-cache-schema", value: "SCHEMA", help: "not supported yet (linux.intelRdt)" },
  { name: "mem-bw-schema", value: "SCHEMA", help: "not supported yet (linux.intelRdt)" },
];

export const command: Command = {
  name: "update",
  summary: "change the limits of a container",
  usage: "[OPTIONS] ID",
  options: [
    {
      name: "resources",
      short: "r",
      value: "FILE|-",
      help: "limits as linux.resources of config.json has them; - is standard input",
    },
    ...LIMITS.map(({ name, value = "", help }) => ({ name, value, help })),
    ...NOT_YET,
  ],
  stopsAtWord: false,
  examples: [
    ["hutch update --memory 64m --pids-limit 20 box", "some limits"],
    ["hutch update -r - box < resources.json", "limits as engines write them"],
  ],
  notes: [
    "Either all limits are changed, or none. A limit that is not given stays as it is. Device rules, which --resources may have, take the place of all that were there.",
  ],
};

const STDIN = 0;

function fileOf(given: Given): unknown {
  const path = last(given, "resources");
  if (path === undefined) return {};
  const text = path === "-" ? new TextDecoder().decode(readAll(STDIN, "standard input")) : readText(path);
  return parseJson(text, path === "-" ? "standard input" : path);
}

/** The limits of the flags, as linux.resources would have them; undefined when there are none. */
function flagsOf(given: Given): Record<string, Record<string, Value>> | undefined {
  const resources: Record<string, Record<string, Value>> = {};
  for (const { name, path, read } of LIMITS) {
    const text = last(given, name);
    if (text === undefined || text === "") continue;
    const [object, field] = path;
    resources[object] = { ...resources[object], [field]: read(name, text) };
  }
  return Object.keys(resources).length > 0 ? resources : undefined;
}

/** Who has to hear of the limits beside the kernel: systemd, where it has made the cgroup. */
async function listenerOf({ unit }: Written): Promise<Parameters<typeof updateLimits>[3]> {
  if (unit === undefined) return undefined;
  const { updateUnit } = await import("../container/unit.ts");
  return (resources, version) => updateUnit(unit, resources, version);
}

export async function run(argv: readonly string[], { root }: Globals): Promise<void> {
  const given = readOptions(command, argv);
  const id = oneId(given);
  if (given.values.size === 0)
    throw usageError("update", "expected a limit, or --resources", `hutch update --memory 64m ${id}`);
  for (const { name } of NOT_YET) {
    if (has(given, name))
      throw new HutchError({ operation: `update --${name}`, reason: "not supported yet" });
  }
  const flags = flagsOf(given);
  if (has(given, "resources") && flags !== undefined) {
    throw usageError("update", "expected --resources or single limits, not both");
  }
  const held = hold(root, id);
  const container = load(root, id);
  requireStatus(container, "update", "created", "running", "paused");
  const { record } = container;
  const { cgroups } = record;
  const complete = (resources: Resources): Resources => completeResources(resources, cgroups);
  const parsed = parseResources(flags ?? fileOf(given), complete, {
    name: "update",
    warn: (line) => warn(`update: ${line}`),
  });
  const { devices = [], ...resources } = checking(parsed, record.checksMemory);
  const checksMemory = resources.memory?.checkBeforeUpdate ?? record.checksMemory;
  // Engines send all that they know of a container. Rules that hutch has applied before are left alone then,
  // because others may have added to them since, as those do who bring devices of their own (GPUs).
  const deviceRules = digestOfRules(devices);
  const isNew = devices.length > 0 && deviceRules !== record.deviceRules;
  const tell = await listenerOf(record);
  await updateLimits(id, cgroups, isNew ? { ...resources, devices } : resources, tell);
  if (held === undefined || (!isNew && checksMemory === record.checksMemory)) return;
  write(held, {
    ...record,
    ...(isNew ? { deviceRules } : {}),
    ...(checksMemory === undefined ? {} : { checksMemory }),
  });
}
