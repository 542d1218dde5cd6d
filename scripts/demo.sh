# Runs inside a container that hutch made of the host's own files: what the kernel says of it, section by section.
bold='' plain=''
if [ -t 1 ]; then bold=$(printf '\033[1m') plain=$(printf '\033[0m'); fi
say() { printf '\n%s%s%s  %s\n' "$bold" "$1" "$plain" "$2"; }

say 'process tree' 'a pid namespace of its own: this shell is process 1, and nothing of the host is there'
sleep 5 &
for status in /proc/[0-9]*/status; do
  awk '/^Name/ { name = $2 } /^Pid/ { pid = $2 } /^PPid/ { parent = $2 }
    END { if (pid) printf "  pid %-4s parent %-4s %s\n", pid, parent, name }' "$status"
done 2> /dev/null

say 'mounts' 'a mount namespace of its own: the root read-only, the rest made for this container'
awk '{ printf "  %-22s %-10s %s\n", $5, $(NF - 2), $6 }' /proc/self/mountinfo | sort

say 'network' 'a network namespace of its own: the loopback interface and nothing else'
awk 'NR > 2 { print "  " $1, "received", $2, "bytes, sent", $10 }' /proc/net/dev
printf '  host name: %s\n' "$(cat /proc/sys/kernel/hostname)"

say 'user' 'who this shell is, and which user of the host that is'
printf '  %s\n' "$(id)"
awk '{ print "  uid " $1 " here is uid " $2 " on the host (" $3 " ids mapped)" }' /proc/self/uid_map

say 'capabilities' 'what is left of root, and what guards the rest'
awk '/^Cap|^NoNewPrivs|^Seccomp:/ { print "  " $0 }' /proc/self/status

say 'cgroup' 'its place is the root of what it can see, and its limits are the kernel'"'"'s to keep'
sed 's/^/  /' /proc/self/cgroup
for file in memory/memory.limit_in_bytes memory.max pids/pids.max pids.max cpu/cpu.cfs_quota_us cpu.max; do
  if [ -r "/sys/fs/cgroup/$file" ]; then printf '  %s: %s\n' "$file" "$(cat "/sys/fs/cgroup/$file")"; fi
done

say 'namespaces' 'by their numbers'
for kind in cgroup ipc mnt net pid user uts; do printf '  %s\n' "$(readlink "/proc/self/ns/$kind")"; done
