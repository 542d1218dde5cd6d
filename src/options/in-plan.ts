/** The plan of `hutch in`. */

import { planFor } from "../container/plan.ts";
import { PROGRAM_DESCRIPTOR } from "../container/preserve.ts";
import type { Planned } from "../container/program.ts";
import type { Look } from "../host/look.ts";
import { parseSpec } from "../spec/parse.ts";
import type { Given } from "./given.ts";
import { readIn } from "./in-spec.ts";
import { surroundings } from "./surroundings.ts";

export interface InWish {
  readonly given: Given;
  readonly environment: readonly string[];
  readonly id: string;
}

export async function planIn({ given, environment, id }: InWish, look: Look): Promise<Planned> {
  const around = await surroundings(given, look);
  const wanted = readIn(given, around, environment);
  const spec = parseSpec(wanted.spec, { name: "in" });
  let isNamed = false;
  const launch = {
    ...wanted.launch,
    id: () => {
      isNamed = true;
      return id;
    },
    executable: PROGRAM_DESCRIPTOR,
  };
  const plan = await planFor(spec, around.host, launch, look);
  return { plan, details: "", isLasting: !isNamed };
}
