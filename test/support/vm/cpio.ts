/**
 * Writes an initramfs: a cpio archive in the format "newc", uncompressed (the kernel's
 * Documentation/driver-api/early-userspace/buffer-format.rst).
 */

export type Entry =
  | { readonly kind: "file"; readonly path: string; readonly mode: number; readonly data: Uint8Array }
  | { readonly kind: "directory"; readonly path: string; readonly mode: number }
  | { readonly kind: "link"; readonly path: string; readonly target: string }
  | {
      readonly kind: "device";
      readonly path: string;
      readonly mode: number;
      readonly major: number;
      readonly minor: number;
    };

/** The file types of stat(2). */
const TYPE: Readonly<Record<Entry["kind"], number>> = {
  file: 0o100000,
  directory: 0o040000,
  link: 0o120000,
  device: 0o020000,
};

const text = new TextEncoder();
const padding = (length: number): Uint8Array => new Uint8Array(-length & 3);

/** Six letters of magic and thirteen fields of eight hexadecimal digits, then the name and a zero. */
function header(name: string, fields: Readonly<Record<string, number>>): Uint8Array {
  const bytes = text.encode(`${name}\0`);
  const { ino = 0, mode = 0, size = 0, major = 0, minor = 0 } = fields;
  const all = [ino, mode, 0, 0, 1, 0, size, 0, 0, major, minor, bytes.length, 0];
  return text.encode(`070701${all.map((field) => field.toString(16).padStart(8, "0")).join("")}${name}\0`);
}

function dataOf(entry: Entry): Uint8Array {
  if (entry.kind === "file") return entry.data;
  return entry.kind === "link" ? text.encode(entry.target) : new Uint8Array();
}

/** The pieces of an archive, to be written one after the other. Directories stand before what is in them. */
export function cpio(entries: readonly Entry[]): Uint8Array[] {
  const pieces = entries.flatMap((entry, index) => {
    const data = dataOf(entry);
    const mode = TYPE[entry.kind] | (entry.kind === "link" ? 0o777 : entry.mode);
    const device = entry.kind === "device" ? { major: entry.major, minor: entry.minor } : {};
    const name = entry.path.replace(/^\//, "");
    const head = header(name, { ino: index + 1, mode, size: data.length, ...device });
    return [head, padding(head.length), data, padding(data.length)];
  });
  const trailer = header("TRAILER!!!", {});
  return [...pieces, trailer, padding(trailer.length)];
}
