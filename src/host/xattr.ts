/** Extended attributes of files (xattr(7)); symlinks are not followed. */
import { HutchError } from "../linux/error.ts";
import { errnoOf, failed, syscall, syscallError } from "./syscall.ts";

/** Calls again with more room as long as there is too little; undefined when there is nothing of the kind. */
function grow(operation: string, ask: (into: Uint8Array) => number): Uint8Array | undefined {
  for (let size = 256; ; size *= 4) {
    const bytes = new Uint8Array(new ArrayBuffer(size));
    const length = ask(bytes);
    if (!failed(length)) return new Uint8Array(bytes.buffer, 0, length);
    const errno = errnoOf(length);
    // The file system has none; or the attribute was removed meanwhile.
    if (errno === "EOPNOTSUPP" || errno === "ENODATA") return undefined;
    if (errno !== "ERANGE") throw syscallError(operation, length);
  }
}

/** Every attribute with its value, in the order of the file system. */
export function xattrsOf(path: string): { readonly name: string; readonly value: Uint8Array }[] {
  const list = grow(`list the attributes of ${path}`, (into) =>
    syscall("llistxattr", path, into, into.byteLength),
  );
  const names = new TextDecoder().decode(list ?? new Uint8Array(0)).split("\0");
  return names.flatMap((name) => {
    if (name === "") return [];
    // It would be asked for by another name, and be missing.
    if (name.includes("\uFFFD"))
      throw new HutchError({ operation: `attribute ${name} of ${path}`, reason: "its name is not UTF-8" });
    const value = grow(`read the attribute ${name} of ${path}`, (into) =>
      syscall("lgetxattr", path, name, into, into.byteLength),
    );
    return value === undefined ? [] : [{ name, value: value.slice() }];
  });
}
