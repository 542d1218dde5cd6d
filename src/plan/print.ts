/** A plan as text: every call with its arguments by name, under the reason it is made for. */
import type { Arch } from "../linux/arch.ts";
import { type Form, integerText, STRUCT_FORMS, signatureOf } from "../linux/signature.ts";
import type { Argument, Branch, Call, Plan, Step, Struct, Value } from "./step.ts";

const LONGEST_TEXT = 60;
const MOST_STRINGS = 8;

const quote = (text: string): string =>
  JSON.stringify(text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}…` : text);

function argumentText(argument: Argument, form: Form, arch: Arch): string {
  if (typeof argument === "string") return quote(argument);
  if (typeof argument !== "object") return integerText(argument, form, arch);
  switch (argument.kind) {
    case "slot":
      return `<${argument.name}>`;
    case "address":
      return `&<${argument.slot.name}>`;
    case "buffer":
      return `[${argument.name}]`;
    case "bytes":
      return argument.text ?? `${argument.bytes.length} bytes`;
    case "strings":
      // An environment would be said again for each directory of PATH.
      if (argument.strings.length > MOST_STRINGS) return `[${argument.strings.length} strings]`;
      return `[${argument.strings.map(quote).join(", ")}]`;
    case "struct":
      return structText(argument, arch);
  }
}

/** Only the fields that say something: zeros are what the kernel takes for absent. */
function structText({ name, fields }: Struct, arch: Arch): string {
  const forms = STRUCT_FORMS[name] ?? {};
  const shown = fields.filter(({ value, name: field }) => value !== 0 && value !== 0n && field !== "pad");
  return `{${shown.map((field) => `${field.name}=${argumentText(field.value, forms[field.name] ?? "number", arch)}`).join(", ")}}`;
}

function callText({ name, args, into, errors, otherwise }: Call, arch: Arch): string {
  const signature = signatureOf(name, args);
  const list = args.map((argument, index) => argumentText(argument, signature[index]?.[1] ?? "hex", arch));
  const result = into === undefined ? "" : ` → <${into.name}>`;
  const outcomes = Object.entries(errors ?? {}).map(([errno, outcome]) => {
    if (outcome === "ignore") return `${errno}: go on`;
    return outcome === "retry" ? `${errno}: again` : `${errno}: go to "${outcome.to}"`;
  });
  if (otherwise !== undefined) outcomes.push(`any error: go to "${otherwise}"`);
  return `${name}(${list.join(", ")})${result}${outcomes.length === 0 ? "" : `   # ${outcomes.join("; ")}`}`;
}

const valueText = (value: Value): string => (typeof value === "object" ? `<${value.name}>` : String(value));

const CONDITIONS: Readonly<Record<Branch["is"], string>> = {
  eq: "=",
  ne: "≠",
  lt: "<",
  le: "≤",
  gt: ">",
  ge: "≥",
  any: "&",
};

const OPERATORS = { set: "", add: "+", sub: "−", and: "&", or: "|", shl: "<<", shr: ">>" } as const;

function stepText(step: Step, arch: Arch): string {
  switch (step.kind) {
    case "call":
      return callText(step, arch);
    case "label":
      return `"${step.name}":`;
    case "jump":
      return `go to "${step.to}"`;
    case "branch":
      return `if <${step.left.name}> ${CONDITIONS[step.is]} ${valueText(step.right)}: go to "${step.to}"`;
    case "compute": {
      const left = argumentText(step.left, "number", arch);
      const right = step.right === undefined ? "" : ` ${OPERATORS[step.op]} ${valueText(step.right)}`;
      return `<${step.into.name}> = ${left}${right}`;
    }
    case "load":
      return `<${step.into.name}> = ${step.size} bytes at ${step.offset} of ${argumentText(step.from, "number", arch)}`;
    case "store":
      return `${step.size} bytes at ${step.offset} of ${argumentText(step.to, "number", arch)} = ${valueText(step.value)}`;
    case "decimal":
      return `${argumentText(step.to, "number", arch)} = ${valueText(step.value)} in decimal`;
    case "next":
      return `<${step.into.name}> = the next of ${argumentText(step.from, "pointer", arch)}; after the last: go to "${step.done}"`;
    case "given":
      return `<${step.into.name}> = ${typeof step.what === "string" ? `the ${step.what}` : `argument ${step.what}`} of this program`;
    case "enter":
      return `go on in the program at <${step.at.name}>${step.stack === undefined ? "" : ` with the stack at <${step.stack.name}>`}`;
    case "guard":
      return step.to === undefined ? "(a failure ends the program)" : `(a failure goes to "${step.to}")`;
    case "fail":
      return `fail: ${step.message}`;
  }
}

/** The plan for a person: the reason of each group of calls, and the calls below it. */
export function printPlan(plan: Plan, arch: Arch): string {
  const lines: string[] = [];
  let why = "";
  for (const step of plan) {
    if (step.kind === "call" && step.why !== why) {
      why = step.why;
      lines.push(`${why}`);
    }
    lines.push(step.kind === "label" ? `  ${stepText(step, arch)}` : `    ${stepText(step, arch)}`);
  }
  const calls = plan.filter(({ kind }) => kind === "call").length;
  return `${lines.join("\n")}\n\n${calls} system calls in ${plan.length} steps\n`;
}
