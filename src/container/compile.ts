/**
 * A container as one static executable. All that depends on the machine the file is started on (its cgroups,
 * the caller's ids and environment) the file finds out itself.
 */

import type { Note } from "../emit/elf.ts";
import { readNotes } from "../emit/note.ts";
import { hostArch } from "../host/libc.ts";
import { look } from "../host/look.ts";
import type { Arch } from "../linux/arch.ts";
import { HutchError } from "../linux/error.ts";
import { branch, label } from "../plan/build.ts";
import { type Host, isNew, type Launch, makeContext } from "../plan/context.ts";
import { beMachine } from "../plan/machine.ts";
import { merge } from "../plan/merge.ts";
import { askOwnIds, OWN_UID } from "../plan/own-map.ts";
import { printPlan } from "../plan/print.ts";
import { findName, type Standalone } from "../plan/standalone.ts";
import type { Plan } from "../plan/step.ts";
import type { IdMapping, Spec } from "../spec/spec.ts";
import { boundingOf, kindOf } from "./host.ts";
import { PLAIN, planFor } from "./plan.ts";

/** A container as one kind of caller gets it. */
export interface Description {
  readonly spec: Spec;
  /** Wishes that OCI has no words for; none when absent. */
  readonly launch?: Partial<Omit<Launch, "id" | "standalone" | "executable">>;
}

export interface CompileOptions {
  /** The processor of the machine the file is for; this one's when absent. */
  readonly arch?: Arch;
  /** What messages begin with when the file is started without a name; "hutch" when absent. */
  readonly name?: string;
  readonly standalone?: Partial<Standalone>;
  /** Leaves the text of the plan out, which `hutch explain FILE` prints. */
  readonly strip?: boolean;
  /** Failures are told with what can be done about them; not in a file that is stripped, when absent. */
  readonly hints?: boolean;
}

export interface Compiled {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly plan: Plan;
  readonly arch: Arch;
}

/** Stands for the caller's ids, which only the running file knows. */
const SOMEBODY = 1;

/** What is known of the machine that the file will be started on. */
export function foreignHost(arch: Arch, isRoot: boolean): Host {
  const id = isRoot ? 0 : SOMEBODY;
  return {
    arch,
    uid: id,
    gid: id,
    nested: false,
    kind: kindOf(look),
    bounding: boundingOf(look),
    // The file is refused by the kernel that has none.
    hasSecurityModule: () => true,
    nofile: undefined,
  };
}

const WHOLE: Standalone = {
  name: "hutch",
  args: false,
  directory: undefined,
  rootVariable: undefined,
  pack: undefined,
};

async function planOf(
  { spec, launch }: Description,
  options: CompileOptions,
  isRoot: boolean,
): Promise<Plan> {
  const { arch = hostArch(), name = WHOLE.name, standalone } = options;
  const wishes: Launch = {
    ...PLAIN,
    dieWithLauncher: true,
    ...launch,
    executable: undefined,
    id: () => {
      throw new RangeError("a file takes a name for itself");
    },
    standalone: { ...WHOLE, name, ...standalone },
  };
  return planFor(spec, foreignHost(arch, isRoot), wishes, look);
}

const isOne = ({ length, 0: first }: readonly IdMapping[]): boolean => length === 1 && first?.size === 1;

/** The same container for an ordinary user; undefined when its description gives such a user no way. */
export function forUser({ spec, launch }: Description): Description | undefined {
  const { uidMappings = [], gidMappings = [] } = spec.linux ?? {};
  const context = makeContext(spec, foreignHost("x86_64", false), { ...PLAIN, id: () => "" }, undefined);
  if (!isNew(context, "user")) return undefined;
  // One id is the caller's own, whoever that is.
  const own = (list: readonly IdMapping[]): IdMapping[] =>
    isOne(list) ? list.map((each) => ({ ...each, hostID: SOMEBODY })) : [...list];
  const linux = { ...spec.linux, uidMappings: own(uidMappings), gidMappings: own(gidMappings) };
  return { spec: { ...spec, linux }, ...(launch === undefined ? {} : { launch }) };
}

/** How the file answers an ordinary user whom it cannot serve. */
const refused = ({ refusal }: Descriptions) =>
  ({
    kind: "fail",
    message: `start the container: it takes root; hint: ${refusal ?? "its description has no user namespace"}`,
  }) as const;

/** What root starts, and what an ordinary user starts; one of them may be missing. */
export interface Descriptions {
  readonly root: Description;
  readonly user: Description | undefined;
  /** Why it is missing for ordinary users, where their description says it. */
  readonly refusal?: string;
}

/**
 * What an ordinary user gets, or why that is nothing: root, who gets what was described, is not to be refused
 * it for that.
 */
export async function unlessRefused<Of extends object>(
  user: () => Promise<Of | undefined>,
): Promise<{ readonly user: Of | undefined; readonly refusal?: string }> {
  try {
    return { user: await user() };
  } catch (error) {
    if (!(error instanceof HutchError)) throw error;
    const { operation, reason, errno } = error;
    return { user: undefined, refusal: [operation, reason ?? errno ?? ""].filter(Boolean).join(": ") };
  }
}

/** The plan of the file. */
export async function planFile(descriptions: Descriptions, options: CompileOptions): Promise<Plan> {
  const { root, user: asked } = descriptions;
  const asRoot = await planOf(root, options, true);
  const { machine } = options.standalone ?? {};
  const ask = [...findName(), ...(machine === undefined ? [] : beMachine(machine)), ...askOwnIds()];
  const { user, refusal } = await unlessRefused(async () => asked && planOf(asked, options, false));
  if (user !== undefined) return [...ask, ...merge(asRoot, user, OWN_UID)];
  const answer = refused({ ...descriptions, ...(refusal === undefined ? {} : { refusal }) });
  return [...ask, branch(OWN_UID, "eq", 0, "as root"), answer, label("as root"), ...asRoot];
}

/**
 * The file. Throws HutchError for what takes a living hutch, or cannot be done at all; the same input gives
 * the same bytes.
 */
export async function compileFile(
  descriptions: Descriptions,
  options: CompileOptions = {},
): Promise<Compiled> {
  const { arch = hostArch(), name = WHOLE.name, strip = false, hints = !strip } = options;
  const plan = await planFile(descriptions, options);
  const { emitCompact } = await import("../emit/compact.ts");
  const note = strip ? [] : [await noteOf(plan, arch)];
  return { bytes: emitCompact(plan, { arch, name, note, hints }), plan, arch };
}

/** The lines that many plans have in common are loaded when one is told. */
async function noteOf(plan: Plan, arch: Arch): Promise<Note> {
  const { NOTE_NAME, packPlanText } = await import("./plan-note.ts");
  return { name: NOTE_NAME, bytes: packPlanText(printPlan(plan, arch)) };
}

/** Plain text, whatever the file holds: what moves a terminal's cursor is no part of a plan. */
const plain = (text: string): string => text.replace(/[^\P{Cc}\n]/gu, "\uFFFD");

const NOT_OURS = "no file that hutch compile has made";

/** The text of a file's plan; throws HutchError for a file that has none. The file may be anybody's. */
export async function planTextOf(file: Uint8Array, path: string): Promise<string> {
  const read = readNotes(file);
  const operation = `explain ${path}`;
  if (read === undefined) throw new HutchError({ operation, reason: NOT_OURS });
  const { unpackPlanText } = await import("./plan-note.ts");
  const text = attemptToRead(() => unpackPlanText(read.notes), operation);
  if (text !== undefined) return plain(text);
  if (read.hasSections || read.notes.size > 0) throw new HutchError({ operation, reason: NOT_OURS });
  throw new HutchError({
    operation,
    reason: "it carries no text of its plan",
    hint: "hutch compile --strip left it out, or this is a program that hutch has not made",
  });
}

function attemptToRead<Of>(unpack: () => Of, operation: string): Of {
  try {
    return unpack();
  } catch (error) {
    throw new HutchError({ operation, reason: "the text of its plan is damaged", cause: error });
  }
}

/** A container of a spec as one executable: for root, and for ordinary users if it has a user namespace. */
export async function compile(
  spec: Spec,
  options: CompileOptions & Omit<Description, "spec"> = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const { launch, ...rest } = options;
  const root: Description = { spec, ...(launch === undefined ? {} : { launch }) };
  return (await compileFile({ root, user: forUser(root) }, rest)).bytes;
}
