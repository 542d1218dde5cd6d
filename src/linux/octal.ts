/** How the kernel writes names in /proc: what would end a field is a backslash and three octal digits. */

/** Undoes that for spaces, tabs, newlines, backslashes and number signs; the bytes are UTF-8. */
export const unescapeOctal = (text: string): string =>
  // Escapes are rare, and to compile the expression takes time.
  text.includes("\\")
    ? text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
    : text;
