/**
 * New device rules for a container that is there, without a moment in which it may do more than it should.
 */
import { deviceChange, deviceReturn } from "../cgroup/device-change.ts";
import { attachFilter, FILTER_NAME, loadFilter } from "../cgroup/device-filter.ts";
import type { DeviceLine } from "../cgroup/device-list.ts";
import { type DevicePolicy, devicePolicy } from "../cgroup/device-rule.ts";
import { isV2, type ReadFile } from "../cgroup/read.ts";
import { close, open, readText, using, writeFile } from "../host/fd.ts";
import { createArena, reserve } from "../host/memory.ts";
import { fileKind } from "../host/path.ts";
import { perform } from "../host/perform.ts";
import { call, failed, syscall } from "../host/syscall.ts";
import {
  BPF_CGROUP_DEVICE,
  BPF_NAME_SIZE,
  BPF_OBJ_GET_INFO_BY_FD,
  BPF_PROG_DETACH,
  BPF_PROG_GET_FD_BY_ID,
  BPF_PROG_INFO_NAME,
  BPF_PROG_INFO_SIZE,
  BPF_PROG_QUERY,
} from "../linux/bpf.ts";
import { HutchError } from "../linux/error.ts";
import { O_RDONLY, O_WRONLY } from "../linux/fcntl.ts";
import { set, slot } from "../plan/build.ts";
import type { DeviceRule } from "../spec/resources.ts";
import { coldOf, pause, resume } from "./freezer.ts";

const LIST = "devices.list";
/** BPF_CGROUP_MAX_PROGS: so many programs a cgroup can have. */
const MOST_PROGRAMS = 64;

/** A bpf_attr of 32-bit words by their offsets. */
function attribute(size: number, words: Readonly<Record<number, number>>) {
  const region = reserve(createArena(), size);
  for (const [offset, value] of Object.entries(words)) region.view.setUint32(Number(offset), value, true);
  return region;
}

/** The numbers of the device programs of a cgroup itself. */
function programIds(directory: number): number[] {
  const ids = reserve(createArena(), MOST_PROGRAMS * 4);
  const query = attribute(32, { 0: directory, 4: BPF_CGROUP_DEVICE, 24: MOST_PROGRAMS });
  query.view.setBigUint64(16, BigInt(ids.address), true);
  call("ask for the device filters of the cgroup", "bpf", BPF_PROG_QUERY, query.address, 32);
  const count = query.view.getUint32(24, true);
  return Array.from({ length: count }, (_, index) => ids.view.getUint32(index * 4, true));
}

/** A descriptor of a program of hutch's; undefined when it is another's, or gone. */
function openOwn(id: number): number | undefined {
  const fd = syscall("bpf", BPF_PROG_GET_FD_BY_ID, attribute(12, { 0: id }).address, 12);
  if (failed(fd)) return undefined;
  const info = reserve(createArena(), BPF_PROG_INFO_SIZE);
  const ask = attribute(16, { 0: fd, 4: BPF_PROG_INFO_SIZE });
  ask.view.setBigUint64(8, BigInt(info.address), true);
  call("ask for the name of a device filter", "bpf", BPF_OBJ_GET_INFO_BY_FD, ask.address, 16);
  const name = info.bytes.subarray(BPF_PROG_INFO_NAME, BPF_PROG_INFO_NAME + BPF_NAME_SIZE);
  if (new TextDecoder().decode(name).replace(/\0.*/s, "") === FILTER_NAME) return fd;
  close(fd);
  return undefined;
}

const detach = (directory: number, program: number): number =>
  call(
    "detach a device filter",
    "bpf",
    BPF_PROG_DETACH,
    attribute(12, { 0: directory, 4: program, 8: BPF_CGROUP_DEVICE }).address,
    12,
  );

/** Version 2: the new filter takes the place of the old one; filters of others stay. */
function replaceFilter(directory: number, policy: DevicePolicy | undefined): void {
  const own = programIds(directory).flatMap((id) => openOwn(id) ?? []);
  try {
    const [first, ...rest] = own;
    if (policy === undefined) {
      for (const program of own) detach(directory, program);
      return;
    }
    const [filter, cgroup] = [slot("filter"), slot("cgroup")];
    const { slots } = perform([
      set(cgroup, directory),
      loadFilter(policy, filter),
      attachFilter(filter, cgroup, first),
    ]);
    close(Number(slots.get("filter")));
    for (const program of rest) detach(directory, program);
  } finally {
    for (const program of own) close(program);
  }
}

function writeLines(directory: string, lines: readonly DeviceLine[]): void {
  for (const { file, text } of lines) writeFile(`${directory}/${file}`, text, { flags: O_WRONLY });
}

/** Version 1: line by line; what was there is put back when a line is refused. */
function changeList(directory: string, lines: readonly DeviceLine[]): void {
  const list = `${directory}/${LIST}`;
  const before = readText(list);
  try {
    writeLines(directory, lines);
  } catch (error) {
    writeLines(directory, deviceReturn(readText(list), before));
    throw error;
  }
}

/** Puts the processes of a container under other rules; they may all be allowed. */
export async function updateDevices(
  id: string,
  cgroups: readonly string[],
  devices: readonly DeviceRule[],
  read: ReadFile,
): Promise<void> {
  const policy = devicePolicy(devices);
  if (isV2(read)) {
    for (const path of cgroups) using(open(path, O_RDONLY), (fd) => replaceFilter(fd, policy));
    return;
  }
  const directory = cgroups.find((path) => fileKind(`${path}/${LIST}`) === "file");
  if (directory === undefined) {
    throw new HutchError({
      operation: "limit devices",
      reason: "the container is in no cgroup of devices",
      hint: "hutch create makes one where the devices controller of cgroup v1 is mounted",
    });
  }
  const { lines, opens } = deviceChange(readText(`${directory}/${LIST}`), policy);
  const stops = opens && coldOf(cgroups) === "thawed";
  if (stops) await pause(id, cgroups);
  try {
    changeList(directory, lines);
  } finally {
    if (stops) await resume(id, cgroups);
  }
}
