/** hutch create: everything up to the wait for `start`. */
import { close, write as writeBytes } from "../host/fd.ts";
import { executable } from "../host/memfd.ts";
import { fileKind, fileStatus } from "../host/path.ts";
import { makePipe } from "../host/pipe.ts";
import { bind, datagramSocket } from "../host/socket.ts";
import { call } from "../host/syscall.ts";
import { HutchError } from "../linux/error.ts";
import { SIGNALS, type SignalName } from "../linux/signal.ts";
import { EVENT, STATE_END, STATE_SIZE } from "../plan/creator-control.ts";
import { noteArguments } from "../plan/note-arguments.ts";
import { failure, lastWord, nextEvent } from "./creator-event.ts";
import { type Identity, identify } from "./identity.ts";
import { preserve } from "./preserve.ts";
import type { Program } from "./program.ts";
import { stateJson } from "./state.ts";
import type { StepRecord } from "./step-record.ts";
import {
  type Held,
  isWritten,
  pathOf,
  type Record,
  reserve,
  startSocket,
  write,
  writeSummary,
} from "./store.ts";

/** The first descriptor after the standard streams. */
const FIRST_FREE = 3;
const BYTE = new Uint8Array([1]);
/** The exit code of a creator that has undone everything. */
const UNDONE = 125;

/** What `create` is to make. */
export interface Creation {
  readonly root: string;
  readonly record: Record;
  readonly program: Program;
  readonly preserveFds: number;
  /** Init runs hooks, which read the state. */
  readonly tellsState: boolean;
  /** The program is one that `supervises`. */
  readonly stays: boolean;
  /** Waits until the program tells something, which a hook in the container may hold up; it may throw. */
  readonly untilTold?: (fd: number) => Promise<void>;
  /** Where a program that stays writes down how the container has ended. */
  readonly report?: string | undefined;
  /** The connected console socket, when the process has a terminal. */
  readonly console: number | undefined;
  /** The connected socket that init's pidfd is sent to. */
  readonly pidfdSocket: number | undefined;
  /** Where systemd makes the cgroup: called when init is born, and when what was made is undone. */
  readonly unit:
    | { readonly place: (init: Identity) => Promise<void>; readonly remove: () => Promise<void> }
    | undefined;
  /** Called when the namespaces are made and init's pid is known: hooks of the host. */
  readonly whenMade: (record: Record) => Promise<void>;
  /** Called when init is ready, before it is handed over: pid files. */
  readonly whenReady: (record: Record) => Promise<void>;
  /** Hears of poststop hooks that fail, after something else has failed. */
  readonly warn: (line: string) => void;
}

/** The creator of a container that was made. */
export interface Supervisor {
  readonly signal: (signal: SignalName) => void;
  /** Waits for its end; the exit code of the container. */
  readonly ended: () => Promise<number>;
}

/** The second word of the creator's command line, which its cgroups are called by. */
const nameOf = ({ id }: Record): string => `hutch-${id}`;

/** Makes the container; its init waits for `start` when this returns. Whatever fails is undone. */
export async function create(creation: Creation): Promise<void> {
  await makeOrUndo(creation, async (record, { child }) => {
    const code = await child.exited;
    if (code === 0) return;
    throw new HutchError({
      operation: `create ${record.id}`,
      reason: `the creator ended with ${code}`,
    });
  });
}

/** The same with a program that `supervises`: the creator stays, and ends as the container does. */
export const createBeside = (creation: Creation): Promise<Supervisor> =>
  makeOrUndo(creation, async (_, { child, report }) => {
    const refuse = async (event: StepRecord | undefined): Promise<void> => {
      if (event === undefined || event.index === EVENT.supervised) return;
      throw await failure(creation.program, event);
    };
    // At its end, without an event, init has died before: the exit code tells of it.
    await refuse(nextEvent(report));
    return {
      signal: (signal) => child.kill(SIGNALS[signal]),
      ended: async () => {
        const code = await child.exited;
        await refuse(nextEvent(report));
        return code;
      },
    };
  });

/** A creator that has handed init over. */
interface Maker {
  readonly child: Bun.Subprocess;
  /** Where it tells of what fails. */
  readonly report: number;
}

async function makeOrUndo<T>(
  creation: Creation,
  finish: (record: Record, maker: Maker) => Promise<T>,
): Promise<T> {
  const { root } = creation;
  if (creation.unit !== undefined) refuseTaken(creation.record);
  // A cgroup that is there is another's until init is born, which says that the creator has taken it:
  // `delete --force` must not remove it before.
  const cgroups = creation.record.cgroups.filter((path) => fileKind(path) === undefined);
  let isMade = false;
  const whenMade: Creation["whenMade"] = (made) => {
    isMade = true;
    return creation.whenMade(made);
  };
  preserve(creation.preserveFds);
  const held = reserve(root, creation.record.id);
  const start = datagramSocket();
  // Written down before it has its path, and anybody can be asked for who holds it.
  const socket = Number(fileStatus("", { at: start })?.inode);
  const record: Record = { ...creation.record, socket };
  const making: Making = { ...creation, record, whenMade, held, start };
  try {
    write(held, { ...record, cgroups });
    return await finish(record, await makeAndHandOver(making));
  } catch (error) {
    const { end, forgetOnce, runPoststop } = await import("./delete.ts");
    if (!(await hasUndone(making.creator))) await end(held);
    await creation.unit?.remove();
    // What the first hooks have set up is taken down by the last (runtime.md, "Lifecycle", 5 to 13).
    if (forgetOnce(held) && isMade) await runPoststop(root, record, creation.warn);
    throw error;
  }
}

interface Making extends Creation {
  readonly held: Held;
  /** The socket that init waits at. */
  readonly start: number;
  /** Once it was started. */
  creator?: Bun.Subprocess;
}

/** True when the creator has removed what it had made, as its exit code says; false when it was killed. */
const hasUndone = async (creator: Bun.Subprocess | undefined): Promise<boolean> =>
  creator === undefined || (await creator.exited) === UNDONE;

/** A unit that is there is another's too, and must not be stopped with the record of this one. */
function refuseTaken({ unit, cgroups }: Record): void {
  const taken = cgroups.find((path) => fileKind(path) !== undefined);
  if (taken === undefined) return;
  throw new HutchError({
    operation: `make the unit ${unit?.name}`,
    reason: `its cgroup ${taken} is there already`,
    hint: "another container has this name: hutch list, systemctl status; if not, rmdir it",
  });
}

/** Runs the creator, and follows what it tells until init has been handed over. */
async function makeAndHandOver(creation: Making): Promise<Maker> {
  const { held, record, program, preserveFds, stays, start } = creation;
  bind(start, startSocket(pathOf(held)));
  const [report, go, hand] = [makePipe("for reports"), makePipe("to the creator"), makePipe("to init")];
  const file = executable(program.bytes, "hutch");
  const preserved = Array.from({ length: preserveFds }, (_, index) => FIRST_FREE + index);
  const control = [
    report.write,
    go.read,
    hand.read,
    start,
    creation.console ?? report.write,
    creation.pidfdSocket ?? report.write,
  ];
  const given = noteArguments(creation.report === undefined ? {} : { report: creation.report });
  const child = Bun.spawn(
    [`/proc/${call("ask for the process id", "getpid")}/fd/${file}`, nameOf(record), ...given],
    {
      argv0: "hutch",
      env: {},
      stdio: ["inherit", "inherit", "inherit", ...preserved, ...control],
      // A session of its own: what the caller's terminal tells hutch must not come twice.
      detached: stays,
    },
  );
  creation.creator = child;
  for (const fd of [report.write, go.read, hand.read, start, file]) close(fd);
  try {
    const init = await followUntilReady(creation, report.read, { go: go.write, hand: hand.write });
    writeBytes(hand.write, stateOf(creation, { ...record, init }, "created"), "init");
    if (nextEvent(report.read)?.index !== EVENT.handed) throw ended(record);
    write(held, { ...record, init, isCreated: true });
    // From here on `start` may go by this alone.
    writeSummary(held, { ...record, init });
    writeBytes(go.write, BYTE, "the creator");
  } catch (error) {
    // The creator reads the end of the pipe, and undoes all that it has made.
    close(go.write);
    close(hand.write);
    await child.exited;
    throw error;
  }
  return { child, report: report.read };
}

/** Writes down the pid as soon as it is told; the identity of init once it is ready. */
async function followUntilReady(
  creation: Making,
  fd: number,
  { go, hand }: { readonly go: number; readonly hand: number },
): Promise<Identity> {
  const { held, record, unit, whenMade, whenReady, untilTold } = creation;
  let init: Identity | undefined;
  let step: number | undefined;
  for (;;) {
    await untilTold?.(fd);
    const event = nextEvent(fd);
    if (event === undefined) throw ended(record);
    if (event.index === EVENT.pid) {
      init = identify(event.value);
      if (init === undefined) throw (await lastWord(creation.program, fd)) ?? ended(record);
      // Who has deleted it has seen its last record.
      if (!isWritten(held)) throw ended(record);
      write(held, { ...record, init });
      // Init waits for its cgroup, and the creator for the word that it has one.
      if (unit !== undefined) {
        await unit.place(init);
        writeBytes(go, BYTE, "the creator");
      }
    } else if (event.index === EVENT.settled) writeBytes(hand, BYTE, "init");
    else if (event.index === EVENT.made || event.index === EVENT.ready) step = event.index;
    else throw await failure(creation.program, event);
    // Init may be faster than its creator, which tells the pid; then it waits for an answer.
    if (init === undefined || step === undefined) continue;
    if (step === EVENT.ready) {
      await whenReady({ ...record, init });
      return init;
    }
    step = undefined;
    await whenMade({ ...record, init });
    writeBytes(hand, stateOf(creation, { ...record, init }, "creating"), "init");
  }
}

/** The state as hooks read it; its end alone when there are none. */
function stateOf(
  { tellsState }: Creation,
  record: Record,
  status: "creating" | "created",
): Uint8Array<ArrayBuffer> {
  const state = tellsState ? JSON.stringify(stateJson({ root: "", id: record.id, record, status })) : "";
  const text = new TextEncoder().encode(`${state}${STATE_END}`);
  if (text.length <= STATE_SIZE) return text;
  throw new HutchError({
    operation: `create ${record.id}`,
    reason: `the state that hooks in the container read is longer than ${STATE_SIZE} bytes`,
    hint: "its annotations are the most of it",
  });
}

const ended = ({ id }: Record): HutchError =>
  new HutchError({ operation: `create ${id}`, reason: "the container's first process has ended" });
