/*
 * What a person would write by hand instead of `hutch compile`: the default bundle of `hutch spec`, with the
 * limits and the seccomp filter of bench/compiled.ts, as one static program without a libc. It makes the
 * system calls that the compiled file makes, in the same order, on a host with cgroup v1; it leaves nothing
 * out and does nothing twice. Linux 6.3 or newer (MFD_EXEC), x86_64, root.
 *
 * compiled.ts has the command that compiles it, and writes bundle.h: ROOT (a string), ARGUMENTS (strings),
 * FILTER (bytes).
 */
#include <asm/unistd.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/kdev_t.h>
#include <linux/magic.h>
#include <linux/memfd.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/poll.h>
#include <linux/prctl.h>
#include <linux/resource.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <linux/signal.h>
#include <linux/sockios.h>
#include <linux/stat.h>
#include <linux/wait.h>
#include "bundle.h"

/* What these headers keep for the kernel, or have only in newer versions. */
#define MFD_OF_A_PROGRAM 0x10 /* MFD_EXEC */
#define MNT_DETACH 2
#define AF_INET 2
#define SOCK_DGRAM_CLOEXEC (2 | O_CLOEXEC)
#define IFF_UP 1
#define FAILED 125
#define COUNT(list) (sizeof(list) / sizeof(*(list)))
#define HIDDEN (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)
#define ONTO (MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH)

static long syscall6(long number, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
	long result;
	__asm__ volatile("syscall"
		: "=a"(result)
		: "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
		: "rcx", "r11", "memory");
	return result;
}

#define PAD(name, a, b, c, d, e, f, ...) \
	syscall6(__NR_##name, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define CALL(...) PAD(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)
/* The same; a failure ends the program with a message. */
#define MUST(name, ...) check(CALL(name, __VA_ARGS__), #name)

struct cgroup {
	const char *path;
	struct { const char *file, *values[16]; } limits[3];
	int above, directory, tasks;
};

static struct cgroup cgroups[] = {
	{"/sys/fs/cgroup/memory", {{"memory.limit_in_bytes", {"67108864"}}}},
	{"/sys/fs/cgroup/cpu",
	 {{"cpu.shares", {"512"}}, {"cpu.cfs_period_us", {"100000"}}, {"cpu.cfs_quota_us", {"50000"}}}},
	{"/sys/fs/cgroup/pids", {{"pids.max", {"32"}}}},
	{"/sys/fs/cgroup/devices",
	 {{"devices.deny", {"a"}},
	  {"devices.allow",
	   {"c *:* m", "b *:* m", "c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm", "c 1:8 rwm", "c 1:9 rwm", "c 5:0 rwm",
	    "c 5:1 rwm", "c 5:2 rwm", "c 136:* rwm"}}}},
	/* Without limits: else the container would be shown its caller's cgroups in them. */
	{"/sys/fs/cgroup/cpuset"}, {"/sys/fs/cgroup/cpuacct"}, {"/sys/fs/cgroup/freezer"},
	{"/sys/fs/cgroup/blkio"}, {"/sys/fs/cgroup/systemd"}, {"/sys/fs/cgroup/unified"},
};
/* Version 2, which has no file of tasks: init is born into it. */
static long unified;
static char cgroup_name[64];
static unsigned made;
enum { CPUSET = 4, UNIFIED = 9 };

struct option { const char *key, *value; };
struct filesystem {
	const char *type, *at;
	/* The directory in /dev that is made for it; absent when the root has it. */
	const char *in_dev;
	struct option options[6];
	unsigned attributes;
};

static const struct filesystem filesystems[] = {
	{"proc", "/proc", 0, {{"source", "proc"}}, 0},
	{"tmpfs", "/dev", 0, {{"source", "tmpfs"}, {"mode", "755"}, {"size", "65536k"}},
	 MOUNT_ATTR_NOSUID | MOUNT_ATTR_STRICTATIME},
	{"devpts", "/dev/pts", "pts",
	 {{"source", "devpts"}, {"newinstance", 0}, {"ptmxmode", "0666"}, {"mode", "0620"}, {"gid", "5"}},
	 MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC},
	{"tmpfs", "/dev/shm", "shm", {{"source", "shm"}, {"mode", "1777"}, {"size", "65536k"}}, HIDDEN},
	{"mqueue", "/dev/mqueue", "mqueue", {{"source", "mqueue"}}, HIDDEN},
	{"sysfs", "/sys", 0, {{"source", "sysfs"}}, HIDDEN | MOUNT_ATTR_RDONLY},
};
static const struct option cgroup_tmpfs[] = {{"source", "cgroup"}, {"mode", "755"}, {0, 0}};
static const struct option mask_tmpfs[] = {{"source", "container"}, {"nr_inodes", "1"}, {0, 0}};

static const struct { const char *name; int major, minor; } devices[] = {
	{"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0},
};
static const struct { const char *to, *name; } links[] = {
	{"/proc/self/fd", "fd"}, {"/proc/self/fd/0", "stdin"}, {"/proc/self/fd/1", "stdout"},
	{"/proc/self/fd/2", "stderr"}, {"pts/ptmx", "ptmx"},
};
static const char *const read_only[] = {
	"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
};
static const char *const masked[] = {
	"/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
	"/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware",
	"/sys/devices/virtual/powercap",
};
static const char *const arguments[] = {ARGUMENTS, 0};
static const char *const environment[] = {
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm", 0,
};
#define KEPT (1ull << CAP_AUDIT_WRITE | 1ull << CAP_KILL | 1ull << CAP_NET_BIND_SERVICE)

static unsigned long length(const char *text)
{
	unsigned long count = 0;
	while (text[count]) count++;
	return count;
}

static char *append(char *end, const char *text)
{
	while (*text) *end++ = *text++;
	*end = 0;
	return end;
}

static char *append_number(char *end, unsigned long number)
{
	char digits[21], *first = digits + 20;
	*first = 0;
	do *--first = '0' + number % 10; while (number /= 10);
	return append(end, first);
}

static void remove_cgroups(void)
{
	for (unsigned i = 0; i < made; i++) CALL(unlinkat, cgroups[i].above, cgroup_name, AT_REMOVEDIR);
}

static long check(long result, const char *name)
{
	if (result >= 0) return result;
	char message[128];
	char *end = append(append(append(message, "container: "), name), ": errno ");
	end = append(append_number(end, -result), "\n");
	CALL(write, 2, message, end - message);
	remove_cgroups();
	CALL(exit_group, FAILED);
	__builtin_unreachable();
}

#include "container-init.h"

/* A copy in memory that nobody can write to: what the container sees of its program (CVE-2019-5736). */
static void become_sealed(char **argv, char **envp)
{
	struct statx status;
	CALL(geteuid);
	CALL(getegid);
	while (MUST(openat, AT_FDCWD, "/dev/null", O_RDWR) <= 2);
	CALL(close, 3);
	long self = MUST(openat, AT_FDCWD, "/proc/self/exe", O_RDONLY | O_CLOEXEC);
	MUST(statx, self, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &status);
	if (status.stx_nlink == 0) {
		MUST(fchmod, self, 0);
		return;
	}
	long copy = MUST(memfd_create, "container", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_OF_A_PROGRAM);
	MUST(sendfile, copy, self, 0, status.stx_size);
	MUST(fchmod, copy, 0500);
	MUST(fcntl, copy, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
	MUST(execveat, copy, "", argv, envp, AT_EMPTY_PATH);
}

/* A new cgroup of cpuset has no processors, and takes nobody. */
static void inherit(struct cgroup *cgroup, const char *name)
{
	static char text[32768];
	long file = MUST(openat, cgroup->above, name, O_RDONLY | O_CLOEXEC);
	long size = MUST(read, file, text, sizeof text);
	MUST(close, file);
	file = MUST(openat, cgroup->directory, name, O_WRONLY | O_CLOEXEC);
	MUST(write, file, text, size);
	MUST(close, file);
}

static void make_cgroup(struct cgroup *cgroup)
{
	struct statx status;
	const struct open_how how = {.flags = O_RDONLY | O_CLOEXEC, .resolve = RESOLVE_BENEATH};
	cgroup->above = MUST(openat, AT_FDCWD, cgroup->path, O_PATH | O_CLOEXEC);
	MUST(statx, cgroup->above, "", AT_EMPTY_PATH, STATX_INO, &status);
	MUST(mkdirat, cgroup->above, cgroup_name, 01755);
	made++;
	cgroup->directory = MUST(openat2, cgroup->above, cgroup_name, &how, sizeof how);
	for (unsigned i = 0; i < COUNT(cgroup->limits) && cgroup->limits[i].file; i++) {
		long file = MUST(openat, cgroup->directory, cgroup->limits[i].file, O_WRONLY | O_CLOEXEC);
		for (const char **value = cgroup->limits[i].values; *value; value++)
			MUST(write, file, *value, length(*value));
		MUST(close, file);
	}
	if (cgroup == &cgroups[CPUSET]) {
		inherit(cgroup, "cpuset.cpus");
		inherit(cgroup, "cpuset.mems");
	}
	cgroup->tasks = CALL(openat, cgroup->directory, "tasks", O_WRONLY | O_CLOEXEC);
	if (cgroup->tasks == -ENOENT) unified = cgroup->directory;
	else check(cgroup->tasks, "openat of tasks");
}

static void make_cgroups(void)
{
	long now[2], statfs[15];
	long process = CALL(getpid);
	MUST(clock_gettime, 0, now);
	append_number(append(append_number(append(cgroup_name, "cbench-"), process), "-"), now[0]);
	MUST(statfs, "/sys/fs/cgroup", statfs);
	if (statfs[0] != TMPFS_MAGIC) check(-ENOSYS, "no cgroup v1");
	for (unsigned i = 0; i < COUNT(cgroups); i++) {
		/* Hidden where version 1 alone is compared. */
		if (i == UNIFIED) MUST(statfs, cgroups[i].path, statfs);
		if (i == UNIFIED && statfs[0] != CGROUP2_SUPER_MAGIC) break;
		make_cgroup(&cgroups[i]);
	}
}

/* What the kernel tells of the memory at the end, from which the reason of a kill is told. */
static void read_end(const char *name, char *text, unsigned long size)
{
	long file = MUST(openat, cgroups[0].directory, name, O_RDONLY | O_CLOEXEC);
	while (MUST(read, file, text, size) > 0);
	MUST(close, file);
}

/* Waits, and hands the signals on; returns the exit code. */
static int supervise(long init, int init_pidfd, const unsigned long *held)
{
	char text[512];
	int status;
	for (;;) {
		long signal = MUST(rt_sigtimedwait, held, 0, 0, 8);
		if (signal != SIGCHLD) CALL(pidfd_send_signal, init_pidfd, signal, 0, 0);
		else if (MUST(wait4, init, &status, WNOHANG | __WALL, 0) == init) break;
	}
	read_end("memory.oom_control", text, sizeof text);
	read_end("memory.limit_in_bytes", text, sizeof text);
	read_end("memory.max_usage_in_bytes", text, sizeof text);
	return status & 0x7f ? 128 + (status & 0x7f) : status >> 8 & 0xff;
}

__attribute__((used, noreturn)) static void start(long *stack)
{
	static const int defaults[] = {SIGPIPE, SIGXFSZ, SIGCHLD};
	static const struct sigaction by_default;
	/* All but SIGTSTP, SIGTTIN and SIGTTOU. */
	const unsigned long held = ~(7ul << 19);
	unsigned long callers;
	int init_pidfd;

	become_sealed((char **)stack + 1, (char **)stack + *stack + 2);
	MUST(close_range, 3, ~0u, 0);
	MUST(rt_sigprocmask, SIG_BLOCK, &held, &callers, 8);
	for (unsigned i = 0; i < COUNT(defaults); i++) MUST(rt_sigaction, defaults[i], &by_default, 0, 8);
	make_cgroups();
	MUST(prctl, PR_SET_DUMPABLE, 0);
	long self = MUST(pidfd_open, CALL(getpid), 0);
	struct clone_args clone = {
		.flags = (unified ? CLONE_INTO_CGROUP : 0) | CLONE_PIDFD | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWNET,
		.pidfd = (unsigned long)&init_pidfd,
		.exit_signal = SIGCHLD,
		.cgroup = unified,
	};
	long init = MUST(clone3, &clone, sizeof clone);
	if (init == 0) contain(self, callers);
	MUST(close, self);
	int code = supervise(init, init_pidfd, &held);
	remove_cgroups();
	CALL(exit_group, code);
	__builtin_unreachable();
}

__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall start\n");
