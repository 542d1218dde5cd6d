/** The plan of `hutch in`. */

import { planFor } from "../container/plan.ts";
import { PROGRAM_DESCRIPTOR } from "../container/preserve.ts";
import type { Look } from "../host/look.ts";
import type { Plan } from "../plan/step.ts";
import { parseSpec } from "../spec/parse.ts";
import { readIn } from "./in-spec.ts";
import type { Given } from "./option.ts";
import { surroundings } from "./surroundings.ts";

export interface InWish {
  readonly given: Given;
  readonly environment: readonly string[];
  readonly id: () => string;
}

export async function planIn({ given, environment, id }: InWish, look: Look): Promise<Plan> {
  const around = await surroundings(given, look);
  const wanted = readIn(given, around, environment);
  const spec = parseSpec(wanted.spec, { name: "in" });
  return planFor(spec, around.host, { ...wanted.launch, id, executable: PROGRAM_DESCRIPTOR }, look);
}
