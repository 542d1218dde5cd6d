/** What a rule of the specification is. */
import type { Spec } from "./spec.ts";

/** Tells that the field at `path` is wrong. */
export type Refuse = (path: string, expected: string, received: unknown) => void;

export interface Rule {
  /** The section of the OCI runtime specification that the rule follows. */
  readonly section: string;
  /** The specification wants the container to run all the same. */
  readonly warning?: true;
  readonly check: (spec: Spec, refuse: Refuse) => void;
}
