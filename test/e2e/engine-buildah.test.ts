/** buildah, with hutch in the place of runc. */
import { afterAll, beforeAll, expect } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Box, IMAGE, lacksEngine, openBox, RUNTIME, rootArchive } from "../support/engines.ts";
import type { HutchResult } from "../support/hutch.ts";
import { testUnless } from "../support/skip.ts";

const lacksBuildah = lacksEngine("buildah");
const withBuildah = testUnless(lacksBuildah);

let box: Box | undefined;

function opened(): Box {
  if (box === undefined) throw new Error("buildah: no box");
  return box;
}

function command(args: readonly string[]): string[] {
  const { directory } = opened();
  const places = ["--root", join(directory, "storage"), "--runroot", join(directory, "runroot")];
  return ["buildah", ...places, "--storage-driver", "vfs", ...args];
}

const buildah = (...args: readonly string[]): Promise<HutchResult> => opened().run(command(args));

const OCI = ["--runtime", RUNTIME, "--isolation", "oci", "--network", "none"];

/** `buildah run` in the container "work". */
const runArguments = (options: readonly string[], ...args: readonly string[]): string[] => [
  "run",
  ...OCI,
  ...options,
  "work",
  "--",
  ...args,
];

beforeAll(async () => {
  if (lacksBuildah !== undefined) return;
  box = await openBox("buildah", /./);
  const steps = [
    ["from", "--name", "work", "--cgroup-parent", box.cgroup, "scratch"],
    ["add", "work", await rootArchive(box), "/"],
    ["commit", "work", IMAGE],
  ];
  for (const step of steps) {
    const done = await buildah(...step);
    if (done.code !== 0) throw new Error(`buildah ${step[0]}: ${done.stderr}`);
  }
}, 60_000);

afterAll(async () => box?.[Symbol.asyncDispose]());

withBuildah("buildah run passes on output and the exit code", async () => {
  const result = await buildah(...runArguments([], "sh", "-c", "echo out; exit 7"));
  expect(result).toMatchObject({ code: 7, stdout: "out\n" });
});

withBuildah("buildah run passes on standard input", async () => {
  const result = await opened().run(command(runArguments([], "cat")), { input: "typed" });
  expect(result).toMatchObject({ code: 0, stdout: "typed" });
});

withBuildah("buildah run takes a user, a capability less, a directory and a volume", async () => {
  const script = "id -u; grep CapBnd /proc/self/status; pwd; ls /v";
  const volume = `${opened().directory}/home:/v:ro`;
  writeFileSync(join(opened().directory, "home/file"), "");
  const options = ["--user", "1000:1000", "--cap-drop", "CAP_KILL", "--workingdir", "/tmp", "-v", volume];
  const { code, stdout } = await buildah(...runArguments(options, "sh", "-c", script));
  expect({ code, lines: stdout.split("\n") }).toMatchObject({
    code: 0,
    lines: ["1000", expect.stringMatching(/^CapBnd:\t00000000[0-9a-f]{8}$/), "/tmp", "file", ""],
  });
});

withBuildah("buildah run -t gives a terminal, whose keys arrive", async () => {
  await using pty = opened().terminal(command(runArguments(["-t"], "sh")));
  await pty.shows("#");
  pty.type("tty; echo $((6 * 7))\n");
  await pty.shows(/\/dev\/pts\/0[\s\S]*42/);
  pty.type("exit 5\n");
  expect(await pty.exited).toBe(5);
});

withBuildah("buildah run says what is wrong with a command that is not there", async () => {
  const { code, stderr } = await buildah(...runArguments([], "nowhere"));
  expect(code).not.toBe(0);
  expect(stderr).toContain("executable file not found");
});

withBuildah("buildah build runs the steps of a Dockerfile", async () => {
  const file = join(opened().directory, "Dockerfile");
  const steps = ["RUN echo made >/made", "RUN test $(cat /made) = made && id -u", "USER app", "RUN id -un"];
  writeFileSync(file, [`FROM ${IMAGE}`, ...steps, ""].join("\n"));
  const args = ["build", ...OCI, "--cgroup-parent", opened().cgroup, "-t", "hutch.test/built:1", "-f", file];
  const result = await buildah(...args, join(opened().directory, "home"));
  expect(result).toMatchObject({ code: 0, stdout: expect.stringMatching(/\n0\n[\s\S]*\napp\n/) });
});

// The last, because it looks at what the others have left.
withBuildah("buildah's containers leave nothing behind", async () => {
  expect(await opened().leftovers()).toEqual([]);
});
