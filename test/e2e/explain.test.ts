/** hutch explain: every system call of a container, without a container. */
import { beforeAll, describe, expect } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { NOTE_NAME, OLD_NOTE_NAME, packPlanText } from "../../src/container/plan-note.ts";
import { emit } from "../../src/emit/index.ts";
import { exit } from "../../src/plan/build.ts";
import { hostDifferences, snapshotHost } from "../support/host.ts";
import { HUTCH, hutch, lacksHutch, run } from "../support/hutch.ts";
import { lacksBusybox, rootfs } from "../support/rootfs.ts";
import { anyReason, lacksProgram, lacksRoot, testUnless } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { ordinaryUser } from "../support/user.ts";

const REASON = anyReason(lacksHutch(), lacksBusybox());
const withBusybox = testUnless(REASON);
const withRoot = testUnless(anyReason(REASON, lacksRoot()));

let root = "";
let bundle = "";
beforeAll(async () => {
  if (REASON !== undefined) return;
  root = await rootfs();
  bundle = temporaryDirectory("bundle");
  mkdirSync(join(bundle, "rootfs"));
  await hutch(["spec", "--bundle", bundle]);
});

describe("hutch explain", () => {
  withBusybox("needs no root", async () => {
    const { code, stdout, stderr } = await hutch(["explain", root, "sh"], ordinaryUser());
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("CLONE_NEWUSER");
    expect(stdout).toMatch(/^map the user ids$/m);
  });

  withBusybox("says nothing when its reader has gone", async () => {
    const line = `{ sleep 0.3; "${HUTCH}" explain "${root}" sh; echo $? >&2; } | true`;
    expect((await run(["sh", "-c", line])).stderr).toBe("141\n");
  });

  withBusybox("runs nothing and leaves nothing", async () => {
    const before = snapshotHost();
    const proof = join(root, "tmp/proof");
    expect((await hutch(["explain", "--memory", "64m", root, "touch", "/tmp/proof"])).code).toBe(0);
    expect(existsSync(proof)).toBe(false);
    const left = hostDifferences(before, snapshotHost()).filter((line) => !line.startsWith("processes"));
    expect(left.filter((line) => line.startsWith("mounts") || line.startsWith("state"))).toEqual([]);
  });

  withBusybox("counts the calls that it prints", async () => {
    const { stdout } = await hutch(["explain", root, "sh"]);
    const calls = stdout.split("\n").filter((line) => /^ {4}[a-z0-9_]+\(.*\)( |$)/.test(line));
    const [, counted] = /\n(\d+) system calls in \d+ steps\n$/.exec(stdout) ?? [];
    expect(calls.length).toBe(Number(counted));
    expect(calls.length).toBeGreaterThan(100);
  });

  withBusybox("gives a reason for every call, and names flags", async () => {
    const { stdout } = await hutch(["explain", root, "sh"]);
    const lines = stdout.split("\n");
    const first = lines.findIndex((line) => line.startsWith("    "));
    expect(lines[first - 1]).toMatch(/^\S/);
    for (const word of [
      "CLONE_NEWNS|",
      "MOUNT_ATTR_NOSUID",
      "PR_SET_NO_NEW_PRIVS",
      "RESOLVE_IN_ROOT",
      "MNT_DETACH",
    ]) {
      expect(stdout).toContain(word);
    }
  });

  withBusybox("shows what an option adds", async () => {
    const plain = (await hutch(["explain", root, "sh"])).stdout;
    const named = (await hutch(["explain", "--hostname", "blue", root, "sh"])).stdout;
    expect(plain).not.toContain('sethostname("blue", 4)');
    expect(named).toContain('sethostname("blue", 4)');
    const timed = (await hutch(["explain", "--timeout", "5", root, "sh"])).stdout;
    expect(timed).toContain("setitimer(ITIMER_REAL, {");
    expect(plain).not.toContain("setitimer");
    const tty = (await hutch(["explain", "-t", root, "sh"])).stdout;
    expect(tty).toContain("TIOCGPTPEER");
    expect(plain).not.toContain("TIOCGPTPEER");
  });

  withBusybox("explains a bundle", async () => {
    const { code, stdout, stderr } = await hutch(["explain", "--bundle", bundle]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain(`attach the root ${join(bundle, "rootfs")}`);
    expect(stdout).toMatch(/^mount proc on \/proc/m);
  });

  withBusybox("refuses what a bundle says by itself", async () => {
    for (const more of [["--memory", "64m"], ["sh"], ["--tty", "sh"]]) {
      const { code, stdout, stderr } = await hutch(["explain", "--bundle", bundle, ...more]);
      expect({ more, code, stdout }).toEqual({ more, code: 125, stdout: "" });
      expect(stderr).toContain(`${more[0]}: --bundle takes --output alone`);
    }
  });

  withBusybox("refuses a WHERE that is not there, and explains nothing", async () => {
    const { code, stdout, stderr } = await hutch(["explain", "/not/there", "sh"]);
    expect({ code, stdout }).toEqual({ code: 125, stdout: "" });
    expect(stderr).toContain("/not/there: ENOENT");
  });
});

describe("--output", () => {
  withRoot("writes a program that is the container", async () => {
    const file = join(temporaryDirectory("output"), "box");
    const script = "echo $$; hostname; grep NoNewPrivs /proc/self/status; exit 3";
    const { code, stdout } = await hutch([
      "explain",
      "-o",
      file,
      "--hostname",
      "box",
      root,
      "sh",
      "-c",
      script,
    ]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: "" });
    expect(statSync(file).mode & 0o777).toBe(0o755);
    expect(statSync(file).size).toBeLessThan(65_536);
    expect(await run([file])).toMatchObject({ code: 3, stdout: "1\nbox\nNoNewPrivs:\t1\n", stderr: "" });
  });

  withRoot("writes a program that can be run again and again", async () => {
    const file = join(temporaryDirectory("output"), "box");
    await hutch(["explain", "--output", file, root, "echo", "again"]);
    for (let round = 0; round < 3; round += 1) expect((await run([file])).stdout).toBe("again\n");
  });

  withRoot("writes a program that reports its failures itself", async () => {
    const where = await rootfs();
    const file = join(temporaryDirectory("output"), "box");
    await hutch(["explain", "--output", file, where, "missing"]);
    const { code, stderr } = await run([file]);
    expect(code).toBe(127);
    expect(stderr).toContain("hutch: execute missing: ENOENT");
  });

  testUnless(anyReason(REASON, lacksRoot(), lacksProgram("readelf")))(
    "is a static ELF executable",
    async () => {
      const file = join(temporaryDirectory("output"), "box");
      await hutch(["explain", "--output", file, root, "true"]);
      const { stdout } = await run(["readelf", "-lh", file]);
      expect(stdout).toMatch(/Type: +EXEC/);
      expect(stdout).not.toContain("INTERP");
      expect(stdout).not.toMatch(/RWE/);
    },
  );

  withBusybox("names the file that cannot be written", async () => {
    const { code, stderr } = await hutch(["explain", "--output", "/not/there/box", root, "true"]);
    expect(code).toBe(125);
    expect(stderr).toStartWith(
      "hutch: --output /not/there/box: ENOENT (no such file or directory); hint: mkdir -p /not/there",
    );
  });

  withRoot("a bundle becomes a program, too", async () => {
    const file = join(temporaryDirectory("output"), "box");
    const config = join(bundle, "config.json");
    const spec = JSON.parse(readFileSync(config, "utf8"));
    const own = temporaryDirectory("bundle");
    const process = { ...spec.process, terminal: false, args: ["sh", "-c", "echo in the bundle; exit 4"] };
    writeFileSync(join(own, "config.json"), JSON.stringify({ ...spec, root: { path: root }, process }));
    chmodSync(own, 0o755);
    expect((await hutch(["explain", "--bundle", own, "--output", file])).stderr).toBe("");
    expect(await run([file])).toMatchObject({ code: 4, stdout: "in the bundle\n", stderr: "" });
  });
});

describe("hutch explain of a forged file", () => {
  /** A program that holds nothing but this text of a plan. */
  function forged(deflated: Uint8Array, name = NOTE_NAME): string {
    const file = join(temporaryDirectory("forged"), "box");
    const note = [{ name, bytes: deflated }];
    writeFileSync(
      file,
      emit([exit(0, "end")], { arch: "x86_64", report: { kind: "print", prefix: "x" }, note }),
    );
    return file;
  }
  const deflate = (text: string | Uint8Array<ArrayBuffer>): Uint8Array => Bun.deflateSync(text);

  withBusybox("says that it is damaged", async () => {
    const whole = deflate("a text");
    for (const bytes of [new Uint8Array(0), whole.subarray(0, 4), new Uint8Array(100).fill(255)]) {
      for (const name of [NOTE_NAME, OLD_NOTE_NAME]) {
        const { code, stderr } = await hutch(["explain", forged(bytes, name)]);
        expect(stderr).toMatch(/^hutch: explain \S+: the text of its plan is damaged\n$/);
        expect(code).toBe(125);
      }
    }
  });

  withBusybox("does not unpack without end", async () => {
    for (const name of [NOTE_NAME, OLD_NOTE_NAME]) {
      const { code, stderr } = await hutch(["explain", forged(deflate(new Uint8Array(2 ** 27)), name)]);
      expect({ code, stderr }).toMatchObject({ code: 125, stderr: expect.stringContaining("damaged") });
    }
  });

  withBusybox("lets none of it command the terminal", async () => {
    const text = "\x1b]0;title\x07one\u009b31mtwo\n";
    for (const file of [forged(deflate(text), OLD_NOTE_NAME), forged(packPlanText(text))])
      expect((await hutch(["explain", file])).stdout).toBe("\uFFFD]0;title\uFFFDone\uFFFD31mtwo\n");
  });
});
