import { expect, test } from "bun:test";
import { errnoName, errnoNames, errnoText } from "../../src/linux/errno.ts";
import { HutchError } from "../../src/linux/error.ts";

test("an errno is known by its number, also in the negative form system calls return", () => {
  expect(errnoName(1)).toBe("EPERM");
  expect(errnoName(-38)).toBe("ENOSYS");
  expect(errnoName(4711)).toBe("errno 4711");
});

test("every errno has a text in lowercase", () => {
  const odd = errnoNames().filter((name) => !/^(RFS|XENIX|[a-z.])/.test(errnoText(name)));
  expect(odd).toEqual([]);
  expect(errnoText(1)).toBe("operation not permitted");
  expect(errnoText("ENOENT")).toBe("no such file or directory");
  expect(errnoText(4711)).toBe("unknown error");
});

test("an error says what failed, how, and what to do, and leaves out what is not known", () => {
  const full = new HutchError({ operation: "mount proc on /proc", errno: "EPERM", hint: "be root" });
  expect(full.message).toBe("mount proc on /proc: EPERM (operation not permitted); hint: be root");
  expect(full.exitCode).toBe(125);
  const short = new HutchError({ operation: "read config.json", reason: "is empty", exitCode: 2 });
  expect(short.message).toBe("read config.json: is empty");
  expect(short.exitCode).toBe(2);
  expect(short).toBeInstanceOf(Error);
});
