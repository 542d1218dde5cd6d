/* What the container's first process does; a part of container.c. */

static void options_of(long context, const struct option *option)
{
	for (; option->key; option++) {
		unsigned kind = option->value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG;
		MUST(fsconfig, context, kind, option->key, option->value, 0);
	}
}

/* Makes the file system that was configured; a mount that stands nowhere yet. */
static long mounted(long context, unsigned attributes)
{
	MUST(fsconfig, context, FSCONFIG_CMD_CREATE, 0, 0, 0);
	long mount = MUST(fsmount, context, FSMOUNT_CLOEXEC, attributes);
	MUST(close, context);
	return mount;
}

/* A path of the container, never outside of its root. */
static long find(long root, const char *path, unsigned long flags, unsigned long resolve)
{
	const struct open_how how = {
		.flags = O_PATH | O_CLOEXEC | flags,
		.resolve = RESOLVE_IN_ROOT | resolve,
	};
	return CALL(openat2, root, path, &how, sizeof how);
}

static void mount_filesystem(long root, const struct filesystem *filesystem)
{
	long context = MUST(fsopen, filesystem->type, FSOPEN_CLOEXEC);
	options_of(context, filesystem->options);
	long mount = mounted(context, filesystem->attributes);
	/* runc refuses a link in the place of /proc or /sys (CVE-2019-19921). */
	int is_strict = filesystem->at[1] != 'd';
	long place = find(root, filesystem->at, 0, is_strict ? RESOLVE_NO_SYMLINKS : 0);
	if (place == -ENOENT && filesystem->in_dev) {
		CALL(mkdirat, root, "dev", 0755);
		long above = check(find(root, "/dev", O_DIRECTORY, 0), "openat2 of /dev");
		MUST(mkdirat, above, filesystem->in_dev, 0755);
		place = find(root, filesystem->at, O_DIRECTORY, 0);
	}
	MUST(move_mount, mount, "", check(place, "openat2 of a place"), "", ONTO);
}

/* Mounts one line of /proc/self/cgroup: its number, its controllers (or its name), its path. */
static void mount_hierarchy(long above, char *controllers)
{
	int is_unified = *controllers == ':';
	char *end = controllers;
	while (*end != ':') end++;
	*end = 0;
	int is_named = controllers[0] == 'n' && controllers[4] == '=';
	const char *directory = is_unified ? "unified" : is_named ? controllers + 5 : controllers;
	long context = MUST(fsopen, is_unified ? "cgroup2" : "cgroup", FSOPEN_CLOEXEC);
	MUST(mkdirat, above, directory, 0755);
	long place = MUST(openat, above, directory, O_PATH | O_CLOEXEC);
	if (is_named) {
		MUST(fsconfig, context, FSCONFIG_SET_FLAG, "none", 0, 0);
		MUST(fsconfig, context, FSCONFIG_SET_STRING, "name", directory, 0);
	} else if (!is_unified) {
		char one[32], *to = one;
		for (const char *from = controllers;; from++) {
			if (*from && *from != ',') {
				*to++ = *from;
				continue;
			}
			*to = 0;
			MUST(fsconfig, context, FSCONFIG_SET_FLAG, one, 0, 0);
			CALL(symlinkat, directory, above, one);
			to = one;
			if (!*from) break;
		}
	}
	long mount = mounted(context, HIDDEN | MOUNT_ATTR_RDONLY);
	MUST(move_mount, mount, "", place, "", ONTO);
}

static void mount_cgroups(long root)
{
	static char text[16384];
	const struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY};
	long place = check(find(root, "/sys/fs/cgroup", 0, 0), "openat2 of /sys/fs/cgroup");
	long context = MUST(fsopen, "tmpfs", FSOPEN_CLOEXEC);
	options_of(context, cgroup_tmpfs);
	long above = mounted(context, HIDDEN);
	MUST(move_mount, above, "", place, "", ONTO);
	long file = MUST(openat, AT_FDCWD, "/proc/self/cgroup", O_RDONLY | O_CLOEXEC);
	long size = MUST(read, file, text, sizeof text - 1);
	MUST(close, file);
	for (char *line = text; line < text + size;) {
		char *end = line;
		while (*end != '\n') end++;
		while (*line++ != ':');
		mount_hierarchy(above, line);
		line = end + 1;
	}
	MUST(mount_setattr, above, "", AT_EMPTY_PATH, &attributes, sizeof attributes);
}

static void make_devices(long root)
{
	long dev = check(find(root, "/dev", 0, 0), "openat2 of /dev");
	for (unsigned i = 0; i < COUNT(devices); i++)
		MUST(mknodat, dev, devices[i].name, S_IFCHR | 0666, MKDEV(devices[i].major, devices[i].minor));
	for (unsigned i = 0; i < COUNT(links); i++) MUST(symlinkat, links[i].to, dev, links[i].name);
}

static void make_read_only(long root)
{
	const struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY};
	for (unsigned i = 0; i < COUNT(read_only); i++) {
		long place = find(root, read_only[i], 0, 0);
		if (place == -ENOENT || place == -ENOTDIR) continue;
		check(place, "openat2 of a read-only path");
		unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE;
		long tree = MUST(open_tree, place, "", flags);
		MUST(mount_setattr, tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes, sizeof attributes);
		MUST(move_mount, tree, "", place, "", ONTO);
	}
}

static void mask(long root)
{
	struct statx status;
	long null = MUST(openat, AT_FDCWD, "/dev/null", O_PATH | O_CLOEXEC);
	MUST(statx, null, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &status);
	int is_null = status.stx_rdev_major == 1 && status.stx_rdev_minor == 3;
	if ((status.stx_mode & S_IFMT) != S_IFCHR || !is_null) check(-ENODEV, "/dev/null");
	const unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH;
	long empty = 0;
	for (unsigned i = 0; i < COUNT(masked); i++) {
		long place = find(root, masked[i], 0, 0);
		if (place == -ENOENT || place == -ENOTDIR) continue;
		check(place, "openat2 of a masked path");
		long tree = MUST(open_tree, null, "", flags);
		long moved = CALL(move_mount, tree, "", place, "", ONTO);
		if (moved != -EINVAL) {
			check(moved, "move_mount of a mask");
			continue;
		}
		if (empty != 0) {
			long more = MUST(open_tree, empty, "", flags);
			MUST(move_mount, more, "", place, "", ONTO);
			continue;
		}
		long context = MUST(fsopen, "tmpfs", FSOPEN_CLOEXEC);
		options_of(context, mask_tmpfs);
		empty = mounted(context, HIDDEN | MOUNT_ATTR_RDONLY);
		MUST(move_mount, empty, "", place, "", ONTO);
	}
}

static void enter_root(long root)
{
	const struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY};
	MUST(mount_setattr, root, "", AT_EMPTY_PATH, &attributes, sizeof attributes);
	long old = MUST(openat, AT_FDCWD, "/", O_PATH | O_CLOEXEC);
	MUST(fchdir, root);
	MUST(pivot_root, ".", ".");
	MUST(fchdir, old);
	MUST(mount, 0, ".", 0, MS_REC | MS_SLAVE, 0);
	MUST(umount2, ".", MNT_DETACH);
	MUST(chdir, "/");
	MUST(close, old);
	MUST(close_range, 3, ~0u, 0);
}

static void set_loopback_up(void)
{
	/* struct ifreq, whose header is not free of libc's. */
	static const struct { char name[16]; short flags; char rest[22]; } request = {"lo", IFF_UP, {0}};
	long socket = MUST(socket, AF_INET, SOCK_DGRAM_CLOEXEC, 0);
	MUST(ioctl, socket, SIOCSIFFLAGS, &request);
	MUST(close, socket);
}

static void drop_privileges(void)
{
	static const struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	static const struct __user_cap_data_struct sets[2] = {{(unsigned)KEPT, (unsigned)KEPT, 0}, {0, 0, 0}};
	long root = MUST(openat, AT_FDCWD, "/", O_PATH | O_CLOEXEC);
	MUST(prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	for (unsigned capability = 0; capability < 64; capability++) {
		if (KEPT >> capability & 1) continue;
		if (CALL(prctl, PR_CAPBSET_DROP, capability, 0, 0, 0) == -EINVAL) break;
	}
	MUST(prctl, PR_SET_KEEPCAPS, 1, 0, 0, 0);
	MUST(setgroups, 0, 0);
	MUST(setresgid, 0, 0, 0);
	MUST(setresuid, 0, 0, 0);
	MUST(umask, 022);
	MUST(fchdir, check(find(root, "/", 0, 0), "openat2 of /"));
	MUST(capset, &header, sets);
	MUST(prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

/* Becomes the container's program; launcher is its pidfd, callers the signal mask to give back. */
__attribute__((noreturn)) static void contain(long launcher, unsigned long callers)
{
	static const struct rlimit64 files = {1024, 1024};
	static const struct sock_fprog filter = {sizeof FILTER / sizeof(struct sock_filter), (void *)FILTER};
	const long at_once[2] = {0, 0};
	struct pollfd death = {.fd = launcher, .events = POLLIN};

	const unsigned entered = made;
	made = 0; /* The launcher removes the cgroups. */
	MUST(prctl, PR_SET_PDEATHSIG, SIGKILL);
	if (MUST(ppoll, &death, 1, at_once, 0, 0)) CALL(exit_group, FAILED);
	MUST(prctl, PR_SET_DUMPABLE, 0);
	for (unsigned i = 0; i < entered; i++)
		if (cgroups[i].tasks >= 0) MUST(write, cgroups[i].tasks, "0", 1);
	MUST(unshare, CLONE_NEWCGROUP);
	MUST(keyctl, KEYCTL_JOIN_SESSION_KEYRING, 0);
	MUST(setsid, 0);
	MUST(sethostname, "hutch", 5);
	set_loopback_up();
	MUST(umask, 0);
	MUST(mount, 0, "/", 0, MS_REC | MS_SLAVE, 0);
	long root = MUST(open_tree, AT_FDCWD, ROOT, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	MUST(move_mount, root, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH);
	for (unsigned i = 0; i < COUNT(filesystems); i++) mount_filesystem(root, &filesystems[i]);
	mount_cgroups(root);
	make_devices(root);
	make_read_only(root);
	mask(root);
	enter_root(root);
	MUST(prlimit64, 0, RLIMIT_NOFILE, &files, 0);
	drop_privileges();
	MUST(prctl, PR_SET_PDEATHSIG, SIGKILL);
	MUST(close_range, 3, ~0u, CLOSE_RANGE_CLOEXEC);
	MUST(rt_sigprocmask, SIG_SETMASK, &callers, 0, 8);
	MUST(seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter);
	MUST(execve, arguments[0], arguments, environment);
	__builtin_unreachable();
}
