import { describe, expect, test } from "bun:test";
import { CLONE_CLEAR_SIGHAND, CLONE_NEWPID } from "../../src/linux/sched.ts";
import { integerText, signatureOf } from "../../src/linux/signature.ts";
import type { SyscallName } from "../../src/linux/syscall.ts";
import { CLONE_WORDS, MOUNT_ATTR_WORDS, word, words } from "../../src/linux/words.ts";

/** The integer arguments of a call as they are printed. */
function shown(name: SyscallName, args: readonly (number | bigint)[]): string {
  const signature = signatureOf(name, args);
  return args.map((value, place) => integerText(value, signature[place]?.[1] ?? "hex", "x86_64")).join(", ");
}

describe("words", () => {
  test("are joined, and what none explains is left in hexadecimal", () => {
    expect(words(0x3, MOUNT_ATTR_WORDS)).toBe("MOUNT_ATTR_RDONLY|MOUNT_ATTR_NOSUID");
    expect(words(0x1_0000_0001n, MOUNT_ATTR_WORDS)).toBe("MOUNT_ATTR_RDONLY|0x100000000");
    expect(words(0, MOUNT_ATTR_WORDS)).toBe("0");
  });

  test("of several bits count only whole", () => {
    expect(words(0x70, MOUNT_ATTR_WORDS)).toBe("MOUNT_ATTR__ATIME");
    expect(words(0x10, MOUNT_ATTR_WORDS)).toBe("MOUNT_ATTR_NOATIME");
  });

  test("cover flags beyond 32 bits", () => {
    expect(words(CLONE_CLEAR_SIGHAND | BigInt(CLONE_NEWPID), CLONE_WORDS)).toBe(
      "CLONE_NEWPID|CLONE_CLEAR_SIGHAND",
    );
  });

  test("that are no flags must be the number exactly", () => {
    expect(word(2, { A: 1, B: 2 })).toBe("B");
    expect(word(3, { A: 1, B: 2 })).toBe("3");
  });
});

describe("calls print as strace prints them", () => {
  const cases: [SyscallName, (number | bigint)[], string][] = [
    ["openat", [-100, 0, 0o2200000, 0], "AT_FDCWD, NULL, O_RDONLY|O_CLOEXEC|O_DIRECTORY, 0"],
    ["openat", [3, 0, 0o10000000, 0], "3, NULL, O_PATH, 0"],
    ["openat", [3, 0, 0o1101, 0o644], "3, NULL, O_WRONLY|O_CREAT|O_TRUNC, 0644"],
    ["mknodat", [3, 0, 0o20666, 0x103], "3, NULL, S_IFCHR|0666, makedev(1, 3)"],
    ["clone", [0x20000011, 0], "CLONE_NEWPID|SIGCHLD, NULL"],
    ["umount2", [0, 2], "NULL, MNT_DETACH"],
    ["unlinkat", [3, 0, 0x200], "3, NULL, AT_REMOVEDIR"],
    ["faccessat2", [3, 0, 5, 0x200], "3, NULL, R_OK|X_OK, AT_EACCESS"],
    ["setresuid", [0, 0xffffffff, -1], "0, -1, -1"],
    ["prctl", [24, 21], "PR_CAPBSET_DROP, CAP_SYS_ADMIN"],
    ["prctl", [47, 2, 3], "PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_FOWNER"],
    ["prctl", [38, 1, 0, 0, 0], "PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0"],
    ["fcntl", [4, 1033, 15], "4, F_ADD_SEALS, F_SEAL_SEAL|F_SEAL_SHRINK|F_SEAL_GROW|F_SEAL_WRITE"],
    ["ioctl", [3, 0x540e, 0], "3, TIOCSCTTY, 0"],
    ["socket", [1, 0o2000001, 0], "AF_UNIX, SOCK_STREAM|SOCK_CLOEXEC, 0"],
    ["kill", [-1, 9], "-1, SIGKILL"],
    ["prlimit64", [0, 7, 0, 0], "0, RLIMIT_NOFILE, NULL, NULL"],
    ["setns", [5, 0], "5, 0"],
    ["personality", [8], "PER_LINUX32"],
  ];
  test.each(cases)("%s(%p)", (name, args, expected) => {
    expect(shown(name, args)).toBe(expected);
  });

  test("open flags are those of the architecture", () => {
    expect(integerText(0o40000, "open", "x86_64")).toBe("O_RDONLY|O_DIRECT");
    expect(integerText(0o40000, "open", "aarch64")).toBe("O_RDONLY|O_DIRECTORY");
  });

  test("a call without a signature still shows its numbers", () => {
    expect(shown("mseal", [16, 3])).toBe("0x10, 3");
  });
});
