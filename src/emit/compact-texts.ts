/** The texts of a compact program, which instructions name by their number. */
import { HutchError } from "../linux/error.ts";
import type { Plan } from "../plan/step.ts";
import { tooLarge } from "./compact-constants.ts";
import type { Encoder } from "./compact-operand.ts";

type Texts = Pick<Encoder, "texts" | "hasHints">;

/** The value of a limit, which differs from container to container. */
const VALUE = /^limit .*[ :]\d/;
/** What no text may have, or not everywhere: one look at nearly all of them. */
const UNUSUAL = /[\0\ud800-\udfff]/;

export function textNumber({ texts }: Pick<Texts, "texts">, text: string): number {
  return texts.get(text) ?? addText(texts, text);
}

function addText(texts: Map<string, number>, text: string): number {
  if (UNUSUAL.test(text) && (text.includes("\0") || !text.isWellFormed())) {
    throw new HutchError({ operation: "emit compact program", reason: `${JSON.stringify(text)} is no text` });
  }
  const number = texts.size;
  if (number > 0xffff) throw tooLarge("texts");
  texts.set(text, number);
  return number;
}

/**
 * Gives texts their numbers: first the reasons of calls, which one byte reaches, then the rest. Those with
 * values get theirs later, as they are met; returns the first of them.
 */
export function numberTexts({ texts, hasHints }: Texts, plan: Plan): number {
  const add = (text: string): void => {
    if (!texts.has(text) && !VALUE.test(text)) addText(texts, text);
  };
  for (const step of plan) if (step.kind === "call") add(step.why);
  for (const step of plan) {
    if (step.kind === "call") {
      add(step.name);
      if (hasHints && step.hints !== undefined) Object.values(step.hints).forEach(add);
    } else if (step.kind === "fail") add(step.message);
  }
  return texts.size;
}
