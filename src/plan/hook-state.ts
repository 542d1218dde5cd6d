/**
 * What hooks are told by a program that runs them all itself: the state of the container (OCI runtime.md,
 * "State"), of which it knows all but the container's name, its pid, and the directory of a file that may have
 * been moved.
 */
import { HutchError } from "../linux/error.ts";
import type { Hooks } from "../spec/hooks.ts";
import { branch, buffer, call, compute, label, load, set, slot, store } from "./build.ts";
import type { Context } from "./context.ts";
import { STATE_END, STATE_SIZE } from "./creator-control.ts";
import { type HookOptions, STATE } from "./hook.ts";
import { type Part, part, putNumber, writeLine } from "./line.ts";
import { GIVEN_NAME, takeOwnName } from "./own-name.ts";
import { hostPath, toldPath } from "./standalone.ts";
import type { Slot, Step } from "./step.ts";

type Status = "creating" | "created" | "running" | "stopped";

/** The hooks that the program runs itself; undefined when there are none, or a hutch lives beside it. */
export function ownHooks({ spec, launch }: Pick<Context, "spec" | "launch">): Hooks | undefined {
  const { hooks = {} } = spec;
  const isAny = Object.values(hooks).some((list) => list?.length);
  return launch.bundle !== undefined && !launch.creates && isAny ? hooks : undefined;
}

const ID: Part = { place: slot("id of the container"), length: slot("length of the id") };
const PID = part("pid for hooks");
const TOTAL = slot("length of the state");

const PATH_MAX = 4096;
/** The directory that a file has found itself in; what lies in it is written behind that. */
const HERE = buffer("directory of the file", 2 * PATH_MAX);
const HERE_PART: Part = { place: HERE, length: slot("length of the directory") };

/** The name of a program that hutch has started follows on this. */
const ARGUMENT_PREFIX = "hutch-";

/** A name has no characters that JSON would escape. */
function takeName({ launch }: Context): Step[] {
  const at: Slot = slot("id of the container");
  const [end, byte] = [slot("end of the id"), slot("byte of the id")];
  return [
    ...(launch.standalone === undefined
      ? [{ kind: "given", into: at, what: 1 } as const, compute(at, at, "add", ARGUMENT_PREFIX.length)]
      : [...takeOwnName("take a name for the container"), set(at, GIVEN_NAME)]),
    set(end, at),
    label("byte of the id"),
    load(byte, end, 0, 1),
    compute(end, end, "add", 1),
    branch(byte, "ne", 0, "byte of the id"),
    compute(end, end, "sub", 1),
    compute(ID.length, end, "sub", at),
  ];
}

/** Of which some are found beside the file: the bundle, and the files of hooks. */
const isMoved = (context: Context, path: string): boolean => hostPath(context, path, false) !== path;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SPACE = 0x20;

/** Where the file is, which has gone there before. */
function findHere(): Step[] {
  const why = "find the directory of this program for its hooks";
  const [at, byte] = [slot("directory byte at"), slot("directory byte")];
  return [
    call(why, "getcwd", [HERE, PATH_MAX], { into: HERE_PART.length }),
    compute(HERE_PART.length, HERE_PART.length, "sub", 1),
    set(at, HERE),
    label("directory byte"),
    load(byte, at, 0, 1),
    compute(at, at, "add", 1),
    branch(byte, "eq", 0, "directory known"),
    branch(byte, "lt", SPACE, "directory cannot be told"),
    branch(byte, "eq", QUOTE, "directory cannot be told"),
    branch(byte, "ne", BACKSLASH, "directory byte"),
    label("directory cannot be told"),
    { kind: "fail", message: `${why}: its path has a quote, a backslash or a control character` },
    label("directory known"),
  ];
}

/** True when there are hooks that run in the launcher. */
export function hasHostHooks(context: Context): boolean {
  const { prestart, createRuntime, poststart, poststop } = ownHooks(context) ?? {};
  return [prestart, createRuntime, poststart, poststop].some((list) => list?.length);
}

/** There is no way back from a user namespace. */
function refuseJoined(context: Context): void {
  const path = context.namespaces.get("user");
  if (!path || !hasHostHooks(context)) return;
  throw new HutchError({
    operation: `join the user namespace ${path}`,
    reason: "the program would have to leave it again for its hooks of the host",
    hint: "hutch run runs them; createContainer and startContainer can be in a file",
  });
}

/** Before anything is made: what the state is put together from. */
export function learnState(context: Context): Step[] {
  const hooks = ownHooks(context);
  if (hooks === undefined) return [];
  refuseJoined(context);
  const { startContainer: _, ...others } = hooks;
  const paths = Object.values(others).flatMap((list) => (list ?? []).map(({ path }) => path));
  return [
    ...takeName(context),
    ...([bundleOf(context), ...paths].some((path) => isMoved(context, path)) ? findHere() : []),
  ];
}

/** Once init is born. */
export const learnPid = (init: Slot): Step => putNumber(PID, init);

const bundleOf = ({ launch }: Context): string => launch.bundle ?? "/";

const STATUS_BEGINS = '"status":"';

/** Constant texts, and what the program puts between them. The status comes early: see becomeCreated. */
function piecesOf(context: Context, status: Status): (string | Part)[] {
  const { spec } = context;
  const bundle = bundleOf(context);
  const found = hostPath(context, bundle, false);
  const [before, after]: [(string | Part)[], string] =
    typeof found !== "string" || found === bundle
      ? [[], JSON.stringify(bundle).slice(1, -1)]
      : [[HERE_PART], found === "." ? "" : JSON.stringify(`/${found}`).slice(1, -1)];
  const { annotations = {} } = spec;
  const rest = Object.keys(annotations).length === 0 ? "" : `,"annotations":${JSON.stringify(annotations)}`;
  return [
    `{"ociVersion":${JSON.stringify(spec.ociVersion)},${STATUS_BEGINS}${status}","id":"`,
    ID,
    '","pid":',
    status === "stopped" ? "0" : PID,
    ',"bundle":"',
    ...before,
    `${after}"${rest}}${STATE_END}`,
  ];
}

/** The longest name, pid and directory. */
const ROOM = PATH_MAX + 255 + 24;

/** The state as hooks are told it; throws HutchError when no pipe holds it. */
export function stateOf(
  context: Context,
  status: Status,
): NonNullable<HookOptions["state"]> & { readonly steps: Step[] } {
  const pieces = piecesOf(context, status);
  const length = pieces.reduce(
    (sum, piece) => sum + (typeof piece === "string" ? Buffer.byteLength(piece) : 0),
    0,
  );
  if (length + ROOM > STATE_SIZE) {
    throw new HutchError({
      operation: "hooks",
      reason: `the state that they read is longer than ${STATE_SIZE} bytes`,
      hint: "its annotations are the most of it",
    });
  }
  const parts = pieces.filter((piece) => typeof piece !== "string");
  return {
    steps: [set(TOTAL, length), ...parts.map((each) => compute(TOTAL, TOTAL, "add", each.length))],
    write: (why, to, special) => writeLine(why, to, pieces, special),
    length: TOTAL,
  };
}

/** In init, which was told the state of a container that is "creating": its length stays, by a space. */
export function becomeCreated({ spec }: Context): Step {
  const before = `{"ociVersion":${JSON.stringify(spec.ociVersion)},${STATUS_BEGINS}creat`;
  const word = new TextEncoder().encode('ed" ').reduceRight((sum, byte) => sum * 256 + byte, 0);
  return store(STATE, Buffer.byteLength(before), 4, word);
}

const WORD = 8;

/**
 * Where the running program finds the file of a hook: one that lies below the program's directory is moved
 * with it.
 */
export function findHook(context: Context): NonNullable<HookOptions["find"]> {
  return (path) => {
    const found = hostPath(context, path, false);
    if (typeof found !== "string" || found === path) return { steps: [], path, told: path };
    const at = slot("end of the directory");
    const data = new TextEncoder().encode(`/${found}\0`);
    const view = new DataView(new ArrayBuffer(Math.ceil(data.length / WORD) * WORD));
    for (const [index, byte] of data.entries()) view.setUint8(index, byte);
    const words = Array.from({ length: view.byteLength / WORD }, (_, index) => index * WORD);
    return {
      steps: [
        set(at, HERE),
        compute(at, at, "add", HERE_PART.length),
        ...words.map((offset) => store(at, offset, WORD, view.getBigUint64(offset, true))),
      ],
      path: HERE,
      told: toldPath(context, path),
    };
  };
}

/** In a hook's process: goes to the bundle, which may be gone by now. */
export const enterBundle =
  (context: Context): NonNullable<HookOptions["enter"]> =>
  (why, key) => {
    const [gone, there] = [`${key}: no bundle`, `${key}: in the bundle`];
    return [
      call(why, "chdir", [hostPath(context, bundleOf(context), false)], {
        exitCode: 1,
        errors: { ENOENT: { to: gone }, ENOTDIR: { to: gone } },
      }),
      { kind: "jump", to: there },
      label(gone),
      call(why, "chdir", ["/"], { exitCode: 1 }),
      label(there),
    ];
  };
