/**
 * Text told by the lines of a list that both sides have; numbers are LEB128, as in DWARF. So many bytes of
 * UTF-8; behind them so many lines of the list; where those begin, counted from the end of the last ones,
 * with the sign in the lowest bit. And again; the end stands behind bytes, of which there may be none.
 */

function putNumber(out: number[], value: number): void {
  let rest = value;
  for (; rest > 0x7f; rest >>>= 7) out.push((rest & 0x7f) | 0x80);
  out.push(rest);
}

/** Where each line stands. */
export function indexLines(lines: readonly string[]): Map<string, number[]> {
  const places = new Map<string, number[]>();
  for (const [place, line] of lines.entries()) {
    const known = places.get(line);
    if (known === undefined) places.set(line, [place]);
    else known.push(place);
  }
  return places;
}

/** The bytes for a text; `places` is the index of the list. */
export function tellLines(
  text: string,
  list: readonly string[],
  places: ReadonlyMap<string, readonly number[]>,
): Uint8Array {
  const lines = text.split("\n");
  // What stands behind the last newline is no line.
  const rest = lines.pop() ?? "";
  const out: number[] = [];
  const literal = (part: string): void => {
    const bytes = new TextEncoder().encode(part);
    putNumber(out, bytes.length);
    for (const byte of bytes) out.push(byte);
  };
  let told = "";
  let end = 0;
  for (let at = 0; at < lines.length; ) {
    let [count, from] = [0, 0];
    for (const place of places.get(lines[at] ?? "") ?? []) {
      let same = 1;
      while (
        at + same < lines.length &&
        place + same < list.length &&
        lines[at + same] === list[place + same]
      )
        same++;
      if (same > count || (same === count && place === end)) [count, from] = [same, place];
    }
    if (count === 0) {
      told += `${lines[at]}\n`;
      at++;
      continue;
    }
    literal(told);
    told = "";
    putNumber(out, count);
    putNumber(out, from < end ? 2 * (end - from) + 1 : 2 * (from - end));
    end = from + count;
    at += count;
  }
  literal(told + rest);
  return Uint8Array.from(out);
}

const damaged = (): RangeError => new RangeError("no text that was told by lines");

/** The text again, which may be anybody's. Throws RangeError for what tells none, or one longer than `most`. */
export function readLines(bytes: Uint8Array, list: readonly string[], most: number): string {
  let at = 0;
  const takeNumber = (): number => {
    for (let [value, shift] = [0, 0]; shift < 28; shift += 7) {
      const byte = bytes[at++] ?? 0xff;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw damaged();
  };
  const parts: string[] = [];
  let size = 0;
  const put = (part: string): void => {
    size += part.length;
    if (size > most) throw damaged();
    parts.push(part);
  };
  for (let end = 0; ; ) {
    const length = takeNumber();
    if (at + length > bytes.length) throw damaged();
    put(new TextDecoder().decode(bytes.subarray(at, at + length)));
    at += length;
    if (at === bytes.length) return parts.join("");
    const count = takeNumber();
    const distance = takeNumber();
    const from = end + ((distance & 1) === 1 ? -(distance >> 1) : distance >> 1);
    if (from < 0 || from + count > list.length) throw damaged();
    if (count > 0) put(`${list.slice(from, from + count).join("\n")}\n`);
    end = from + count;
  }
}
