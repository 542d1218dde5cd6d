/** podman, with hutch in the place of runc. */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import { join } from "node:path";
import {
  type Box,
  IMAGE,
  lacksEngine,
  lacksHutchAsRuntime,
  openBox,
  RUNTIME,
  rootArchive,
} from "../support/engines.ts";
import type { HutchResult } from "../support/hutch.ts";
import { eventually } from "../support/patience.ts";
import { anyReason, lacksCgroup, lacksFile, testUnless } from "../support/skip.ts";

const lacksPodman = lacksEngine("podman", "conmon");
const withPodman = testUnless(lacksPodman);
const lacksInit = lacksFile("/usr/bin/catatonit");

let box: Box | undefined;

function opened(): Box {
  if (box === undefined) throw new Error("podman: no box");
  return box;
}

function command(args: readonly string[]): string[] {
  const { directory } = opened();
  const places = [
    ["root", "storage"],
    ["runroot", "runroot"],
    ["tmpdir", "libpod"],
  ] as const;
  const options = places.flatMap(([option, name]) => [`--${option}`, join(directory, name)]);
  return ["podman", ...options, "--storage-driver", "vfs", "--runtime", RUNTIME, ...args];
}

const podman = (...args: readonly string[]): Promise<HutchResult> => opened().run(command(args));

/** `podman run` in the cgroup of the box. */
const start = (...args: readonly string[]): Promise<HutchResult> =>
  podman("run", "--cgroup-parent", opened().cgroup, ...args);

const DETACHED = { code: 0, stdout: expect.stringMatching(/^[0-9a-f]{64}\n$/) };
const SLEEP = "trap 'exit 9' TERM; while :; do sleep 0.05; done";

beforeAll(async () => {
  if (lacksPodman !== undefined) return;
  box = await openBox("podman", /libpod-[0-9a-f]{64}/);
  const done = await podman("import", await rootArchive(box), IMAGE);
  if (done.code !== 0) throw new Error(`podman import: ${done.stderr}`);
});

afterAll(async () => box?.[Symbol.asyncDispose]());

describe("podman run", () => {
  withPodman("passes on output, errors and the exit code", async () => {
    const result = await start("--rm", IMAGE, "sh", "-c", "echo out; echo err >&2; exit 7");
    expect(result).toMatchObject({ code: 7, stdout: "out\n", stderr: "err\n" });
  });

  withPodman("passes on standard input", async () => {
    const args = command(["run", "--cgroup-parent", opened().cgroup, "--rm", "-i", IMAGE, "cat"]);
    expect(await opened().run(args, { input: "typed" })).toMatchObject({ code: 0, stdout: "typed" });
  });

  withPodman("says 127 of a command that is not there, 126 of one that cannot be executed", async () => {
    expect((await start("--rm", IMAGE, "nowhere")).code).toBe(127);
    expect((await start("--rm", IMAGE, "/etc/passwd")).code).toBe(126);
  });

  withPodman("takes a user, without capabilities, on a read-only root", async () => {
    const script = "id -u; id -g; grep CapEff /proc/self/status; touch /file || echo refused";
    const options = ["--user", "1000:1000", "--cap-drop", "all", "--read-only"];
    const { code, stdout } = await start("--rm", ...options, IMAGE, "sh", "-c", script);
    expect({ code, lines: stdout.split("\n") }).toEqual({
      code: 0,
      lines: ["1000", "1000", "CapEff:\t0000000000000000", "refused", ""],
    });
  });

  withPodman(
    "takes capabilities, variables, a host name, a working directory, a tmpfs and a volume",
    async () => {
      const script =
        'grep CapEff /proc/self/status; echo "$A"; hostname; pwd; df /t | tail -1; cat /v/containers.conf';
      const volume = `${opened().directory}:/v:ro`;
      const options = [
        "--cap-drop=all",
        "--cap-add=kill",
        "-e",
        "A=b",
        "-h",
        "box",
        "-w",
        "/tmp",
        "--tmpfs",
        "/t",
      ];
      const { code, stdout } = await start("--rm", ...options, "-v", volume, IMAGE, "sh", "-c", script);
      expect(code).toBe(0);
      expect(stdout).toMatch(/^CapEff:\t0{14}20\nb\nbox\n\/tmp\ntmpfs .*\/t\n[\s\S]*netns = "none"/);
    },
  );

  testUnless(anyReason(lacksPodman, lacksCgroup(1)))(
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

  testUnless(anyReason(lacksPodman, lacksInit))("--init puts a reaper before the command", async () => {
    const { code, stdout } = await start("--rm", "--init", IMAGE, "sh", "-c", "cat /proc/1/cmdline; echo $$");
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: expect.stringMatching(/init\0--\0sh\0[\s\S]*[2-9]\n$/),
    });
  });

  withPodman("takes a user namespace, and a terminal in it", async () => {
    const options = ["--uidmap", "0:100000:65536", "--cgroupns", "host"];
    const { code, stdout } = await start(
      "--rm",
      "-t",
      ...options,
      IMAGE,
      "sh",
      "-c",
      "id -u; cat /proc/self/uid_map",
    );
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^0\r\n +0 +100000 +65536\r\n$/),
    });
  });

  withPodman("takes a device and a volume, as podman describes them", async () => {
    const script = "echo lost >/dev/own && ls -l /dev/own && ls /etc";
    const options = ["--device", "/dev/null:/dev/own:rw", "-v", "empty:/etc:nocopy"];
    const { code, stdout } = await start("--rm", ...options, IMAGE, "sh", "-c", script);
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^crw-.* 1, +3 .*\nhostname\nhosts\n$/),
    });
  });

  withPodman("--privileged gives the host's devices and all capabilities that podman has", async () => {
    const own = /CapEff:\t(\w+)/.exec(await Bun.file("/proc/self/status").text())?.[1];
    const { code, stdout } = await start(
      "--rm",
      "--privileged",
      IMAGE,
      "grep",
      "CapEff",
      "/proc/self/status",
    );
    expect({ code, stdout }).toEqual({ code: 0, stdout: `CapEff:\t${own}\n` });
  });

  withPodman("shares the host's namespaces that it is told to share", async () => {
    const options = ["pid", "network", "ipc", "uts"].flatMap((kind) => [`--${kind}`, "host"]);
    const links = ["pid", "net", "ipc", "uts"].map((kind) => `/proc/self/ns/${kind}`);
    const outside = await opened().run(["readlink", ...links]);
    const inside = await start(
      "--rm",
      ...options,
      IMAGE,
      "sh",
      "-c",
      `for link in ${links.join(" ")}; do readlink $link; done`,
    );
    expect(inside).toMatchObject({ code: 0, stdout: outside.stdout });
  });

  withPodman("ten at once all succeed", async () => {
    const numbers = Array.from({ length: 10 }, (_, index) => `${index}`);
    const results = await Promise.all(numbers.map((number) => start("--rm", IMAGE, "echo", number)));
    expect(results).toMatchObject(numbers.map((number) => ({ code: 0, stdout: `${number}\n` })));
  });

  withPodman("-it gives a terminal, whose keys arrive and whose size is known", async () => {
    await using pty = opened().terminal(
      command(["run", "--cgroup-parent", opened().cgroup, "--rm", "-it", IMAGE, "sh"]),
    );
    await pty.shows("#");
    pty.type("tty; stty size; echo $((6 * 7))\n");
    await pty.shows(/\/dev\/pts\/0[\s\S]*24 80[\s\S]*42/);
    pty.type("exit 5\n");
    expect(await pty.exited).toBe(5);
  });
});

describe("a podman container in the background", () => {
  withPodman("is executed in, with a user, a directory and a variable, and tells exit codes", async () => {
    expect(await start("-d", "--name", "exec", IMAGE, "sh", "-c", SLEEP)).toMatchObject(DETACHED);
    expect(await podman("exec", "exec", "echo", "in")).toMatchObject({ code: 0, stdout: "in\n" });
    const options = ["-u", "app", "-w", "/tmp", "-e", "A=b"];
    const { stdout } = await podman("exec", ...options, "exec", "sh", "-c", 'id -un; pwd; echo "$A"');
    expect(stdout).toBe("app\n/tmp\nb\n");
    expect((await podman("exec", "exec", "sh", "-c", "exit 6")).code).toBe(6);
    expect((await podman("exec", "exec", "nowhere")).code).toBe(127);
    expect((await podman("exec", "exec", "/etc/passwd")).code).toBe(126);
    expect((await podman("rm", "-f", "-t", "0", "exec")).code).toBe(0);
  });

  testUnless(anyReason(lacksPodman, lacksHutchAsRuntime()))("is executed in again without Bun", async () => {
    await start("-d", "--name", "again", IMAGE, "sh", "-c", SLEEP);
    const execute = () => podman("exec", "again", "echo", "in");
    expect((await execute()).stdout).toBe("in\n");
    const kept = await opened().keptJoiners();
    expect(kept.length).toBe(1);
    for (let each = 0; each < 3; each += 1) expect((await execute()).stdout).toBe("in\n");
    expect(await opened().keptJoiners()).toEqual(kept);
    expect((await podman("rm", "-f", "-t", "0", "again")).code).toBe(0);
  });

  withPodman("is executed in on a terminal", async () => {
    await start("-d", "--name", "tty", IMAGE, "sh", "-c", SLEEP);
    {
      await using pty = opened().terminal(command(["exec", "-it", "tty", "sh"]));
      await pty.shows("#");
      pty.type("tty; echo $((6 * 7)); exit 4\n");
      await pty.shows(/\/dev\/pts\/\d[\s\S]*42/);
      expect(await pty.exited).toBe(4);
    }
    expect((await podman("rm", "-f", "-t", "0", "tty")).code).toBe(0);
  });

  withPodman("is stopped by the signal that it handles, and starts again", async () => {
    await start("-d", "--name", "stop", IMAGE, "sh", "-c", `${SLEEP.split(";")[0]}; echo up; ${SLEEP}`);
    // The shell has set its trap then; without one its pid 1 would hear nothing.
    const shows = (text: string) => eventually(async () => (await podman("logs", "stop")).stdout === text);
    expect(await shows("up\n")).toBe(true);
    expect((await podman("stop", "-t", "10", "stop")).code).toBe(0);
    const exitCode = ["inspect", "stop", "--format", "{{.State.Status}} {{.State.ExitCode}}"];
    expect((await podman(...exitCode)).stdout).toBe("exited 9\n");
    expect((await podman("start", "stop")).code).toBe(0);
    expect(await shows("up\nup\n")).toBe(true);
    expect((await podman("kill", "stop")).code).toBe(0);
    expect((await podman("wait", "stop")).stdout).toBe("137\n");
    expect((await podman("rm", "stop")).code).toBe(0);
  });

  withPodman("is paused, and refuses to be executed in until it goes on", async () => {
    await start("-d", "--name", "pause", IMAGE, "sh", "-c", SLEEP);
    const status = async () => (await podman("inspect", "pause", "--format", "{{.State.Status}}")).stdout;
    expect((await podman("pause", "pause")).code).toBe(0);
    expect(await status()).toBe("paused\n");
    expect((await podman("exec", "pause", "true")).code).not.toBe(0);
    expect((await podman("unpause", "pause")).code).toBe(0);
    expect(await status()).toBe("running\n");
    expect((await podman("exec", "pause", "true")).code).toBe(0);
    expect((await podman("rm", "-f", "-t", "0", "pause")).code).toBe(0);
  });

  withPodman("shows its processes", async () => {
    await start("-d", "--name", "top", IMAGE, "sh", "-c", SLEEP);
    expect((await podman("top", "top", "pid", "args")).stdout).toMatch(/^1 +sh -c trap/m);
    expect((await podman("rm", "-f", "-t", "0", "top")).code).toBe(0);
  });

  withPodman("is told to be healthy by a command in it", async () => {
    const options = ["--health-cmd", "test -e /tmp/healthy", "--health-interval", "disable"];
    await start("-d", "--name", "health", ...options, IMAGE, "sh", "-c", SLEEP);
    expect((await podman("healthcheck", "run", "health")).code).toBe(1);
    await podman("exec", "health", "touch", "/tmp/healthy");
    expect((await podman("healthcheck", "run", "health")).code).toBe(0);
    expect((await podman("rm", "-f", "-t", "0", "health")).code).toBe(0);
  });

  testUnless(anyReason(lacksPodman, lacksCgroup(1)))("takes other limits while it runs", async () => {
    await start("-d", "--name", "update", "--memory", "64m", IMAGE, "sh", "-c", SLEEP);
    expect((await podman("update", "--memory", "48m", "update")).code).toBe(0);
    const limit = await podman("exec", "update", "cat", "/sys/fs/cgroup/memory/memory.limit_in_bytes");
    expect(limit.stdout).toBe(`${48 << 20}\n`);
    expect((await podman("rm", "-f", "-t", "0", "update")).code).toBe(0);
  });
});

testUnless(anyReason(lacksPodman, lacksInit))(
  "the containers of a podman pod share what the pod says",
  async () => {
    const { cgroup } = opened();
    const made = await podman(
      "pod",
      "create",
      "--name",
      "pod",
      "--share",
      "ipc,uts,pid",
      "--cgroup-parent",
      cgroup,
    );
    expect(made).toMatchObject({ code: 0 });
    const one = await podman("run", "-d", "--pod", "pod", "--name", "one", IMAGE, "sh", "-c", SLEEP);
    expect(one).toMatchObject(DETACHED);
    const two = await podman("run", "--rm", "--pod", "pod", IMAGE, "sh", "-c", "hostname; ps");
    expect(two.stdout).toMatch(/^pod\n[\s\S]*catatonit[\s\S]*sh -c trap/);
    expect((await podman("pod", "rm", "-f", "-t", "0", "pod")).code).toBe(0);
  },
);

// The last, because it looks at what the others have left.
withPodman("podman's containers leave nothing behind", async () => {
  expect(await podman("rm", "-f", "-a", "-t", "0")).toMatchObject({ code: 0 });
  expect(await opened().leftovers()).toEqual([]);
});
