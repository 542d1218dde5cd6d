/**
 * The first process of the machine. The script's output goes to a serial port to which the kernel writes
 * nothing; what it writes to $RESULTS, another, comes back as its results.
 */
export const INIT = `#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin HOME=/root
. /vm/settings
mkdir -p /proc /sys /run /tmp /root /etc
chmod 1777 /tmp
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mkdir /dev/pts /dev/shm
mount -t devpts -o mode=620,ptmxmode=666 devpts /dev/pts
mount -t tmpfs shm /dev/shm
mount -t tmpfs -o mode=755 run /run
ip link set lo up
for module in $MODULES; do insmod /vm/$module; done
v1() {
  mount -t tmpfs -o mode=755 cgroup /sys/fs/cgroup
  for name in cpu cpuacct cpuset memory devices freezer blkio pids net_cls net_prio hugetlb rdma; do
    mkdir /sys/fs/cgroup/$name
    mount -t cgroup -o $name cgroup /sys/fs/cgroup/$name || rmdir /sys/fs/cgroup/$name
  done
  mkdir /sys/fs/cgroup/systemd
  mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd
}
case $CGROUPS in
  v1) v1 ;;
  hybrid) v1; mkdir /sys/fs/cgroup/unified; mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified ;;
  v2) mount -t cgroup2 cgroup2 /sys/fs/cgroup ;;
  systemd) exec /lib/systemd/systemd --unit=script.target ;;
esac
. /vm/run
`;

/** Runs the script and switches off: the last thing that the first process does, or a service of systemd. */
export const RUN = `#!/bin/busybox sh
. /vm/settings
export OUTPUT RESULTS
# Held open, because a script may take /dev away.
exec 3>$OUTPUT 4>$RESULTS
stty -F $RESULTS raw -echo
if [ -s /vm/script ]; then
  stty -F $OUTPUT raw -echo
  sh /vm/script </dev/null >&3 2>&1 3>&- 4>&-
else
  setsid sh -c 'exec sh -i <$OUTPUT >$OUTPUT 2>&1 3>&- 4>&-'
fi
code=$?
# The last one that closes a serial port waits until all is sent.
kill -9 -1
echo "$BOUNDARY $code" >&3
exec 3>&- 4>&-
/bin/busybox poweroff -f
`;
