/** The state of a lowering, which every kind of step reads. */
import type { Arch } from "../linux/arch.ts";
import type { Call, Outcome } from "../plan/step.ts";
import type { Assembler } from "./assembler.ts";
import type { Data } from "./data.ts";
import { createLabel } from "./image.ts";
import type { Reporter } from "./report.ts";

export interface Lowering {
  readonly arch: Arch;
  readonly asm: Assembler;
  readonly data: Data;
  readonly reporter: Reporter;
  readonly syscalls: Readonly<Record<string, number>>;
  readonly labels: Map<string, number>;
  /** The calls that can fail; what they do then is emitted behind the path of success. */
  readonly fallible: Fallible[];
  /** The label of the guard that holds, or −1. */
  guard: number;
}

export interface Fallible {
  readonly call: Call;
  readonly index: number;
  readonly guard: number;
  readonly outcomes: Outcomes;
  /** The jump to where the failure is dealt with. */
  readonly jump: number;
  /** Where the call begins, for errnos after which it is made again; −1 when there is none. */
  readonly again: number;
  /** Where the path of success goes on, for errnos that are ignored; −1 when there is none. */
  readonly resume: number;
}

/** The errors of a call, read. */
export interface Outcomes {
  readonly listed: readonly { readonly errno: number; readonly outcome: Outcome }[];
  readonly retries: boolean;
  readonly ignores: boolean;
}

/** The label of a name in the plan. */
export function labelOf(state: Lowering, name: string): number {
  const known = state.labels.get(name);
  if (known !== undefined) return known;
  const label = createLabel(state.data.image);
  state.labels.set(name, label);
  return label;
}
