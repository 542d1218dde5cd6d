/** Files of hutch compile on machines that have never seen hutch. */
import { expect } from "bun:test";
import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { hutch } from "../support/hutch.ts";
import { anyReason, lacksProgram, testUnless } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { bootAppliance, entriesOf } from "../support/vm/appliance.ts";
import { lacksMachine, runInMachine } from "../support/vm/machine.ts";

const onMachine = (name: string, body: () => Promise<void>) =>
  testUnless(anyReason(lacksMachine(), lacksProgram("busybox")))(name, body, 150_000);

/** A root of busybox alone. */
function smallRoot(directory: string): void {
  for (const name of ["bin", "proc", "dev", "sys", "www"])
    mkdirSync(join(directory, name), { recursive: true });
  copyFileSync(Bun.which("busybox") ?? "", join(directory, "bin/busybox"));
  for (const name of ["sh", "httpd", "wget", "sleep"]) symlinkSync("busybox", join(directory, "bin", name));
  writeFileSync(join(directory, "www/index.html"), "hello from the appliance\n");
}

const SERVE = `httpd -p 127.0.0.1:80 -h /www; sleep 1
  wget -q -O - http://127.0.0.1/index.html; echo "pid $$ of $(hostname)"`;

onMachine("a kernel and one file: it mounts, serves, and switches the machine off", async () => {
  const place = temporaryDirectory("appliance");
  smallRoot(join(place, "rootfs"));
  const args = ["--machine", "--relative", "--pids", "50", "--memory", "64m", "./rootfs", "sh", "-c", SERVE];
  expect(await hutch(["compile", ...args, "-o", "init"], { cwd: place })).toMatchObject({
    code: 0,
    stderr: "",
  });
  const { console, isOff } = await bootAppliance([
    { kind: "file", path: "init", mode: 0o755, data: readFileSync(join(place, "init")) },
    ...entriesOf(join(place, "rootfs"), "rootfs"),
  ]);
  expect(console).toContain("hello from the appliance");
  expect(console).toContain("pid 1 of hutch");
  expect(console).not.toContain("Kernel panic");
  expect(isOff).toBe(true);
});

onMachine("what fails is told on the console, and the machine ends all the same", async () => {
  const place = temporaryDirectory("appliance");
  smallRoot(join(place, "rootfs"));
  const args = ["--machine=reboot", "--relative", "./rootfs", "no-such-command"];
  expect((await hutch(["compile", ...args, "-o", "init"], { cwd: place })).code).toBe(0);
  const { console, isOff } = await bootAppliance([
    { kind: "file", path: "init", mode: 0o755, data: readFileSync(join(place, "init")) },
    ...entriesOf(join(place, "rootfs"), "rootfs"),
  ]);
  expect(console).toContain("init: execute no-such-command: ENOENT");
  expect(console).not.toContain("Kernel panic");
  expect(isOff).toBe(true);
});

onMachine(
  "one file on both versions of cgroups: limits are what the kernel shows, and nothing is left",
  async () => {
    const place = temporaryDirectory("box");
    smallRoot(join(place, "box"));
    const show = `cd /sys/fs/cgroup
    for f in memory.max pids.max memory/memory.limit_in_bytes pids/pids.max; do
    [ -e $f ] && echo $f $(busybox cat $f); done; exit 7`;
    const args = ["--memory", "64m", "--pids", "20", "--relative", "./box", "sh", "-c", show];
    expect((await hutch(["compile", ...args, "-o", "box.file"], { cwd: place })).code).toBe(0);
    const files = { "/box.file": { from: join(place, "box.file") }, "/box": { from: join(place, "box") } };
    const script = `chmod 755 /box.file; /box.file; echo "code $?"
    find /sys/fs/cgroup -mindepth 1 -type d -name 'hutch*'`;
    for (const [cgroups, lines] of [
      ["v2", ["memory.max 67108864", "pids.max 20"]],
      ["v1", ["memory/memory.limit_in_bytes 67108864", "pids/pids.max 20"]],
    ] as const) {
      const { output } = await runInMachine({ script, files, cgroups });
      expect(output.trimEnd().split(/\r?\n/)).toEqual([...lines, "code 7"]);
    }
  },
);

const DELEGATED = `mkdir -p /sys/fs/cgroup/u/a /etc; cd /sys/fs/cgroup
  echo "+memory +pids" >cgroup.subtree_control; chown -R 1000:1000 u
  echo "+memory +pids" >u/cgroup.subtree_control
  echo "u:x:1000:1000::/:/bin/sh" >>/etc/passwd; echo "u:x:1000:" >>/etc/group
  chmod 755 /box.file; echo $$ >u/a/cgroup.procs
  start-stop-daemon -S -c u:u -x /box.file; echo "code $?"; find u -mindepth 1 -type d`;

onMachine(
  "an ordinary user's limits hold where a cgroup was delegated, beside the caller's own",
  async () => {
    const place = temporaryDirectory("box");
    smallRoot(join(place, "box"));
    const show = "cd /sys/fs/cgroup; busybox cat memory.max pids.max; busybox id -u; exit 7";
    const args = ["--memory", "64m", "--pids", "20", "--relative", "./box", "sh", "-c", show];
    expect((await hutch(["compile", ...args, "-o", "box.file"], { cwd: place })).code).toBe(0);
    const files = { "/box.file": { from: join(place, "box.file") }, "/box": { from: join(place, "box") } };
    const { output } = await runInMachine({ script: DELEGATED, files });
    expect(output.trimEnd().split(/\r?\n/)).toEqual(["67108864", "20", "0", "code 7", "u/a"]);
  },
);
