/** JSON with exact integers, and errors that say where. */
import { HutchError } from "../linux/error.ts";
import { describe } from "./error.ts";

/** Parses JSON; integers that a number cannot hold become bigints. Throws HutchError with line and column. */
export function parseJson(text: string, name: string): unknown {
  try {
    // Only a number this long can have been rounded; without one the reviver, which is slow, is not needed.
    return /\d{16}/.test(text) ? JSON.parse(text, keepInteger) : JSON.parse(text);
  } catch (cause) {
    const fault = findFault(text);
    if (!fault) throw cause;
    const before = text.slice(0, fault.offset).split("\n");
    const column = (before.at(-1)?.length ?? 0) + 1;
    const next = text.slice(fault.offset).match(/^(?:[\w.+-]+|[\s\S])/)?.[0];
    throw new HutchError({
      operation: name,
      reason:
        `line ${before.length}, column ${column}: expected ${fault.expected}, ` +
        `received ${next === undefined ? "the end of the text" : describe(next)}`,
    });
  }
}

function keepInteger(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (typeof value !== "number" || Number.isSafeInteger(value)) return value;
  const source = context?.source;
  return source !== undefined && /^-?\d+$/.test(source) ? BigInt(source) : value;
}

interface Fault {
  readonly offset: number;
  readonly expected: string;
}

/**
 * The first place where a text stops being JSON. The engine's own message has no place in it; this scanner
 * (RFC 8259) runs only after the engine has failed. `open` holds the brackets that are still to be closed.
 */
function findFault(text: string): Fault | undefined {
  const blank = /[ \t\n\r]*/y;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a string of JSON must not have them
  const string = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
  const scalar = /(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?![\w.])/y;
  let offset = 0;
  const open: string[] = [];
  const skip = (token: RegExp): boolean => {
    token.lastIndex = offset;
    if (!token.test(text)) return false;
    offset = token.lastIndex;
    return true;
  };
  const take = (character: string): boolean => {
    if (text[offset] !== character) return false;
    offset += 1;
    return true;
  };
  const key = (): string | undefined => {
    skip(blank);
    if (!skip(string)) return text[offset] === '"' ? "a closed string" : "a key in double quotes";
    skip(blank);
    return take(":") ? undefined : '":"';
  };
  for (;;) {
    skip(blank);
    if (take("{")) {
      skip(blank);
      if (!take("}")) {
        const expected = text[offset] === '"' ? key() : 'a key in double quotes or "}"';
        if (expected) return { offset, expected };
        open.push("}");
        continue;
      }
    } else if (take("[")) {
      skip(blank);
      if (!take("]")) {
        open.push("]");
        continue;
      }
    } else if (text[offset] === '"') {
      if (!skip(string)) return { offset, expected: "a closed string without raw control characters" };
    } else if (!skip(scalar)) return { offset, expected: "a value" };
    // A value has ended: close what it ends, then go on after a comma.
    for (;;) {
      skip(blank);
      const closing = open.at(-1);
      if (closing === undefined) {
        return offset < text.length ? { offset, expected: "the end of the text" } : undefined;
      }
      if (take(closing)) {
        open.pop();
        continue;
      }
      if (!take(",")) return { offset, expected: `"," or "${closing}"` };
      const expected = closing === "}" ? key() : undefined;
      if (expected) return { offset, expected };
      break;
    }
  }
}
