/** The program of a description: compiled once, kept as a sealed memfd, and started many times. */

import { compile } from "../container/compile.ts";
import { NAMELESS } from "../container/draft.ts";
import { contextFor, planFor } from "../container/plan.ts";
import { emit } from "../emit/index.ts";
import { close } from "../host/fd.ts";
import type { Look } from "../host/look.ts";
import { executable } from "../host/memfd.ts";
import type { NamespaceType } from "../linux/namespace.ts";
import type { Context } from "../plan/context.ts";
import { isNew, type Launch } from "../plan/context.ts";
import { controlDescriptor } from "../plan/creator-control.ts";
import { planContainer } from "../plan/order.ts";
import { printPlan } from "../plan/print.ts";
import type { Plan } from "../plan/step.ts";
import type { Description } from "./description.ts";

export interface Program {
  /** The descriptor of an executable that cannot be changed. */
  readonly file: number;
  /** What it was compiled from, to tell of the step that failed. */
  readonly plan: Plan;
  readonly context: Context;
  /** The cgroups of a container of this id. */
  readonly cgroups: (id: string) => readonly string[];
  /** The kinds of namespaces that are made for it. */
  readonly namespaces: readonly NamespaceType[];
  /** False when the plan has asked for the id: it is good for that container alone. */
  readonly isLasting: boolean;
}

/** Where every program of the library tells of itself. */
export const REPORT = { kind: "pipe", fd: controlDescriptor(0, "report") } as const;

/** The container ends with this process, unless it is left alone. */
const followed = (launch: Description["launch"], detached: boolean): Description["launch"] => ({
  ...launch,
  followed: true,
  dieWithParent: !detached,
});

/** Plans and compiles; everything that can be refused is refused here. */
export async function makeProgram(
  { spec, host, launch }: Description,
  detached: boolean,
  id: string,
  look: Look,
): Promise<Program> {
  let isNamed = false;
  let name = id;
  const wishes: Launch = {
    ...followed(launch, detached),
    id: () => {
      isNamed = true;
      return name;
    },
  };
  const context = await contextFor(spec, host, wishes, look);
  const plan = planContainer(context);
  const isLasting = !isNamed;
  name = NAMELESS;
  const directories = context.cgroup?.directories() ?? [];
  return {
    file: executable(emit(plan, { arch: host.arch, report: REPORT }), "hutch"),
    plan,
    context,
    cgroups: (of) => directories.map((path) => path.replace(NAMELESS, of)),
    namespaces: [...context.namespaces.keys()].filter((type) => isNew(context, type)),
    isLasting,
  };
}

export const releaseProgram = ({ file }: Program): void => close(file);

/** The id of a container that is only talked about. */
const nobody = (): string => "ID";

/** The text of the plan on this machine, of a program that nobody follows. */
export async function explainPlan({ spec, host, launch }: Description, look: Look): Promise<string> {
  const wishes = { ...launch, id: nobody, givenEnvironment: false };
  return printPlan(await planFor(spec, host, wishes, look), host.arch);
}

/** The file of `hutch compile`, which finds out itself what depends on the machine that it is started on. */
export const compilePlan = ({ spec, launch }: Description): Promise<Uint8Array<ArrayBuffer>> =>
  compile(spec, { launch: { ...launch, givenEnvironment: false } });
