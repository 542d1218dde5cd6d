/** hutch on a machine that has nothing but a kernel, hutch and its libc, whatever its cgroups are. */
import { expect } from "bun:test";
import { testUnless } from "../support/skip.ts";
import { lacksMachine, type MachineOptions, runInMachine } from "../support/vm/machine.ts";

const BOX = `mkdir -p /box/bin && cp /bin/busybox /box/bin && ln -s busybox /box/bin/sh
inside() { hutch in "$@" /box /bin/busybox sh -c "$script"; echo "code $?"; }
`;

/** Boots and gives what the script printed; the box in which `inside` runs $script is there. */
async function outputOf(script: string, options: MachineOptions = {}): Promise<string[]> {
  const { output, code } = await runInMachine({ ...options, script: `export NO_COLOR=1\n${BOX}${script}` });
  expect(code).toBe(0);
  return output.trimEnd().split("\n");
}

const LIMITS = "--memory 64m --pids 20 --cpus 0.5";
const LEFT = "find /sys/fs/cgroup -mindepth 1 -type d -name 'hutch*'";

const onMachine = (name: string, body: () => Promise<void>) =>
  testUnless(lacksMachine())(name, body, 120_000);

onMachine("cgroup v2: limits are what the kernel shows, and nothing is left", async () => {
  const script = `script='cd /sys/fs/cgroup; /bin/busybox cat memory.max pids.max cpu.max; exit 7'
    inside ${LIMITS}; ${LEFT}
    stat -f -c %T /; hutch in / -- sh -c 'echo in the root of the machine'`;
  expect(await outputOf(script, { append: "cgroup_no_v1=all" })).toEqual([
    "67108864",
    "20",
    "50000 100000",
    "code 7",
    "tmpfs",
    "in the root of the machine",
  ]);
});

const V1 = `cd /sys/fs/cgroup
  script='cd /sys/fs/cgroup
  /bin/busybox cat memory/memory.limit_in_bytes pids/pids.max cpu/cpu.cfs_quota_us'
  inside ${LIMITS}; ${LEFT}
  umount pids; inside ${LIMITS}
  umount -l /sys/fs/cgroup; inside ${LIMITS}`;
const WITHOUT_PIDS =
  "hutch: limit pids: linux.resources.pids: the pids controller of cgroup v1 is not mounted; hint: mount it (mount -t cgroup -o pids cgroup DIRECTORY; the kernel may need cgroup_enable=pids), or leave linux.resources.pids out";
const WITHOUT_ALL =
  "hutch: limit the container's resources: no cgroup file system is mounted; hint: mount -t cgroup2 cgroup2 /sys/fs/cgroup, or leave linux.resources and linux.cgroupsPath out";

for (const cgroups of ["v1", "hybrid"] as const) {
  onMachine(`cgroup ${cgroups}: limits are what the kernel shows; what is not mounted is named`, async () => {
    expect(await outputOf(V1, { cgroups })).toEqual([
      "67108864",
      "20",
      "50000",
      "code 0",
      WITHOUT_PIDS,
      "code 125",
      WITHOUT_ALL,
      "code 125",
    ]);
  });
}

/** Takes away one thing after the other. */
const BARE = `
hutch spec && sed -i 's/"terminal": true/"terminal": false/; s,"rootfs","/box",; s,"sh","/bin/busybox"\\, "id",' config.json
run() { echo "$1:"; shift; "$@" 2>&1; echo "code $?"; }
run 'a bundle' hutch run one
umount /sys/fs/cgroup /sys && run 'no /sys' hutch in /box /bin/busybox id
umount /run && rm -r /run && run 'no /run' hutch in /box /bin/busybox id
rm -r /tmp && run 'no /tmp' hutch in / /bin/busybox id
rm -r /etc && run 'no /etc' hutch in --user 5:6 /box /bin/busybox id
umount /dev/pts /dev/shm && run 'no /dev/pts' hutch in -t /box /bin/busybox tty
umount -l /dev && run 'no devtmpfs' hutch in /box /bin/busybox id
rm /dev/null && run 'no /dev/null' hutch in /box /bin/busybox id
umount -l /proc && run 'no /proc' hutch in /box /bin/busybox id
`;

onMachine("what a machine lacks is not missed, or is named with its remedy", async () => {
  const text = (await outputOf(BARE)).slice(1).join("\n");
  const parts = text.split(/\n(?=(?:no|a) \S+:\n)/).map((part) => part.split(/:\n(.*)/s).slice(0, 2));
  const ran = "uid=0 gid=0\ncode 0";
  expect(Object.fromEntries(parts)).toEqual({
    "a bundle": ran,
    "no /sys": ran,
    "no /run": ran,
    "no /tmp":
      "hutch: mount tmpfs on /tmp (nosuid,nodev,mode=1777): create what is missing of /tmp: mkdirat: EROFS (read-only file system); hint: the root is read-only: make the place on the host, choose one that is there, or add --overlay\ncode 125",
    "no /etc": "uid=5 gid=6\ncode 0",
    "no /dev/pts": "/dev/pts/0\r\ncode 0",
    "no devtmpfs": ran,
    "no /dev/null":
      "hutch: open the standard streams that are closed: /dev/null: openat: ENOENT (no such file or directory); hint: it takes /dev/null, even if none is closed: mount -t devtmpfs devtmpfs /dev, or mknod -m 666 /dev/null c 1 3\ncode 125",
    "no /proc":
      "hutch: /proc: faccessat: ENOENT (no such file or directory); hint: mount -t proc proc /proc; hutch and Bun need it\ncode 125",
  });
});
