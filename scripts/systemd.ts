/** A root with systemd as its init, for the tests' virtual machine: kept below dist/, never installed. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { SYSTEMD_ROOT } from "../test/support/vm/systemd.ts";
import { fetchInto } from "./kernel.ts";

/** systemd, the bus, and the libraries that they are linked with, as Debian 12 has them. */
const PACKAGES = [
  ...["systemd", "libsystemd-shared", "libsystemd0"],
  ...[
    "dbus",
    "dbus-bin",
    "dbus-daemon",
    "dbus-system-bus-common",
    "dbus-session-bus-common",
    "dbus-user-session",
  ],
  ...["libc6", "libgcc-s1", "libacl1", "libapparmor1", "libargon2-1", "libaudit1", "libblkid1", "libcap-ng0"],
  ...[
    "libcap2",
    "libcrypt1",
    "libcryptsetup12",
    "libdbus-1-3",
    "libdevmapper1.02.1",
    "libexpat1",
    "libfdisk1",
  ],
  ...[
    "libgcrypt20",
    "libgpg-error0",
    "libip4tc2",
    "libjson-c5",
    "libkmod2",
    "liblz4-1",
    "liblzma5",
    "libmount1",
  ],
  ...[
    "libpam0g",
    "libpcre2-8-0",
    "libseccomp2",
    "libselinux1",
    "libssl3",
    "libudev1",
    "libuuid1",
    "libzstd1",
  ],
];

/** What nobody in the machine reads. */
const UNUSED = [
  "usr/share/doc",
  "usr/share/man",
  "usr/share/locale",
  "lib/udev/hwdb.d",
  "usr/lib/udev/hwdb.d",
];

/** Fetches the root unless it is there; returns what installPackages does. */
export function installSystemdRoot(): string[] {
  if (existsSync(join(SYSTEMD_ROOT, "complete"))) return [];
  const names = PACKAGES.join(" ");
  const script = `set -e
    apt-get download -q ${names} || { apt-get update -qq; apt-get download -q ${names}; }
    mkdir root
    for each in *.deb; do dpkg-deb -x $each root; done
    test -x root/lib/systemd/systemd
    rm -rf *.deb ${UNUSED.map((path) => `root/${path}`).join(" ")}
    # Packed, because links that lead nowhere on this machine are in the way of who looks through dist/.
    tar -C root -cf root.tar .
    rm -r root`;
  return fetchInto(SYSTEMD_ROOT, "a root with systemd", () => script);
}
