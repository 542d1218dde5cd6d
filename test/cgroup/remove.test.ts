/** Cgroups of this machine: what the kernel shows while a plan runs, and that nothing of it stays. */
import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { type CgroupHost, detectCgroups } from "../../src/cgroup/detect.ts";
import { type CgroupInput, planCgroup } from "../../src/cgroup/index.ts";
import { removeDirectories } from "../../src/cgroup/remove.ts";
import type { CgroupPlan } from "../../src/plan/cgroup.ts";
import {
  anyReason,
  lacksCgroup,
  lacksFile,
  lacksRoot,
  type SkipReason,
  testUnless,
} from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { runInCgroup, saveProgram, start } from "./program.ts";

/** The same tests may be run at the same time. */
const OWN = `hutch-test-${process.pid}-`;

const host = detectCgroups(
  readFileSync("/proc/self/mountinfo", "utf8"),
  readFileSync("/proc/self/cgroup", "utf8"),
);

function plan(input: Partial<CgroupInput>): CgroupPlan {
  const made = planCgroup({
    host,
    id: () => "test-nobody",
    resources: undefined,
    cgroupsPath: undefined,
    uid: 0,
    mountsCgroup: false,
    ...input,
  });
  if (made === undefined) throw new Error("there is no plan");
  return made;
}

/** Where a controller's cgroup of that name would be made. */
const place = (controller: string, name: string): string =>
  join(host.hierarchies.find(({ controllers }) => controllers.includes(controller))?.own ?? "/nowhere", name);

function lacksControllers(...names: readonly string[]): SkipReason {
  const missing = names.find(
    (name) => !host.hierarchies.some(({ controllers }) => controllers.includes(name)),
  );
  return missing === undefined ? undefined : `needs the ${missing} controller of cgroup v1`;
}

/**
 * Version 2 as if there were nothing else; on a hybrid machine it has no controllers, but devices can be
 * filtered.
 */
const unified = host.unified?.mount ?? "/nowhere";
const onlyV2: CgroupHost = {
  version: "v2",
  hierarchies: [],
  unified: { mount: unified, own: host.unified?.own ?? unified },
};

const lacksUnifiedControllers = (): SkipReason => {
  const file = join(unified, "cgroup.controllers");
  const there = existsSync(file) ? readFileSync(file, "utf8").trim().split(" ") : [];
  const all = ["cpu", "memory", "pids"].every((name) => there.includes(name));
  return all ? undefined : "needs the cpu, memory and pids controllers of cgroup v2";
};

const v1 = anyReason(lacksRoot(), lacksCgroup(1), lacksControllers("memory", "cpu", "pids", "devices"));
const v2 = anyReason(lacksRoot(), lacksCgroup(2));

/** Every cgroup of the tests, wherever. */
const left = (): string[] =>
  [...new Set([...host.hierarchies.flatMap(({ mount, own }) => [mount, own]), unified])]
    .filter(existsSync)
    .flatMap((directory) =>
      readdirSync(directory)
        .filter((name) => name.startsWith(OWN))
        .map((name) => join(directory, name)),
    );

function clean(): void {
  for (const directory of left()) {
    for (const below of readdirSync(directory, { recursive: true, withFileTypes: true }).toReversed()) {
      if (below.isDirectory()) rmdirSync(join(below.parentPath, below.name));
    }
    rmdirSync(directory);
  }
}

if (v1 === undefined || v2 === undefined) afterAll(clean);

const MIB = 1024 * 1024;

testUnless(v1)(
  "v1: the kernel reads the limits back, the process is inside, and nothing is left",
  async () => {
    const directory = (controller: string) => place(controller, `${OWN}limits`);
    const files = [
      [directory("memory"), "memory.limit_in_bytes", `${100 * MIB}`],
      [directory("memory"), "memory.soft_limit_in_bytes", `${50 * MIB}`],
      [directory("cpu"), "cpu.shares", "512"],
      [directory("cpu"), "cpu.cfs_period_us", "50000"],
      [directory("cpu"), "cpu.cfs_quota_us", "25000"],
      [directory("pids"), "pids.max", "32"],
    ] as const;
    const resources = {
      memory: { limit: 100 * MIB, reservation: 50 * MIB },
      cpu: { shares: 512, quota: 25_000, period: 50_000 },
      pids: { limit: 32 },
    };
    const read = files.map(([path, file]) => `cat ${path}/${file}`).join(";");
    const inside = ["memory", "cpu", "pids"]
      .map((controller) => `grep -qx $$ ${directory(controller)}/cgroup.procs && echo in ${controller}`)
      .join(";");
    const result = await runInCgroup(plan({ resources }), `${read};${inside}`, `${OWN}limits`);
    expect(result).toEqual({
      code: 0,
      signal: null,
      stdout: [...files.map(([, , text]) => text), "in memory", "in cpu", "in pids", ""].join("\n"),
      stderr: "",
    });
    expect(left()).toEqual([]);
  },
);

testUnless(v1)("v1: the kernel has the device rules in the list, and acts upon them", async () => {
  const devices = [
    { allow: false, access: "rwm" },
    { allow: true, type: "c", major: 10, access: "r" },
  ];
  const script = `cat ${place("devices", `${OWN}devices`)}/devices.list; head -c 1 /dev/zero | wc -c; (: </dev/kmsg) 2>&1`;
  const { stdout } = await runInCgroup(plan({ resources: { devices } }), script, `${OWN}devices`);
  expect(stdout.split("\n")).toEqual([
    "c 10:* r",
    "c *:* m",
    "b *:* m",
    ...["1:3", "1:5", "1:7", "1:8", "1:9", "5:0", "5:1", "5:2", "136:*"].map((numbers) => `c ${numbers} rwm`),
    "1",
    expect.stringContaining("Operation not permitted"),
    "",
  ]);
  expect(left()).toEqual([]);
});

testUnless(v1)("v1: processes and cgroups that the container leaves are removed with it", async () => {
  const directory = place("pids", `${OWN}rest`);
  const script = `mkdir -p ${directory}/a/b/c ${directory}/.hidden ${directory}/..x
    sleep 100 & echo $! >${directory}/a/b/c/cgroup.procs
    sleep 100 & sleep 100 & wc -l <${directory}/cgroup.procs; true`;
  const result = await runInCgroup(plan({ resources: { pids: { limit: 32 } } }), script, `${OWN}rest`);
  expect(result).toEqual({ code: 0, signal: null, stdout: "4\n", stderr: "" });
  expect(left()).toEqual([]);
});

testUnless(v1)(
  "v1: a failure in the middle leaves nothing of this run, and nothing of others is touched",
  async () => {
    const made = plan({ resources: { pids: { limit: 3 }, cpu: { shares: 2 } } });
    const paths = ["pids", "cpu"].map((controller) => place(controller, `${OWN}middle`));
    const order = made.create.flatMap((step) =>
      step.kind === "call" && step.name === "mkdirat" ? [step.why] : [],
    );
    const last = paths.find((path) => order.at(-1) === `make the cgroup in ${dirname(path)}:`) ?? "";
    mkdirSync(last);
    const { stderr, stdout } = await runInCgroup(made, "echo must not run", `${OWN}middle`);
    expect(stdout).toBe("");
    expect(stderr).toBe(
      `test: make the cgroup in ${dirname(last)}: ${OWN}middle: mkdirat: EEXIST (file exists); hint: a container of this name may be running; if not, one that was killed has left the directory: rmdir it\n`,
    );
    expect(left()).toEqual([last]);
    rmdirSync(last);
  },
);

testUnless(v1)(
  "v1: containers of one program with different arguments have cgroups of their own",
  async () => {
    const meeting = temporaryDirectory("meeting");
    const names = [`${OWN}first`, `${OWN}second`];
    // Each waits for the other from inside of its cgroup: both exist at once, or the test takes too long.
    const script = `name=$(sed -n 's,.*:pids:.*/,,p' /proc/self/cgroup); : >${meeting}/$name
    until ${names.map((name) => `[ -e ${meeting}/${name} ]`).join(" && ")}; do sleep 0.01; done; echo $name`;
    const file = saveProgram(plan({ resources: { pids: { limit: 32 } } }), script);
    const results = await Promise.all(names.map((name) => start(file, name)));
    expect(results).toEqual(
      names.map((name) => ({ code: 0, signal: null, stdout: `${name}\n`, stderr: "" })),
    );
    expect(left()).toEqual([]);
  },
);

testUnless(v1)("v1: a program without an argument has a cgroup of a fixed name", async () => {
  const directory = place("pids", "hutch-program");
  const made = plan({ resources: { pids: { limit: 32 } } });
  const result = await runInCgroup(made, `grep -qx $$ ${directory}/cgroup.procs && echo inside`);
  expect(result).toEqual({ code: 0, signal: null, stdout: "inside\n", stderr: "" });
  expect(existsSync(directory)).toBeFalse();
});

testUnless(v1)("v1: an argument that leads out of the cgroup above is refused, and undone", async () => {
  const parent = place("pids", `${OWN}parent`);
  mkdirSync(parent);
  const below = host.hierarchies.map((each) =>
    each.controllers.includes("pids") ? { ...each, own: parent } : each,
  );
  const made = plan({ host: { ...host, hierarchies: below }, resources: { pids: { limit: 32 } } });
  const { stdout, stderr } = await runInCgroup(made, "echo must not run", `../${OWN}out`);
  expect({ stdout, stderr }).toEqual({
    stdout: "",
    stderr: `test: open the cgroup in ${parent}: ../${OWN}out: openat2: EXDEV (invalid cross-device link); hint: the name leads out of the cgroup above it\n`,
  });
  expect(left()).toEqual([parent]);
  rmdirSync(parent);
});

testUnless(v1)(
  "v1: an explicit path is made in the usual controllers; what lies above it stays",
  async () => {
    const { mount } = host.hierarchies.find(({ controllers }) => controllers.includes("pids")) ?? {
      mount: "",
    };
    const made = plan({ cgroupsPath: `/${OWN}pod/web` });
    const script = `grep -c ':/${OWN}pod/web$' /proc/self/cgroup`;
    const result = await runInCgroup(made, script, `${OWN}ignored`);
    expect(result.stderr).toBe("");
    expect(Number(result.stdout)).toBeGreaterThanOrEqual(4);
    expect(readdirSync(join(mount, `${OWN}pod`)).filter((name) => name === "web")).toEqual([]);
    clean();
  },
);

testUnless(v1)(
  "v1: what cannot be removed is told, and the program still ends as it would",
  async () => {
    const directory = place("pids", `${OWN}stays`);
    const made = plan({ resources: { pids: { limit: 32 } } });
    const script = `mkdir ${directory}/a; mount -t tmpfs none ${directory}/a`;
    const result = await runInCgroup(made, script, `${OWN}stays`);
    Bun.spawnSync(["umount", `${directory}/a`]);
    expect(result).toEqual({
      code: 0,
      signal: null,
      stdout: "",
      stderr: `test: remove the cgroup in ${dirname(directory)}: ${OWN}stays: unlinkat: EBUSY (device or resource busy); hint: it still has processes or cgroups: rmdir it when they are gone\n`,
    });
    clean();
  },
  20_000,
);

testUnless(v1)("v1: hundreds of branches that the container made are all removed", async () => {
  const directory = place("pids", `${OWN}branches`);
  const made = plan({ resources: { pids: { limit: 20 } } });
  const script = `i=0; while [ $i -lt 450 ]; do mkdir -p ${directory}/a$i/b; i=$((i+1)); done; echo made`;
  const result = await runInCgroup(made, script, `${OWN}branches`);
  expect(result).toEqual({ code: 0, signal: null, stdout: "made\n", stderr: "" });
  expect(existsSync(directory)).toBe(false);
});

testUnless(v2)("v2: the process is born inside, and leaves neither processes nor cgroups", async () => {
  const directory = join(unified, `${OWN}v2`);
  const script = `grep ^0:: /proc/self/cgroup; mkdir -p ${directory}/a/b ${directory}/c
    sleep 100 & echo $! >${directory}/a/b/cgroup.procs; sleep 100 & sleep 100 &`;
  const made = plan({ host: onlyV2, cgroupsPath: `/${OWN}v2` });
  expect(await runInCgroup(made, script)).toEqual({
    code: 0,
    signal: null,
    stdout: `0::/${OWN}v2\n`,
    stderr: "",
  });
  expect(left()).toEqual([]);
});

testUnless(v2)("v2: the name is given, and a second container of that name is refused by it", async () => {
  const devices = [{ allow: false }];
  const made = plan({ host: onlyV2, resources: { devices } });
  const first = await runInCgroup(made, "grep ^0:: /proc/self/cgroup", `${OWN}name`);
  expect(first).toEqual({ code: 0, signal: null, stdout: `0::/${OWN}name\n`, stderr: "" });
  const directory = join(unified, `${OWN}name`);
  mkdirSync(directory);
  const second = await runInCgroup(made, "echo must not run", `${OWN}name`);
  expect(second.stdout).toBe("");
  expect(second.stderr).toStartWith(
    `test: make the cgroup in ${unified}: ${OWN}name: mkdirat: EEXIST (file exists); hint: a container`,
  );
  expect(left()).toEqual([directory]);
  rmdirSync(directory);
});

testUnless(anyReason(v2, lacksFile("/dev/fuse"), lacksFile("/dev/kmsg")))(
  "v2: the kernel takes the device filter, and acts upon it",
  async () => {
    const devices = [
      { allow: false, access: "rwm" },
      { allow: true, type: "c", major: 10, minor: 229, access: "r" },
    ];
    const script = `try() { (eval "$1") 2>/dev/null && echo "$1: yes" || echo "$1: no"; }
      try ': </dev/zero'; try ': </dev/fuse'; try ': >/dev/fuse'; try ': </dev/kmsg'
      D=$(mktemp -d /tmp/hutch-node-XXXXXX); try "mknod $D/node c 1 11"; (: <$D/node) 2>/dev/null || echo closed; rm -r $D`;
    const made = plan({ host: onlyV2, resources: { devices } });
    const { stdout, stderr } = await runInCgroup(made, script, `${OWN}filter`);
    expect({ stderr, stdout: stdout.replace(/hutch-node-\w+/, "X").split("\n") }).toEqual({
      stderr: "",
      stdout: [
        ": </dev/zero: yes",
        ": </dev/fuse: yes",
        ": >/dev/fuse: no",
        ": </dev/kmsg: no",
        "mknod /tmp/X/node c 1 11: yes",
        "closed",
        "",
      ],
    });
    expect(left()).toEqual([]);
  },
);

testUnless(v2)("v2: a filter of hundreds of rules is taken", async () => {
  const devices = Array.from({ length: 500 }, (_, minor) => ({
    allow: minor % 2 === 0,
    type: "c",
    major: 0xfffffff0,
    minor,
  }));
  const made = plan({ host: onlyV2, resources: { devices } });
  const { stdout, stderr } = await runInCgroup(made, ": </dev/zero && echo yes", `${OWN}many`);
  expect({ stdout, stderr }).toEqual({ stdout: "yes\n", stderr: "" });
});

testUnless(v2)("v2: a controller that is not there is told by name, with the file", async () => {
  const made = plan({ host: onlyV2, resources: { pids: { limit: 3 } } });
  const rename = made.create.map((step) =>
    step.kind === "call"
      ? { ...step, args: step.args.map((arg) => (arg === "+pids" ? "+nope" : arg)) }
      : step,
  );
  const { stdout, stderr } = await runInCgroup(
    { ...made, create: rename },
    "echo must not run",
    `${OWN}missing`,
  );
  expect(stdout).toBe("");
  expect(stderr).toStartWith(
    `test: hand pids down: write +pids to ${unified}/cgroup.subtree_control: write: E`,
  );
  expect(left()).toEqual([]);
});

testUnless(anyReason(v2, lacksUnifiedControllers()))("v2: the kernel reads the limits back", async () => {
  const directory = join(unified, `${OWN}limits`);
  const resources = {
    memory: { limit: 100 * MIB, reservation: 50 * MIB },
    cpu: { shares: 512, quota: 25_000, period: 50_000 },
    pids: { limit: 32 },
  };
  const files = ["memory.max", "memory.low", "cpu.weight", "cpu.max", "pids.max"];
  const made = plan({ host: onlyV2, resources });
  const { stdout, stderr } = await runInCgroup(
    made,
    files.map((file) => `cat ${directory}/${file}`).join(";"),
    `${OWN}limits`,
  );
  expect({ stdout, stderr }).toEqual({ stdout: "104857600\n52428800\n59\n25000 50000\n32\n", stderr: "" });
  expect(left()).toEqual([]);
});

test("without directories there is nothing to remove", () => {
  expect(removeDirectories([])).toEqual([]);
});
