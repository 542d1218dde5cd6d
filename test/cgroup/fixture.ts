/** Texts of /proc/self/mountinfo and /proc/self/cgroup as machines of all kinds have them. */
import { type CgroupHost, detectCgroups } from "../../src/cgroup/detect.ts";
import type { Directory } from "../../src/cgroup/directory.ts";

export interface Texts {
  readonly mountinfo: string;
  readonly cgroup: string;
}

const ROOT = `22 27 0:21 / /proc rw,relatime - proc proc rw
23 27 0:22 / /sys rw,relatime - sysfs sysfs rw
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
`;

/** Version 1 as systemd mounted it, with co-mounted controllers and optional fields. */
export const V1: Texts = {
  mountinfo: `${ROOT}31 23 0:29 / /sys/fs/cgroup ro,nosuid shared:9 - tmpfs tmpfs ro,mode=755
32 31 0:30 / /sys/fs/cgroup/systemd rw shared:10 - cgroup cgroup rw,xattr,release_agent=/a,name=systemd
33 31 0:31 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:11 master:3 - cgroup cgroup rw,cpu,cpuacct
34 31 0:32 / /sys/fs/cgroup/memory rw,nosuid shared:12 - cgroup cgroup rw,memory
35 31 0:33 / /sys/fs/cgroup/pids rw,nosuid shared:13 - cgroup cgroup rw,pids
36 31 0:34 / /sys/fs/cgroup/devices rw,nosuid shared:14 - cgroup cgroup rw,devices
37 31 0:35 / /sys/fs/cgroup/net_cls,net_prio rw,nosuid shared:15 - cgroup cgroup rw,net_cls,net_prio
`,
  cgroup: `6:net_cls,net_prio:/
5:devices:/user.slice
4:pids:/user.slice/user-1000.slice
3:memory:/user.slice
2:cpu,cpuacct:/user.slice
1:name=systemd:/user.slice/user-1000.slice/session-3.scope
`,
};

/** Version 1 with every controller by itself, and version 2 without controllers. */
export const HYBRID: Texts = {
  mountinfo: `${ROOT}31 23 0:29 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:30 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
33 31 0:31 / /sys/fs/cgroup/cpuacct rw,relatime - cgroup cgroup rw,cpuacct
34 31 0:32 / /sys/fs/cgroup/cpuset rw,relatime - cgroup cgroup rw,cpuset
35 31 0:33 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
36 31 0:34 / /sys/fs/cgroup/devices rw,relatime - cgroup cgroup rw,devices
37 31 0:35 / /sys/fs/cgroup/freezer rw,relatime - cgroup cgroup rw,freezer
38 31 0:36 / /sys/fs/cgroup/blkio rw,relatime - cgroup cgroup rw,blkio
39 31 0:37 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids
40 31 0:38 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd
41 31 0:39 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
`,
  cgroup: `9:name=systemd:/
8:pids:/
7:blkio:/
6:freezer:/
5:devices:/
4:memory:/session/7
3:cpuset:/
2:cpuacct:/
1:cpu:/
0::/
`,
};

export const V2: Texts = {
  mountinfo: `${ROOT}31 23 0:29 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate
`,
  cgroup: "0::/user.slice/user-1000.slice/user@1000.service/app.slice/run-1.scope\n",
};

/**
 * Inside of a Docker container on version 1 without a cgroup namespace: the container's directory is the
 * root.
 */
export const DOCKER: Texts = {
  mountinfo: `600 500 0:60 / / rw,relatime master:70 - overlay overlay rw,lowerdir=/l,upperdir=/u,workdir=/w
601 600 0:61 / /proc rw,nosuid - proc proc rw
602 600 0:62 / /sys ro,nosuid - sysfs sysfs ro
603 602 0:63 / /sys/fs/cgroup rw,nosuid - tmpfs tmpfs rw,mode=755
604 603 0:31 /docker/abc /sys/fs/cgroup/cpu,cpuacct ro,nosuid master:11 - cgroup cgroup rw,cpu,cpuacct
605 603 0:32 /docker/abc /sys/fs/cgroup/memory ro,nosuid master:12 - cgroup cgroup rw,memory
`,
  cgroup: "2:cpu,cpuacct:/docker/abc\n1:memory:/docker/abc/inner\n0::/\n",
};

export const NONE: Texts = { mountinfo: ROOT, cgroup: "" };

export const hostOf = ({ mountinfo, cgroup }: Texts): CgroupHost => detectCgroups(mountinfo, cgroup);

/** The path of a directory; a name that the program is given is shown as its slot, in brackets. */
export const pathOf = ({ parent, name }: Directory): string =>
  `${parent}/${typeof name === "string" ? name : `<${name.name}>`}`;

/** The name that a program is given. */
export const GIVEN = "<cgroup name given>";
