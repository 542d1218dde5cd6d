/** hutch create: everything up to the wait for `start`. */
import { close, open, read as readBytes, using, write as writeBytes } from "../host/fd.ts";
import { hostArch } from "../host/libc.ts";
import { look } from "../host/look.ts";
import { executable } from "../host/memfd.ts";
import { unlink } from "../host/path.ts";
import { call } from "../host/syscall.ts";
import { errnoName, errnoText } from "../linux/errno.ts";
import { HutchError } from "../linux/error.ts";
import { O_CLOEXEC, O_RDWR } from "../linux/fcntl.ts";
import { S_IFIFO } from "../linux/stat.ts";
import { CONTROL, controlDescriptor, EVENT } from "../plan/creator.ts";
import type { Plan } from "../plan/step.ts";
import { emit } from "../emit/index.ts";
import { identify } from "./identity.ts";
import { forget, type Record, reserve, startFifo, write } from "./store.ts";

/** What `create` is to make. */
export interface Creation {
  readonly root: string;
  readonly record: Record;
  readonly plan: Plan;
  readonly preserveFds: number;
  /** The connected console socket, when the process has a terminal. */
  readonly console: number | undefined;
  /** Called when init is ready and its pid known, before it is handed over: pid files, hooks. */
  readonly whenReady: (record: Record) => Promise<void>;
}

interface Pipe {
  readonly read: number;
  readonly write: number;
}

function makePipe(what: string): Pipe {
  const pair = new Int32Array(new ArrayBuffer(8));
  call(`make a pipe ${what}`, "pipe2", new Uint8Array(pair.buffer), O_CLOEXEC);
  const [read = -1, write = -1] = pair;
  return { read, write };
}

const RECORD_SIZE = 16;

/** One event or failure; undefined when the program has ended. */
function nextEvent(fd: number): { readonly index: number; readonly value: number } | undefined {
  const view = new DataView(new ArrayBuffer(RECORD_SIZE));
  const bytes = new Uint8Array(view.buffer);
  if (readBytes(fd, bytes, "what the creator tells") < RECORD_SIZE) return undefined;
  return { index: Number(view.getBigUint64(0, true)), value: Number(view.getBigUint64(8, true)) };
}

/** The error of a step that failed in the creator or in init. */
export function stepError(plan: Plan, index: number, errno: number): HutchError {
  const step = plan[index];
  if (step?.kind === "fail") return new HutchError({ operation: step.message, exitCode: step.exitCode });
  if (step?.kind !== "call") return new HutchError({ operation: `step ${index}`, reason: errnoText(errno) });
  const name = errnoName(errno);
  const known = !name.startsWith("errno ");
  const hints: { readonly [errno: string]: string | undefined } = step.hints ?? {};
  return new HutchError({
    operation: `${step.why}: ${step.name}`,
    reason: known ? `${name} (${errnoText(errno)})` : name,
    hint: hints[name],
    exitCode: step.exitCode,
  });
}

/** The program of the plan, with its reports on the control descriptor. */
const compileCreator = (plan: Plan, preserveFds: number): Uint8Array<ArrayBuffer> =>
  emit(plan, {
    arch: hostArch(),
    report: { kind: "pipe", fd: controlDescriptor(preserveFds, "report") },
  });

/** Makes the container; its init waits for `start` when this returns. Whatever fails is undone. */
export async function create(creation: Creation): Promise<void> {
  const { root, record, plan } = creation;
  const program = compileCreator(plan, creation.preserveFds);
  reserve(root, record.id);
  try {
    write(root, record);
    await makeAndHandOver(creation, program);
  } catch (error) {
    forget(root, record.id);
    throw error;
  }
}

async function makeAndHandOver(creation: Creation, program: Uint8Array): Promise<void> {
  const { root, record, plan, preserveFds } = creation;
  const fifo = startFifo(root, record.id);
  call(`make ${fifo}`, "mknodat", -100, fifo, S_IFIFO | 0o600, 0);
  const [report, go, hand] = [makePipe("for reports"), makePipe("to the creator"), makePipe("to init")];
  const start = open(fifo, O_RDWR | O_CLOEXEC);
  const file = executable(program, "hutch");
  const control = [report.write, go.read, hand.read, start, creation.console ?? report.write];
  const preserved = Array.from({ length: preserveFds }, (_, index) => 3 + index);
  const child = Bun.spawn(["hutch", `hutch-${record.id}`], {
    argv0: "hutch",
    env: {},
    stdio: ["inherit", "inherit", "inherit", ...preserved, ...control],
  });
  void file;
  for (const fd of [report.write, go.read, hand.read, start]) close(fd);
  void child;
  void plan;
  void unlink;
  void using;
  void writeBytes;
  void identify;
  void EVENT;
  void CONTROL;
  void nextEvent;
  void look;
}
