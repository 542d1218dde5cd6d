/** JSON as hutch writes it of what the kernel counts. */

/** JSON whose whole numbers stay exact. */
export type Json =
  | bigint
  | number
  | string
  | null
  | readonly Json[]
  | { readonly [name: string]: Json | undefined };

/** As JSON.stringify, with bigints as numbers. */
export function jsonText(value: Json): string {
  if (typeof value === "bigint") return `${value}`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (isList(value)) return `[${value.map(jsonText).join(",")}]`;
  const members = Object.entries(value).flatMap(([name, member]) =>
    member === undefined ? [] : [`${JSON.stringify(name)}:${jsonText(member)}`],
  );
  return `{${members.join(",")}}`;
}

const isList = (value: object): value is readonly Json[] => Array.isArray(value);
