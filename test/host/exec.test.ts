import { expect, test } from "bun:test";
import { join } from "node:path";
import { execInPlace } from "../../src/host/exec.ts";
import { close } from "../../src/host/fd.ts";
import { executable } from "../../src/host/memfd.ts";
import { run } from "../support/hutch.ts";
import { lacksProgram, testUnless } from "../support/skip.ts";

const fixture = (name: string): string => join(import.meta.dir, "fixture", name);

function become(script: string, ...args: readonly string[]): ReturnType<typeof run> {
  return run([process.execPath, fixture("exec-in-place.ts"), script, ...args]);
}

test("the program takes Bun's place with the arguments and the environment it was given, and nothing else", async () => {
  const { stdout, code } = await become(
    'echo "$0|$1|$2"; tr "\\0" "\\n" < /proc/$$/environ; exit 7',
    "a b",
    "",
    "ü",
  );
  expect(stdout).toBe("a b||ü\nONLY=this\nGRÜSSE=ja\n");
  expect(code).toBe(7);
});

test("the program has one thread and no descriptor of Bun's", async () => {
  const { stdout } = await become("ls /proc/$$/task | wc -l; ls -l /proc/$$/fd");
  const [threads, ...descriptors] = stdout.trim().split("\n");
  expect(threads).toBe("1");
  expect(descriptors.join("\n")).not.toMatch(/anon_inode|memfd/);
});

test("a process that becomes another does so every time", async () => {
  for (let round = 0; round < 10; round++) expect((await become("exit 3")).code).toBe(3);
});

test("what is no program is refused with its errno, and this process goes on", () => {
  const fd = executable(new TextEncoder().encode("no program"), "text");
  expect(() => execInPlace(fd, ["text"], [])).toThrow(
    `execute text from descriptor ${fd} (AT_EMPTY_PATH): ENOEXEC (exec format error)`,
  );
  close(fd);
});

testUnless(lacksProgram("prlimit"))(
  "the limit of descriptors from before Bun's start is found and set again",
  async () => {
    const command = ["prlimit", "--nofile=123:4567", "sh", "-c", '"$0" "$1"; true', process.execPath];
    const { stdout } = await run([...command, fixture("inherited-nofile.ts")]);
    expect(stdout).toBe("123 4567\n123 4567\n");
  },
);

testUnless(lacksProgram("prlimit"))(
  "the limit of a parent with another hard limit is not taken for one's own",
  async () => {
    const command = ["sh", "-c", 'prlimit --nofile=123:4567 "$0" "$1"; true', process.execPath];
    const { stdout } = await run([...command, fixture("inherited-nofile.ts")]);
    expect(stdout).toBe("unknown\n");
  },
);
