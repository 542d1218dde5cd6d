/** Escapes by way of processes: the runtime's program, inherited descriptors, working directories, chroot. */
import { beforeAll, describe, expect } from "bun:test";
import {
  chmodSync,
  chownSync,
  closeSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { AT_FDCWD, O_CLOEXEC, O_RDONLY } from "../../src/linux/fcntl.ts";
import { branch, call, exit, label, slot } from "../../src/plan/build.ts";
import type { Plan } from "../../src/plan/step.ts";
import { attempt, configOf, runConfig, writeProgram } from "../support/attack.ts";
import { HUTCH, hutch, lacksHutch, run } from "../support/hutch.ts";
import { lacksBusybox, rootfs } from "../support/rootfs.ts";
import { anyReason, lacksRoot, testUnless } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const ready = anyReason(lacksHutch(), lacksBusybox());
const anyone = testUnless(ready);
const rooted = testUnless(anyReason(ready, lacksRoot()));

let root = "";
let secret = "";

beforeAll(async () => {
  if (ready !== undefined) return;
  root = await rootfs();
  secret = temporaryDirectory("secret");
  writeFileSync(join(secret, "witness"), "the host's own\n");
});

const digest = async (path: string): Promise<string> =>
  new Bun.CryptoHasher("sha256").update(await Bun.file(path).arrayBuffer()).digest("hex");

/** What all of these try: to read, to write and to run the program of another process. */
const TOUCH_EXE = `for exe in "$@"; do
  cat $exe > /dev/null 2>&1 && echo "read $exe"
  dd if=/dev/zero of=$exe bs=1 count=1 conv=notrunc 2> /dev/null && echo "wrote $exe"
  (: > $exe) 2> /dev/null && echo "emptied $exe"
  $exe > /dev/null 2>&1 && echo "ran $exe"
done; true`;

describe("the runtime's own program (CVE-2019-5736)", () => {
  anyone("cannot be run as /proc/self/exe", async () => {
    const result = await hutch(["in", root, "/proc/self/exe", "spec"]);
    expect(result).toMatchObject({ code: 126, stdout: "" });
    expect(result.stderr).toMatch(/^hutch: execute \/proc\/self\/exe: execve: EACCES/);
  });

  anyone("cannot be run as the interpreter of a #! line", async () => {
    writeFileSync(join(root, "bang"), "#!/proc/self/exe\n");
    chmodSync(join(root, "bang"), 0o755);
    const result = await hutch(["in", root, "/bang"]);
    expect(result).toMatchObject({ code: 126, stdout: "" });
    expect(result.stderr).toMatch(/^hutch: execute \/bang: execve: EACCES/);
  });

  anyone("cannot be run over a symlink of the image", async () => {
    symlinkSync("/proc/self/exe", join(root, "bin/innocent"));
    const result = await hutch(["in", root, "innocent"]);
    rmSync(join(root, "bin/innocent"));
    expect(result.code).toBe(126);
    expect(result.stderr).toMatch(/^hutch: execute .*EACCES/);
  });

  anyone("cannot be reached through /proc/self/fd", async () => {
    const results = await Promise.all(
      [3, 4, 5, 6, 100].map((fd) => hutch(["in", root, `/proc/self/fd/${fd}`])),
    );
    for (const { code, stderr } of results) {
      expect([126, 127]).toContain(code ?? 0);
      expect(stderr).toMatch(/^hutch: execute .*(EACCES|ENOENT|ELOOP|ENXIO)/);
    }
  });

  rooted("is neither read nor written nor run by /proc/1/exe below --init", async () => {
    const before = await digest(HUTCH);
    const result = await hutch(["in", "--init", root, "sh", "-c", TOUCH_EXE, "sh", "/proc/1/exe"]);
    expect(result).toMatchObject({ code: 0, stdout: "" });
    expect(await digest(HUTCH)).toBe(before);
  });

  rooted(
    "is neither read nor written nor run by /proc/PID/exe of the launcher with --share pid",
    async () => {
      const before = await digest(HUTCH);
      const script = `ppid=$(grep PPid /proc/$$/status | cut -f2); echo "launcher $(cat /proc/$ppid/comm)"
      set -- /proc/$ppid/exe; ${TOUCH_EXE}
      for link in root cwd exe fd/0 fd/2 fd/3 ns/mnt; do readlink /proc/$ppid/$link; done 2> /dev/null
      for file in environ maps mem auxv stack; do cat /proc/$ppid/$file; done 2> /dev/null`;
      const result = await hutch(["in", "--share", "pid", root, "sh", "-c", script]);
      expect(result.code).not.toBe(125);
      expect(result.stdout).toMatch(/^launcher \S+\n$/);
      expect(await digest(HUTCH)).toBe(before);
    },
  );

  rooted(
    "with --share pid and CAP_SYS_PTRACE the launcher's sealed program still cannot be written",
    async () => {
      const script = `ppid=$(grep PPid /proc/$$/status | cut -f2)
      dd if=/dev/zero of=/proc/$ppid/exe bs=1 count=1 conv=notrunc 2> /dev/null && echo wrote
      (: > /proc/$ppid/exe) 2> /dev/null && echo emptied; /proc/$ppid/exe 2> /dev/null && echo ran; true`;
      const options = ["--share", "pid", "--cap-add", "SYS_PTRACE"];
      const result = await hutch(["in", ...options, root, "sh", "-c", script]);
      expect(result).toMatchObject({ code: 0, stdout: "" });
    },
  );
});

describe("inherited descriptors (CVE-2024-21626)", () => {
  const NUMBERS = [3, 4, 5, 6, 7, 8, 9, 50, 99, 100, 101, 200];
  const listing = (command: string): string[] => ["sh", "-c", `exec ${command}`];
  const opened = NUMBERS.map((fd) => (fd < 10 ? `${fd}<${"$1"}` : "")).join(" ");

  anyone("of a host directory, on 3 to 9, are closed inside", async () => {
    const command = `exec ${opened}; exec "$2" in "$3" sh -c 'ls /proc/1/fd; true'`;
    const result = await run(["sh", "-c", command, "sh", secret, HUTCH, root]);
    expect(result).toMatchObject({ code: 0, stdout: "0\n1\n2\n" });
  });

  anyone("above 9 are closed inside", async () => {
    const command = `exec 10<$1 50<$1 100<$1 200<$1; exec "$2" in "$3" sh -c 'ls /proc/1/fd; true'`;
    const result = await run(["bash", "-c", command, "sh", secret, HUTCH, root]);
    expect(result).toMatchObject({ code: 0, stdout: "0\n1\n2\n" });
  });

  anyone("do not reach the process below --init either, nor its reaper", async () => {
    const command = `exec ${opened}; exec "$2" in --init "$3" sh -c 'ls /proc/self/fd; ls /proc/1/fd'`;
    const result = await run(["sh", "-c", command, "sh", secret, HUTCH, root]);
    // 3 is the directory that ls itself reads; the files of pid 1 are not even to be listed.
    expect(result.stdout).toBe("0\n1\n2\n3\n");
  });

  for (const fds of ["<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"]) {
    anyone(
      `standard streams that the caller closed (${fds}) do not become something of hutch's`,
      async () => {
        const out = join(temporaryDirectory("closed"), "out");
        writeFileSync(out, "");
        const script = "ls -l /proc/1/fd > /out/out; true";
        const bind = `--bind ${join(out, "..")}:/out`;
        await run(["sh", "-c", `exec ${HUTCH} in ${bind} ${root} sh -c '${script}' ${fds}`]);
        const closed = fds.replaceAll("<&-", "0").replaceAll("2>&-", "2").replaceAll(">&-", "1").split(" ");
        const lines = (await Bun.file(out).text()).split("\n").filter((line) => line.includes(" -> "));
        const open = lines.map((line) => line.replace(/.* (\d+) -> /, "$1 "));
        const wrong = open.filter(
          (line) => !["0", "1", "2"].includes(line[0] ?? "") || closed.includes(line[0] ?? ""),
        );
        expect(lines.length).toBeGreaterThanOrEqual(3 - closed.length);
        expect(wrong.filter((line) => !/ (\/dev\/null|\/out\/out)$/.test(line))).toEqual([]);
      },
    );
  }

  anyone("exactly as many as --preserve-fds says go through", async () => {
    const config = configOf(root, { process: { args: ["sh", "-c", "ls /proc/1/fd; true"] } });
    const directory = temporaryDirectory("preserve");
    writeFileSync(join(directory, "config.json"), JSON.stringify(config));
    const command = `exec 3<$1 4<$1 5<$1; exec "$2" run --preserve-fds 1 --bundle "$1" preserve-${process.pid}`;
    const result = await run(["sh", "-c", command, "sh", directory, HUTCH]);
    if (process.getuid?.() === 0) expect(result).toMatchObject({ code: 0, stdout: "0\n1\n2\n3\n" });
  });

  anyone("all of them go through, not the first alone", async () => {
    const config = configOf(root, { process: { args: ["sh", "-c", "ls /proc/1/fd; true"] } });
    const directory = temporaryDirectory("preserve");
    writeFileSync(join(directory, "config.json"), JSON.stringify(config));
    const command = `exec 3<$1 4<$1 5<$1; exec "$2" run --preserve-fds 3 --bundle "$1" preserve-${process.pid}`;
    const result = await run(["sh", "-c", command, "sh", directory, HUTCH]);
    if (process.getuid?.() === 0) expect(result).toMatchObject({ code: 0, stdout: "0\n1\n2\n3\n4\n5\n" });
  });

  for (const count of [1, 2, 3, 20]) {
    anyone(`${count} to be preserved, but not open: the launcher's own do not take their place`, async () => {
      const directory = temporaryDirectory("preserve");
      writeFileSync(join(directory, "config.json"), JSON.stringify(configOf(root)));
      const result = await hutch([
        "run",
        "--preserve-fds",
        `${count}`,
        "--bundle",
        directory,
        `preserve-${process.pid}`,
      ]);
      expect(result).toMatchObject({ code: 125, stdout: "" });
      expect(result.stderr).toMatch(/^hutch: --preserve-fds \d+: descriptor \d+: EBADF/);
    });
  }

  anyone("the listing that is used here does see a descriptor that leaks", async () => {
    const result = await run([...listing("3</ ls /proc/self/fd")]);
    expect(result.stdout).toBe("0\n1\n2\n3\n4\n");
  });
});

describe("a working directory outside of the root (CVE-2024-21626)", () => {
  for (const fd of [3, 5, 7, 8, 9, 10, 11, 12, 13, 20, 100]) {
    anyone(`/proc/self/fd/${fd} is refused`, async () => {
      const file = openSync(secret, "r");
      const result = await hutch(["in", "--workdir", `/proc/self/fd/${fd}`, root, "cat", "witness"]);
      closeSync(file);
      expect(result).toMatchObject({ code: 125, stdout: "" });
      expect(result.stderr).toMatch(/^hutch: .*\/proc\/self\/fd.*(EXDEV|ELOOP|ENOENT|ENOTDIR|EACCES|EPERM)/);
    });
  }

  anyone("a symlink of the image to /proc/self/fd/7 is refused too", async () => {
    symlinkSync("/proc/self/fd/7", join(root, "innocent"));
    const result = await run([
      ...["sh", "-c", `exec 7<$1; exec "$2" in --workdir /innocent "$3" cat witness`],
      ...["sh", secret, HUTCH, root],
    ]);
    expect(result).toMatchObject({ code: 125, stdout: "" });
    expect(result.stderr).toMatch(/^hutch: .*\/innocent/);
  });

  rooted("process.cwd of a bundle is held to the same", async () => {
    for (const cwd of ["/proc/self/fd/7", "/proc/self/cwd", "/proc/1/root", "/proc/self/fd/3/../.."]) {
      const result = await runConfig(configOf(root, { process: { cwd, args: ["ls", "-l"] } }));
      expect(result).toMatchObject({ code: 125, stdout: "" });
      expect(result.stderr).toMatch(/^hutch: .*working directory/);
    }
  });

  anyone("the caller's own working directory is not kept", async () => {
    const result = await hutch(["in", root, "sh", "-c", "readlink /proc/self/cwd; ls witness"], {
      cwd: secret,
    });
    expect(result.stdout).toBe("/\n");
  });
});

/** What breaks out of most set-ups; not "all", because the caller's root may lack some itself. */
const MANY = ["SYS_ADMIN", "SYS_CHROOT", "SYS_PTRACE", "DAC_READ_SEARCH", "MKNOD"].flatMap((name) => [
  "--cap-add",
  name,
]);

/** Steps out of a chroot: a descriptor of the old root, a chroot below it, and up. Then looks for `path`. */
function doubleChroot(path: string): Plan {
  const old = slot("old root");
  return [
    attempt(["make a place", "mkdirat", AT_FDCWD, "hole", 0o755]),
    call("keep the root", "openat", [AT_FDCWD, "/", O_RDONLY | O_CLOEXEC, 0], { into: old }),
    call("go below", "chroot", ["hole"]),
    call("come back by descriptor", "fchdir", [old]),
    ...Array.from({ length: 40 }, () => call("go up", "chdir", [".."])),
    call("stay there", "chroot", ["."]),
    attempt(["look for the host", "openat", AT_FDCWD, path, O_RDONLY, 0], slot("found")),
    branch(slot("found"), "lt", 0, "not found"),
    exit(0, "escaped"),
    label("not found"),
    exit(9, "inside"),
  ];
}

describe("chroot", () => {
  rooted(
    "twice, with CAP_SYS_CHROOT, ends at the container's root; the same leaves a mere chroot",
    async () => {
      writeProgram(join(root, "double-chroot"), doubleChroot(join(secret, "witness")));
      expect(await hutch(["in", root, "/double-chroot"])).toMatchObject({ code: 9, stderr: "" });
      expect(await hutch(["in", ...MANY, root, "/double-chroot"])).toMatchObject({ code: 9 });
      expect(await run(["chroot", root, "/double-chroot"])).toMatchObject({ code: 0, stderr: "" });
      rmSync(join(root, "hole"), { recursive: true });
    },
  );

  anyone('".." at the root is the root', async () => {
    const script =
      "cd ../../../..; pwd -P; test / -ef /../.. && echo same; test / -ef /proc/self/root && echo same";
    expect((await hutch(["in", root, "sh", "-c", script])).stdout).toBe("/\nsame\nsame\n");
  });

  rooted("all capabilities and unmounting everything do not bring the old root back", async () => {
    const script = `for i in 1 2 3; do cut -d" " -f5 /proc/self/mountinfo | sort -r | while read p; do
      umount -l "$p" 2>/dev/null; done; done; cat ${secret}/witness 2>/dev/null; echo end`;
    const options = [...MANY, "--seccomp", "off"];
    const result = await hutch(["in", ...options, root, "sh", "-c", script]);
    expect(result.stdout).not.toContain("the host's own");
  });
});

rooted(
  "a setuid program of the image gives nothing (no_new_privs); after a mere chroot it gives root",
  async () => {
    const program = join(root, "setuid");
    const euid = slot("euid");
    writeProgram(program, [call("who am I", "geteuid", [], { into: euid }), exit(euid, "tell")]);
    chmodSync(program, 0o4755);
    expect(await hutch(["in", "--user", "77:77", root, "/setuid"])).toMatchObject({ code: 77, stderr: "" });
    expect(await run(["chroot", "--userspec=77:77", root, "/setuid"])).toMatchObject({ code: 0, stderr: "" });
  },
);

describe("a program that was kept for the next start", () => {
  /** Starts a container, puts another program into its kept file, has `spoil` do the rest, and starts it again. */
  async function startSpoiled(spoil: (directory: string, file: string) => void): Promise<string> {
    const directory = temporaryDirectory("kept");
    const options = { env: { HUTCH_CACHE: directory } };
    expect(await hutch(["in", root, "echo", "mine"], options)).toMatchObject({ code: 0, stdout: "mine\n" });
    const [name = ""] = readdirSync(directory);
    const file = join(directory, name);
    const program = join(secret, "foreign");
    writeProgram(program, [call("show", "write", [1, "foreign\n", 8]), exit(0, "done")]);
    const kept = readFileSync(file);
    writeFileSync(file, Buffer.concat([kept.subarray(0, kept.indexOf("\n") + 1), readFileSync(program)]));
    spoil(directory, file);
    return (await hutch(["in", root, "echo", "mine"], options)).stdout;
  }

  rooted("is run again when it is the caller's own (so the tests below can fail)", async () => {
    expect(await startSpoiled(() => {})).toBe("foreign\n");
  });

  const CASES: readonly (readonly [name: string, spoil: (directory: string, file: string) => void])[] = [
    ["another user's", (_, file) => chownSync(file, 20_001, 20_001)],
    ["writable by others", (_, file) => chmodSync(file, 0o602)],
    ["in another user's directory", (directory) => chownSync(directory, 20_001, 20_001)],
    ["in a directory that others may write to", (directory) => chmodSync(directory, 0o777)],
    [
      "a symlink",
      (_, file) => {
        renameSync(file, join(secret, "elsewhere"));
        chownSync(join(secret, "elsewhere"), 20_001, 20_001);
        symlinkSync(join(secret, "elsewhere"), file);
      },
    ],
    ["cut off", (_, file) => truncateSync(file, 40)],
    ["no JSON at its head", (_, file) => writeFileSync(file, "nonsense\nnonsense")],
    [
      "of wrong types at its head",
      (_, file) => writeFileSync(file, '{"answers":[7],"warnings":{}}\nnonsense'),
    ],
  ];
  for (const [name, spoil] of CASES) {
    rooted(`is not run when it is ${name}: the container is planned anew`, async () => {
      expect(await startSpoiled(spoil)).toBe("mine\n");
    });
  }
});
