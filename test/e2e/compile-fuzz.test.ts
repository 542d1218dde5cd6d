/** Random containers: what the kernel shows in a compiled file's is what it shows in that of `hutch in`. */
import { beforeAll, expect } from "bun:test";
import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { randomNumbers } from "../emit/random-plan.ts";
import { hutch, lacksHutch, run } from "../support/hutch.ts";
import { lacksBusybox, rootfs } from "../support/rootfs.ts";
import { anyReason, lacksRoot, testUnless } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { ordinaryUser } from "../support/user.ts";

const REASON = anyReason(lacksHutch(), lacksBusybox(), lacksRoot());

/** Options, each alone or with its choices; a bind's source is a directory of the test. */
const CHOICES = (shown: string): readonly (readonly (readonly string[])[])[] => [
  [["--read-only"], ["--overlay"]],
  [["--init"]],
  [
    ["--tmpfs", "/var:size=1m,mode=700"],
    ["--tmpfs", "/srv/new"],
  ],
  [
    ["--bind", `${shown}:/mnt`],
    ["--bind", `${shown}:/a/b/c:ro`],
    ["--bind", `${shown}/file:/etc/file:ro`],
  ],
  [
    ["--workdir", "/tmp"],
    ["-w", "/made/here"],
  ],
  [["--hostname", "box"]],
  [
    ["--share", "net"],
    ["--share", "ipc,uts"],
    ["--share", "pid"],
  ],
  [
    ["--user", "1000:1000"],
    ["--user", "5"],
  ],
  [
    ["--cap-drop", "all"],
    ["--cap-drop", "NET_RAW", "--cap-drop", "CHOWN"],
  ],
  [["--seccomp", "off"]],
  [["--env", "A=1", "--env", "B=x y"], ["--clear-env"]],
  [
    ["--rlimit", "nofile=100:200"],
    ["--rlimit", "core=0"],
  ],
  [["--sysctl", "net.ipv4.ip_forward=1"]],
  [["--uid-map", "0:100000:2000", "--gid-map", "0:100000:2000"]],
];

/** What a process can see of its container; what differs from start to start is left out. */
const PROBE = `id; pwd; hostname; umask; ulimit -a; env | sort
  grep -E '^(Cap|NoNewPrivs|Seccomp|Uid|Gid|Groups)' /proc/self/status
  cat /proc/self/uid_map /proc/self/oom_score_adj /proc/sys/kernel/hostname
  cut -d' ' -f4- /proc/self/mountinfo | sed 's/master:[0-9]*//; s/:[^:]*upperdir=[^ ,]*//'
  ls -lnR /dev | grep -v '^total' | sed 's/[A-Z][a-z][a-z] *[0-9]* [0-9:]*//'
  ls /sys /proc/irq /mnt /a/b/c /made 2>&1; touch /probe 2>&1; touch /proc/sys/x 2>&1
  cat /proc/kcore 2>&1 | wc -c`;

let root = "";
let shown = "";
beforeAll(async () => {
  if (REASON !== undefined) return;
  root = await rootfs();
  // Places for mounts, since not everybody may make them.
  for (const path of ["mnt", "a/b/c", "srv/new", "made/here"])
    mkdirSync(join(root, path), { recursive: true });
  await Bun.write(join(root, "etc/file"), "");
  shown = temporaryDirectory("shown");
  await Bun.write(join(shown, "file"), "shown\n");
  for (const path of [root, shown]) chmodSync(path, 0o755);
});

function optionsOf(seed: number, isUser: boolean): string[] {
  const random = randomNumbers(seed);
  return CHOICES(shown).flatMap((choices) => {
    const choice = choices[random(choices.length)] ?? [];
    // An ordinary user maps one id, and may not share what its network owns.
    const forbidden = isUser && ["--user", "--uid-map", "--sysctl"].includes(choice[0] ?? "");
    return random(3) === 0 && !forbidden ? choice : [];
  });
}

const ENVIRONMENT = [
  "/usr/bin/env",
  "-i",
  "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  "X=1",
];

for (let seed = 1; seed <= 16; seed++) {
  const isUser = seed % 4 === 0;
  testUnless(REASON)(
    `seed ${seed}${isUser ? ", an ordinary user" : ""}: a file does what hutch in does`,
    async () => {
      const options = optionsOf(seed, isUser);
      const words = [...options, root, "sh", "-c", PROBE];
      const user = isUser ? ordinaryUser() : {};
      const place = temporaryDirectory("fuzz");
      chmodSync(place, 0o755);
      const file = join(place, "box");
      const made = await hutch(["compile", "-o", file, ...words]);
      const direct = await hutch(["in", ...words], { ...user, env: { ...plain(), HUTCH_CACHE: "off" } });
      if (made.code !== 0) {
        // What one refuses the other does not start.
        expect({ options, code: direct.code }).toEqual({ options, code: 125 });
        return;
      }
      const ran = await run([...ENVIRONMENT, file], user);
      const output = ({ stdout }: { readonly stdout: string }): string[] =>
        stdout.split("\n").filter((line) => !line.startsWith("HUTCH_CACHE="));
      // Else nothing has been compared.
      expect({ options, errors: direct.stderr, lines: output(direct).length > 40 }).toEqual({
        options,
        errors: "",
        lines: true,
      });
      expect({ options, code: ran.code, lines: output(ran) }).toEqual({
        options,
        code: direct.code,
        lines: output(direct),
      });
    },
    60_000,
  );
}

/** The same environment for hutch. */
function plain(): Record<string, string | undefined> {
  const nothing = Object.keys(process.env).map((name) => [name, undefined] as const);
  return { ...Object.fromEntries(nothing), PATH: ENVIRONMENT[2]?.slice("PATH=".length), X: "1" };
}
