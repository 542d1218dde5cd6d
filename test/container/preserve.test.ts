import { expect, test } from "bun:test";
import { join } from "node:path";
import { MOST_PRESERVED, PROGRAM_DESCRIPTOR } from "../../src/container/preserve.ts";
import { open, using } from "../../src/host/fd.ts";
import { O_RDONLY } from "../../src/linux/fcntl.ts";

const SRC = join(import.meta.dir, "../../src");

/** In a Bun of its own: which descriptors are let through an exec, or why none. */
const PROGRAM = `
  const { preserve } = await import("${SRC}/container/preserve.ts");
  const { call } = await import("${SRC}/host/syscall.ts");
  const { F_GETFD } = await import("${SRC}/linux/fcntl.ts");
  try {
    preserve(Number(process.argv[1]));
    console.log([3, 4, 5].filter((fd) => call("flags", "fcntl", fd, F_GETFD) === 0).join());
  } catch (error) {
    console.log(error.message);
  }`;

/** What it says that is handed so many descriptors, and preserves `count`. */
const preserved = (handed: number, count: number): string =>
  using(open("/dev/null", O_RDONLY), (fd) => {
    const { stdout, stderr } = Bun.spawnSync([process.execPath, "-e", PROGRAM, `${count}`], {
      stdio: ["ignore", "pipe", "pipe", ...Array.from({ length: handed }, () => fd)],
    });
    return `${stderr}${stdout}`.trim();
  });

test("as many descriptors are handed on as are asked for, and no more", () => {
  expect(preserved(3, 3)).toBe("3,4,5");
  expect(preserved(3, 2)).toBe("3,4");
  expect(preserved(3, 1)).toBe("3");
});

test("a descriptor that the caller has not opened is refused, though Bun has one of that number", () => {
  const refusal = (count: number, fd: number): string => `--preserve-fds ${count}: descriptor ${fd}: EBADF`;
  expect(preserved(0, 1)).toStartWith(refusal(1, 3));
  expect(preserved(2, 3)).toStartWith(refusal(3, 5));
});

test("those that can be preserved end right below the program's own", () => {
  expect(3 + MOST_PRESERVED).toBe(PROGRAM_DESCRIPTOR);
});
