/** dockerd, with hutch in the place of runc. */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  type Box,
  type Daemon,
  IMAGE,
  lacksEngine,
  lacksHutchAsRuntime,
  openBox,
  RUNTIME,
  rootArchive,
} from "../support/engines.ts";
import type { HutchResult } from "../support/hutch.ts";
import { eventually } from "../support/patience.ts";
import { anyReason, lacksCgroup, testUnless } from "../support/skip.ts";

const lacksDocker = lacksEngine("dockerd", "docker", "containerd", "containerd-shim-runc-v2");
const withDocker = testUnless(lacksDocker);

let box: Box | undefined;
let daemon: Daemon | undefined;

function opened(): Box {
  if (box === undefined) throw new Error("dockerd: no box");
  return box;
}

/** Nothing of the network is touched, and every directory is the box's own. */
function daemonCommand({ directory, cgroup }: Box): string[] {
  const off = ["bridge=none", "iptables=false", "ip6tables=false", "ip-forward=false", "ip-masq=false"];
  const places = {
    "data-root": "data",
    "exec-root": "exec",
    pidfile: "docker.pid",
    "config-file": "docker.json",
  };
  writeFileSync(
    join(directory, "docker.json"),
    JSON.stringify({ "deprecated-key-path": join(directory, "key.json") }),
  );
  return [
    "dockerd",
    `--host=unix://${join(directory, "socket")}`,
    ...off.map((word) => `--${word}`),
    ...Object.entries(places).map(([option, name]) => `--${option}=${join(directory, name)}`),
    "--userland-proxy=false",
    "--storage-driver=vfs",
    "--exec-opt=native.cgroupdriver=cgroupfs",
    `--cgroup-parent=${cgroup}`,
    `--add-runtime=tested=${RUNTIME}`,
    "--default-runtime=tested",
  ];
}

function command(args: readonly string[]): string[] {
  const { directory } = opened();
  return ["docker", "--config", directory, "--host", `unix://${join(directory, "socket")}`, ...args];
}

const docker = (...args: readonly string[]): Promise<HutchResult> => opened().run(command(args));

const runArguments = (...args: readonly string[]): string[] => ["run", "--network", "none", ...args];
const start = (...args: readonly string[]): Promise<HutchResult> => docker(...runArguments(...args));

const DETACHED = { code: 0, stdout: expect.stringMatching(/^[0-9a-f]{64}\n$/) };
const SLEEP = "trap 'exit 9' TERM; while :; do sleep 0.05; done";

async function remove(name: string): Promise<void> {
  expect(await docker("rm", "-f", name)).toMatchObject({ code: 0, stderr: "" });
}

beforeAll(async () => {
  if (lacksDocker !== undefined) return;
  box = await openBox("docker", /[0-9a-f]{64}/);
  daemon = box.start("dockerd", daemonCommand(box));
  await eventually(() => existsSync(join(opened().directory, "socket")), 20_000);
  const done = await docker("import", await rootArchive(box), IMAGE);
  if (done.code !== 0) throw new Error(`docker import: ${done.stderr}\n${daemon.log()}`);
}, 60_000);

afterAll(async () => {
  await daemon?.stop();
  await box?.[Symbol.asyncDispose]();
}, 60_000);

describe("docker run", () => {
  withDocker("passes on input, output, errors and the exit code", async () => {
    const args = command(runArguments("--rm", "-i", IMAGE, "sh", "-c", "cat; echo err >&2; exit 7"));
    expect(await opened().run(args, { input: "typed" })).toMatchObject({
      code: 7,
      stdout: "typed",
      stderr: "err\n",
    });
  });

  withDocker("says 127 of a command that is not there, 126 of one that cannot be executed", async () => {
    expect((await start("--rm", IMAGE, "nowhere")).code).toBe(127);
    expect((await start("--rm", IMAGE, "/etc/passwd")).code).toBe(126);
  });

  withDocker("takes a user, without capabilities, on a read-only root", async () => {
    const script = "id -u; id -g; grep CapEff /proc/self/status; touch /file || echo refused";
    const options = ["--user", "1000:1000", "--cap-drop", "ALL", "--read-only"];
    const { code, stdout } = await start("--rm", ...options, IMAGE, "sh", "-c", script);
    expect({ code, lines: stdout.split("\n") }).toEqual({
      code: 0,
      lines: ["1000", "1000", "CapEff:\t0000000000000000", "refused", ""],
    });
  });

  testUnless(anyReason(lacksDocker, lacksCgroup(1)))(
    "limits memory, the number of processes, and the processors to run on",
    async () => {
      const names = [
        "memory/memory.limit_in_bytes",
        "pids/pids.max",
        "cpuset/cpuset.cpus",
        "memory/memory.swappiness",
      ];
      const files = names.map((name) => `/sys/fs/cgroup/${name}`);
      const limits = [
        "--memory",
        "32m",
        "--pids-limit",
        "11",
        "--cpuset-cpus",
        "0",
        "--memory-swappiness",
        "7",
      ];
      const result = await start("--rm", ...limits, IMAGE, "cat", ...files);
      expect(result).toMatchObject({ code: 0, stdout: `${32 << 20}\n11\n0\n7\n` });
    },
  );

  withDocker("--init puts a reaper before the command", async () => {
    const { code, stdout } = await start("--rm", "--init", IMAGE, "sh", "-c", "cat /proc/1/cmdline; echo $$");
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: expect.stringMatching(/init\0--\0sh\0[\s\S]*[2-9]\n$/),
    });
  });

  withDocker("takes capabilities, with which the container may mount", async () => {
    const script = "mount -t tmpfs x /tmp && grep -c ' /tmp ' /proc/mounts";
    const { code, stdout } = await start("--rm", "--cap-add", "SYS_ADMIN", IMAGE, "sh", "-c", script);
    expect({ code, stdout }).toEqual({ code: 0, stdout: "1\n" });
  });

  withDocker("ten at once all succeed, with the hook of docker's network", async () => {
    const numbers = Array.from({ length: 10 }, (_, index) => `${index}`);
    const results = await Promise.all(numbers.map((number) => start("--rm", IMAGE, "echo", number)));
    expect(results).toMatchObject(numbers.map((number) => ({ code: 0, stdout: `${number}\n` })));
  });

  withDocker("-it gives a terminal, whose keys arrive and whose size is known", async () => {
    await using pty = opened().terminal(command(runArguments("--rm", "-it", IMAGE, "sh")));
    await pty.shows("#");
    pty.type("tty; stty size; echo $((6 * 7))\n");
    await pty.shows(/\/dev\/(pts\/0|console)[\s\S]*24 80[\s\S]*42/);
    pty.type("exit 5\n");
    expect(await pty.exited).toBe(5);
  });
});

withDocker("docker build runs the steps of a Dockerfile", async () => {
  const directory = join(opened().directory, "context");
  mkdirSync(directory);
  const steps = ["RUN echo made >/made", "USER app", "CMD cat /made; id -un"];
  writeFileSync(join(directory, "Dockerfile"), [`FROM ${IMAGE}`, ...steps, ""].join("\n"));
  const args = ["build", "--network", "none", "-q", "-t", "hutch.test/built", directory];
  const built = await opened().run(command(args), { env: { DOCKER_BUILDKIT: "0" } });
  expect(built.code).toBe(0);
  expect(await start("--rm", "hutch.test/built")).toMatchObject({ code: 0, stdout: "made\napp\n" });
});

describe("a docker container in the background", () => {
  withDocker("is executed in, with a user, a directory and a variable, and tells exit codes", async () => {
    expect(await start("-d", "--name", "exec", IMAGE, "sh", "-c", SLEEP)).toMatchObject(DETACHED);
    expect(await docker("exec", "exec", "echo", "in")).toMatchObject({ code: 0, stdout: "in\n" });
    const options = ["-u", "app", "-w", "/tmp", "-e", "A=b"];
    const { stdout } = await docker("exec", ...options, "exec", "sh", "-c", 'id -un; pwd; echo "$A"');
    expect(stdout).toBe("app\n/tmp\nb\n");
    expect((await docker("exec", "exec", "sh", "-c", "exit 6")).code).toBe(6);
    // docker 20 does not tell them apart; later versions say 127 of the first.
    expect([126, 127]).toContain((await docker("exec", "exec", "nowhere")).code ?? 0);
    expect((await docker("exec", "exec", "/etc/passwd")).code).toBe(126);
    await remove("exec");
  });

  testUnless(anyReason(lacksDocker, lacksHutchAsRuntime()))("is executed in again without Bun", async () => {
    await start("-d", "--name", "again", IMAGE, "sh", "-c", SLEEP);
    const execute = () => docker("exec", "again", "echo", "in");
    expect((await execute()).stdout).toBe("in\n");
    const kept = await opened().keptJoiners();
    expect(kept.length).toBe(1);
    for (let each = 0; each < 3; each += 1) expect((await execute()).stdout).toBe("in\n");
    expect(await opened().keptJoiners()).toEqual(kept);
    await remove("again");
  });

  withDocker("is executed in on a terminal", async () => {
    await start("-d", "--name", "terminal", IMAGE, "sh", "-c", SLEEP);
    {
      await using pty = opened().terminal(command(["exec", "-it", "terminal", "sh"]));
      await pty.shows("#");
      pty.type("tty; echo $((6 * 7)); exit 4\n");
      await pty.shows(/\/dev\/pts\/\d[\s\S]*42/);
      expect(await pty.exited).toBe(4);
    }
    await remove("terminal");
  });

  withDocker("is logged, stopped by the signal that it handles, started again and killed", async () => {
    await start("-d", "--name", "stop", IMAGE, "sh", "-c", `${SLEEP.split(";")[0]}; echo up; ${SLEEP}`);
    const logs = async () => (await docker("logs", "stop")).stdout;
    const shows = async (text: string) => {
      await eventually(async () => (await logs()) === text);
      expect(await logs()).toBe(text);
    };
    await shows("up\n");
    expect((await docker("stop", "-t", "10", "stop")).code).toBe(0);
    expect((await docker("inspect", "stop", "-f", "{{.State.Status}} {{.State.ExitCode}}")).stdout).toBe(
      "exited 9\n",
    );
    expect((await docker("start", "stop")).code).toBe(0);
    await shows("up\nup\n");
    expect((await docker("kill", "stop")).code).toBe(0);
    expect((await docker("wait", "stop")).stdout).toBe("137\n");
    await remove("stop");
  });

  withDocker("is paused, and refuses to be executed in until it goes on", async () => {
    await start("-d", "--name", "pause", IMAGE, "sh", "-c", SLEEP);
    expect((await docker("pause", "pause")).code).toBe(0);
    expect((await docker("inspect", "pause", "-f", "{{.State.Status}}")).stdout).toBe("paused\n");
    expect((await docker("exec", "pause", "true")).code).not.toBe(0);
    expect((await docker("unpause", "pause")).code).toBe(0);
    expect((await docker("exec", "pause", "true")).code).toBe(0);
    await remove("pause");
  });

  withDocker("shows its processes", async () => {
    await start("-d", "--name", "top", IMAGE, "sh", "-c", SLEEP);
    expect((await docker("top", "top", "-o", "pid,args")).stdout).toMatch(/^\d+ +sh -c trap/m);
    await remove("top");
  });

  testUnless(anyReason(lacksDocker, lacksCgroup(1)))(
    "takes other limits while it runs, and is measured",
    async () => {
      await start("-d", "--name", "update", "--memory", "64m", IMAGE, "sh", "-c", SLEEP);
      const update = await docker("update", "--memory", "48m", "--memory-swap", "48m", "update");
      expect(update).toMatchObject({ code: 0, stderr: "" });
      const stats = await docker("stats", "--no-stream", "--format", "{{.MemUsage}}", "update");
      expect(stats.stdout).toContain("/ 48MiB");
      await remove("update");
    },
  );
});

// The last, because it looks at what the others have left.
withDocker("docker's containers leave nothing behind", async () => {
  const ids = (await docker("ps", "-aq")).stdout.split("\n").filter((id) => id !== "");
  if (ids.length > 0) await docker("rm", "-f", ...ids);
  expect(await opened().leftovers()).toEqual([]);
});
