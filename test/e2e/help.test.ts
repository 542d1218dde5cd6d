/** Help, versions, and what is said to a command line that means nothing. */
import { beforeAll, describe, expect, test } from "bun:test";
import { hutch, lacksHutch } from "../support/hutch.ts";
import { testUnless } from "../support/skip.ts";

const withHutch = testUnless(lacksHutch());
const COMMANDS = [
  "in",
  "run",
  "explain",
  "spec",
  "create",
  "start",
  "state",
  "exec",
  "kill",
  "delete",
].concat(["list", "ps", "pause", "resume", "events", "update", "features", "checkpoint", "restore"]);
/** Commands without an option or an example have no heading for them. */
const BARE = ["start", "state", "pause", "resume", "features", "checkpoint", "restore"];

describe("help", () => {
  for (const words of [["--help"], ["-h"], ["help"]]) {
    withHutch(`hutch ${words.join(" ")} names every command, on standard output`, async () => {
      const { code, stdout, stderr } = await hutch(words);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      for (const name of COMMANDS) expect(stdout).toMatch(new RegExp(`^  ${name} `, "m"));
      expect(stdout).toBe((await hutch(["--help"])).stdout);
    });
  }

  for (const name of COMMANDS) {
    withHutch(`of ${name} is the same by --help, -h and help ${name}`, async () => {
      const { code, stdout, stderr } = await hutch([name, "--help"]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(stdout).toStartWith(`hutch ${name}: `);
      for (const heading of BARE.includes(name) ? ["USAGE"] : ["USAGE", "OPTIONS", "EXAMPLES"])
        expect(stdout).toMatch(new RegExp(`^${heading}$`, "m"));
      expect((await hutch([name, "-h"])).stdout).toBe(stdout);
      expect((await hutch(["help", name])).stdout).toBe(stdout);
    });
  }

  withHutch("is plain text, also when a terminal is promised", async () => {
    const env = { FORCE_COLOR: "1", TERM: "xterm-256color" };
    for (const words of [["--help"], ["in", "--help"]]) {
      expect((await hutch(words, { env })).stdout).not.toContain("\x1b");
    }
  });

  withHutch("stands between the options, and after WHERE it is the command's", async () => {
    expect((await hutch(["in", "--memory", "64m", "--help"])).stdout).toStartWith("hutch in: ");
    expect((await hutch(["in", "--env", "--help"])).stdout).not.toStartWith("hutch in: ");
    const { stdout } = await hutch(["explain", "/", "ls", "--help"]);
    expect(stdout).toContain('"--help"');
  });

  withHutch("every example of hutch in is a command line that explain understands", async () => {
    const { stdout } = await hutch(["in", "--help"]);
    const lines = [...stdout.matchAll(/^ {2}hutch in (.*)$/gm)].map(([, line = ""]) => line.trim()).slice(1);
    expect(lines.length).toBeGreaterThan(5);
    for (const line of lines) {
      const words = line.split(" ").map((word) => word.replace("./rootfs", "/").replace("./layer", "/tmp"));
      expect({ line, ...(await hutch(["explain", ...words])) }).toMatchObject({ line, code: 0, stderr: "" });
    }
  });
});

describe("the version", () => {
  for (const words of [["--version"], ["-v"], ["version"]]) {
    withHutch(`hutch ${words.join(" ")} prints four lines that programs can read`, async () => {
      const { code, stdout, stderr } = await hutch(words);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(stdout).toMatch(
        /^hutch version \d+\.\d+\.\d+\ncommit: ([0-9a-f]{40}|unknown)\nspec: 1\.3\.0\nbun: \d+\.\d+\.\d+\n$/,
      );
    });
  }
});

describe("a command line that means nothing", () => {
  const says = async (words: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await hutch(words);
    expect({ words, code, stdout }).toEqual({ words, code: 125, stdout: "" });
    return stderr;
  };

  withHutch("gets the nearest right word", async () => {
    expect(await says(["rum"])).toContain("did you mean hutch run?");
    expect(await says(["explian"])).toContain("did you mean hutch explain?");
    expect(await says(["in", "--memroy", "64m", "/", "true"])).toContain("did you mean --memory?");
    expect(await says(["in", "--cap-add", "NET_ADMN", "/", "true"])).toContain("CAP_NET_ADMIN?");
    expect(await says(["in", "--share", "nte", "/", "true"])).toContain("net?");
  });

  withHutch("without any word gets the overview, on standard error", async () => {
    const overview = await hutch(["--help"]);
    expect(await says([])).toContain(overview.stdout.trimEnd());
  });
});

let texts: Readonly<Record<string, string>> = {};
beforeAll(async () => {
  if (lacksHutch() !== undefined) return;
  const list = await Promise.all(
    COMMANDS.map(async (name) => [name, (await hutch([name, "--help"])).stdout] as const),
  );
  texts = Object.fromEntries(list);
});

test.skipIf(lacksHutch() !== undefined)("no line of help is wider than a terminal of 120 columns", () => {
  for (const [name, text] of Object.entries(texts)) {
    const wide = text.split("\n").filter((line) => line.length > 120);
    expect({ name, wide }).toEqual({ name, wide: [] });
  }
});
