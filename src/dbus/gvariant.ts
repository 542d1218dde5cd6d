/**
 * Values as people write them: GVariant text (GLib, "GVariant Text Format"), as far as runc takes it in
 * annotations: numbers, booleans, texts, byte strings, arrays and variants; types by "uint64 5" or "@as []".
 */
import { marshal } from "./marshal.ts";
import { isList, isVariant, TypeMismatch, type Value, type Variant } from "./value.ts";

/** The words for types, and their codes. */
const KEYWORDS: Readonly<Record<string, string>> = {
  boolean: "b",
  byte: "y",
  int16: "n",
  uint16: "q",
  int32: "i",
  uint32: "u",
  int64: "x",
  uint64: "t",
  handle: "h",
  double: "d",
  string: "s",
  objectpath: "o",
  signature: "g",
};

const ESCAPES: Readonly<Record<string, string>> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};

const PARTS = [
  /(?<text>b?(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"))/,
  /(?<number>[+-]?(?:0x[\da-f]+|(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?))/,
  /(?<word>[a-z]\w*)/,
  /@(?<type>[a-z(){}]+)/,
  /(?<mark>[[\],<>])/,
];
const TOKEN = new RegExp(`\\s*(?:${PARTS.map(({ source }) => source).join("|")})`, "iy");

interface Token {
  readonly kind: "text" | "number" | "word" | "type" | "mark";
  readonly text: string;
}

const KINDS = ["text", "number", "word", "type", "mark"] as const;

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  const pattern = new RegExp(TOKEN);
  while (text.slice(pattern.lastIndex).trim() !== "") {
    const start = pattern.lastIndex;
    const groups = pattern.exec(text)?.groups;
    const kind = KINDS.find((each) => groups?.[each] !== undefined);
    if (kind === undefined) throw new TypeMismatch(`"${text.slice(start).trim()}" is no value`);
    tokens.push({ kind, text: groups?.[kind] ?? "" });
  }
  return tokens;
}

function unquote(quoted: string): string {
  return quoted.slice(1, -1).replace(/\\(u[\da-fA-F]{4}|U[\da-fA-F]{8}|\n|.)/g, (_, escaped: string) => {
    if (escaped === "\n") return "";
    const code = /^u[\da-f]+$/i.exec(escaped) ? Number.parseInt(escaped.slice(1), 16) : undefined;
    if (code === undefined) return ESCAPES[escaped] ?? escaped;
    if (code > 0x10ffff) throw new TypeMismatch(`there is no character ${escaped}`);
    return String.fromCodePoint(code);
  });
}

/** A value of which the type may be open yet: a number, or an array of what. */
interface Node {
  readonly signature: string | undefined;
  readonly value: Value;
}

function numberNode(text: string, type: string | undefined): Node {
  const isWhole = /^[+-]?(\d+|0x[\da-f]+)$/i.test(text);
  if (type === "d" || (type === undefined && !isWhole)) return { signature: "d", value: Number(text) };
  if (!isWhole) throw new TypeMismatch(`${text} is no whole number`);
  const size = BigInt(text.replace(/^[+-]/, ""));
  return { signature: type, value: text.startsWith("-") ? -size : size };
}

const bytesNode = (quoted: string): Node => ({
  signature: "ay",
  value: [...new TextEncoder().encode(unquote(quoted.slice(1))), 0],
});

/** The type that numbers have where nothing says another. */
const USUAL = "i";

function arrayNode(tokens: Token[], type: string | undefined): Node {
  const element = type?.startsWith("a") ? type.slice(1) : undefined;
  const items: Node[] = [];
  while (tokens[0]?.text !== "]") {
    items.push(parse(tokens, element));
    if (tokens[0]?.text === "]") break;
    expectMark(tokens, ",");
  }
  tokens.shift();
  const known = element ?? items.find(({ signature }) => signature !== undefined)?.signature;
  if (known === undefined && items.length === 0)
    throw new TypeMismatch("an empty array needs a type: @as []");
  return { signature: type ?? `a${known ?? USUAL}`, value: items.map(({ value }) => value) };
}

function expectMark(tokens: Token[], mark: string): void {
  const token = tokens.shift();
  if (token?.kind === "mark" && token.text === mark) return;
  throw new TypeMismatch(`expected ${mark}, received ${token?.text ?? "the end"}`);
}

function parse(tokens: Token[], type: string | undefined): Node {
  const token = tokens.shift();
  if (token === undefined) throw new TypeMismatch("expected a value, received the end");
  const { kind, text } = token;
  const keyword = KEYWORDS[text];
  if (kind === "type") return parse(tokens, text);
  if (kind === "number") return numberNode(text, type);
  if (kind === "text" && text.startsWith("b")) return bytesNode(text);
  if (kind === "text") return { signature: type ?? "s", value: unquote(text) };
  if (kind === "word" && (text === "true" || text === "false")) {
    return { signature: type ?? "b", value: text === "true" };
  }
  if (kind === "word" && keyword !== undefined) return parse(tokens, keyword);
  if (text === "[" && kind === "mark") return arrayNode(tokens, type);
  if (text !== "<" || kind !== "mark") throw new TypeMismatch(`"${text}" is no value`);
  const inner = closed(parse(tokens, undefined));
  expectMark(tokens, ">");
  return { signature: "v", value: inner };
}

const closed = ({ signature = USUAL, value }: Node): Variant => ({ signature, value });

/** The value that a text stands for, with its type. Throws TypeMismatch. */
export function parseVariant(text: string): Variant {
  const tokens = tokensOf(text);
  const variant = closed(parse(tokens, undefined));
  if (tokens[0] !== undefined) throw new TypeMismatch(`"${tokens[0].text}" stands behind the value`);
  // Whether the value is one of its type.
  marshal(variant.signature, [variant.value]);
  return { signature: variant.signature, value: plain(variant.value) };
}

/** Whole numbers as text: 64 bits do not fit into a number, nor a bigint into JSON. */
function plain(value: Value): Value {
  if (typeof value === "bigint") return `${value}`;
  if (isList(value)) return value.map(plain);
  return isVariant(value) ? { ...value, value: plain(value.value) } : value;
}
