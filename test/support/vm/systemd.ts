/** A machine whose first process is systemd: the root that scripts/systemd.ts has unpacked, and its units. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { SkipReason } from "../skip.ts";
import { ROOT } from "../source.ts";
import { temporaryDirectory } from "../temporary.ts";
import type { Content } from "./initramfs.ts";

export const SYSTEMD_ROOT = join(ROOT, "dist/vm/systemd");

export function lacksSystemdRoot(): SkipReason {
  return existsSync(join(SYSTEMD_ROOT, "complete")) ? undefined : "needs the packages of systemd and dbus";
}

/** An ordinary user of the machine, who may have a systemd too: systemctl start user@1000. */
export const USER = 1000;

const PASSWD = `root:x:0:0:root:/root:/bin/sh
messagebus:x:100:100::/nonexistent:/bin/false
user:x:${USER}:${USER}::/home/user:/bin/sh
nobody:x:65534:65534:nobody:/:/bin/false
`;
const GROUP = `root:x:0:
tty:x:5:
messagebus:x:100:
user:x:${USER}:
nogroup:x:65534:
`;

/** Ends with the script, and the machine with it. */
const SERVICE = `[Unit]
DefaultDependencies=no
Requires=dbus.socket sysinit.target
After=dbus.socket sysinit.target
[Service]
Type=oneshot
Environment=PATH=/bin:/usr/bin:/sbin HOME=/root
ExecStart=/vm/run
TimeoutStartSec=infinity
`;
const TARGET = `[Unit]
Requires=script.service
After=script.service
`;

/** Without PAM, which would need the packages of logind too. */
const USER_MANAGER = `[Service]
PAMName=
Environment=XDG_RUNTIME_DIR=/run/user/%i
ExecStartPre=+/bin/busybox sh -c "mkdir -p /run/user/%i && chown %i /run/user/%i"
`;

let unpacked: string | undefined;

/** The root, unpacked for as long as the tests run. */
function unpack(): string {
  if (unpacked !== undefined) return unpacked;
  const directory = temporaryDirectory("systemd");
  const done = Bun.spawnSync(["tar", "-C", directory, "-xf", join(SYSTEMD_ROOT, "root.tar")]);
  if (!done.success) throw new Error(`tar: ${done.stderr}`);
  unpacked = directory;
  return directory;
}

/** The files of a machine with `cgroups: "systemd"`. */
export function systemdFiles(): Record<string, Content> {
  const root = unpack();
  const found = readdirSync(root).map((name) => [`/${name}`, { from: join(root, name) }] as const);
  return {
    ...Object.fromEntries(found),
    "/etc/passwd": { text: PASSWD },
    "/etc/group": { text: GROUP },
    "/etc/machine-id": { text: "0123456789abcdef0123456789abcdef\n" },
    "/etc/systemd/system/script.service": { text: SERVICE },
    "/etc/systemd/system/script.target": { text: TARGET },
    "/etc/systemd/system/user@.service.d/plain.conf": { text: USER_MANAGER },
  };
}
