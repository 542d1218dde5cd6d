/** A process that no freezer reaches: it waits for a file system whose server does not answer. */
import { closeSync, openSync, readFileSync, readSync, writeSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "./patience.ts";
import { anyReason, lacksFile, lacksProgram, lacksRoot, type SkipReason } from "./skip.ts";
import { temporaryDirectory } from "./temporary.ts";

export const lacksFuse = (): SkipReason =>
  anyReason(lacksRoot(), lacksFile("/dev/fuse"), lacksProgram("mount"), lacksProgram("stat"));

/** linux/fuse.h: the answer to FUSE_INIT, which is all that the server says. */
function answerInit(device: number): void {
  const request = new DataView(new ArrayBuffer(65_536));
  readSync(device, request);
  const answer = new DataView(new ArrayBuffer(16 + 64));
  answer.setUint32(0, answer.byteLength, true);
  answer.setBigUint64(8, request.getBigUint64(8, true), true);
  for (const [offset, value] of [
    [16, 7],
    [20, 31],
    [24, 65_536],
    [36, 4096],
  ] as const) {
    answer.setUint32(offset, value, true);
  }
  writeSync(device, answer);
}

export interface Stuck extends AsyncDisposable {
  readonly pid: number;
}

export async function stuckProcess(): Promise<Stuck> {
  const directory = temporaryDirectory("stuck");
  const device = openSync("/dev/fuse", "r+");
  const options = "fd=3,rootmode=40000,user_id=0,group_id=0";
  const mounted = Bun.spawnSync(["mount", "-i", "-t", "fuse", "-o", options, "hutch-stuck", directory], {
    stdio: ["ignore", "ignore", "inherit", device],
  });
  if (!mounted.success) throw new Error("the file system could not be mounted");
  answerInit(device);
  const child = Bun.spawn(["stat", join(directory, "x")], { stdio: ["ignore", "ignore", "ignore"] });
  const waits = () => /request_wait|fuse/.test(readFileSync(`/proc/${child.pid}/wchan`, "utf8"));
  if (!(await eventually(waits))) throw new Error("the process does not wait for the file system");
  return {
    pid: child.pid,
    [Symbol.asyncDispose]: async () => {
      // The end of the server ends every wait.
      closeSync(device);
      await child.exited;
      Bun.spawnSync(["umount", "-l", directory]);
    },
  };
}
