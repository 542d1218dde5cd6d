import { expect, test } from "bun:test";
import { hostArch } from "../../src/host/libc.ts";
import { openFlagNames } from "../../src/host/open-flags.ts";
import { O_APPEND, O_CLOEXEC, O_CREAT, O_PATH, O_RDWR, O_WRONLY, openFlags } from "../../src/linux/fcntl.ts";

const { O_TMPFILE, O_NOFOLLOW } = openFlags(hostArch());

test.each([
  [0, "O_RDONLY"],
  [O_WRONLY | O_CREAT | O_APPEND, "O_WRONLY|O_CREAT|O_APPEND"],
  [O_PATH | O_NOFOLLOW | O_CLOEXEC, "O_PATH|O_NOFOLLOW|O_CLOEXEC"],
  [O_TMPFILE | O_RDWR, "O_RDWR|O_TMPFILE"],
  [0x20000000, "O_RDONLY|0x20000000"],
])("%i is %s", (flags, names) => {
  expect(openFlagNames(flags)).toBe(names);
});
