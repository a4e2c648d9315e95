// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Device-mapper knows the devices in its tables. It does not know of md, loop devices,
 * partitions and file systems, which can also stack one device on another:
 *
 *	/dev/loop0 -> /mnt/x -> ext4 on vg-lv		md0 -> sda1, sdb1
 *
 * The kernel lists these in /sys and /proc. QDM_SYS and QDM_PROC select other folders,
 * for tests.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/alloc.h"
#include "kernel/host.h"

static char *under(const char *variable, const char *folder, const char *fmt,
		   va_list args)
{
	const char *other = getenv(variable);
	char *rest = NULL, *path;

	if (vasprintf(&rest, fmt, args) < 0)
		abort();
	path = print("%s/%s", other ? other : folder, rest);
	free(rest);
	return path;
}

char *host_sys(const char *fmt, ...)
{
	va_list args;
	char *path;

	va_start(args, fmt);
	path = under("QDM_SYS", "/sys", fmt, args);
	va_end(args);
	return path;
}

char *host_proc(const char *fmt, ...)
{
	va_list args;
	char *path;

	va_start(args, fmt);
	path = under("QDM_PROC", "/proc", fmt, args);
	va_end(args);
	return path;
}

bool host_line(char *path, char *text, size_t len)
{
	FILE *in = fopen(path, "re");
	bool there = in && fgets(text, len, in);

	if (in)
		fclose(in);
	free(path);
	if (there)
		text[strcspn(text, "\n")] = '\0';
	return there;
}

bool host_number(char *folder, struct devno *devno)
{
	char text[32];
	bool there = host_line(print("%s/dev", folder), text, sizeof(text)) &&
		     sscanf(text, "%u:%u", &devno->major, &devno->minor) == 2;

	free(folder);
	return there;
}

bool host_device(const char *path, struct devno *devno)
{
	struct stat info;

	if (*path != '/' || stat(path, &info) || !S_ISBLK(info.st_mode))
		return false;
	*devno = (struct devno){ major(info.st_rdev), minor(info.st_rdev) };
	return true;
}

static int open_path(char *path, struct devno devno, int flags)
{
	int fd = open(path, flags | O_CLOEXEC | O_NONBLOCK);
	struct stat info;

	free(path);
	if (fd < 0 || (!fstat(fd, &info) && S_ISBLK(info.st_mode) &&
		       info.st_rdev == makedev(devno.major, devno.minor)))
		return fd;
	close(fd);
	errno = ENXIO;
	return -1;
}

/* By the kernel's name, else by udev's link. */
int host_open(struct devno devno, int flags)
{
	char *path = host_sys("dev/block/%u:%u/uevent", devno.major,
			      devno.minor);
	FILE *in = fopen(path, "re");
	char line[256];
	int fd = -1;

	free(path);
	errno = ENOENT;
	while (in && fd < 0 && fgets(line, sizeof(line), in))
		if (!strncmp(line, "DEVNAME=", 8)) {
			line[strcspn(line, "\n")] = '\0';
			fd = open_path(print("/dev/%s", line + 8), devno, flags);
		}
	if (in)
		fclose(in);
	if (fd >= 0 || (errno != ENOENT && errno != ENXIO))
		return fd;
	return open_path(print("/dev/block/%u:%u", devno.major, devno.minor),
			 devno, flags);
}

bool host_program(int pid, char *text, size_t len)
{
	char name[32];

	if (!host_line(host_proc("%d/comm", pid), name, sizeof(name)))
		return false;
	snprintf(text, len, "%s (pid %d)", name, pid);
	return true;
}

static void add(struct devno devno, struct devno **list, size_t *nr)
{
	*list = more(*list, *nr, sizeof(**list));
	(*list)[(*nr)++] = devno;
}

/* The devices linked from a sysfs folder; takes @path. */
static void add_links(char *path, struct devno **list, size_t *nr)
{
	DIR *folder = opendir(path);
	struct dirent *entry;
	struct devno devno;

	while (folder && (entry = readdir(folder)))
		if (*entry->d_name != '.' &&
		    host_number(print("%s/%s", path, entry->d_name), &devno))
			add(devno, list, nr);
	if (folder)
		closedir(folder);
	free(path);
}

/* mountinfo names only one device of a btrfs; sysfs has all of them. */
static void add_btrfs(struct devno one, struct devno **list, size_t *nr)
{
	char *path = host_sys("fs/btrfs");
	DIR *folder = opendir(path);
	struct dirent *entry;
	struct devno *disks;
	size_t disks_nr, i;
	bool here;

	while (folder && (entry = readdir(folder))) {
		disks = NULL;
		disks_nr = 0;
		here = false;
		add_links(print("%s/%s/devices", path, entry->d_name), &disks,
			  &disks_nr);
		for (i = 0; i < disks_nr; i++)
			here |= disks[i].major == one.major &&
				disks[i].minor == one.minor;
		for (i = 0; here && i < disks_nr; i++)
			add(disks[i], list, nr);
		free(disks);
	}
	if (folder)
		closedir(folder);
	free(path);
}

/* /proc escapes a space in a mount point as "\\040". */
void host_unescape(char *text)
{
	char *from = text;
	unsigned int code;

	for (; *from; from++) {
		if (*from == '\\' && sscanf(from + 1, "%3o", &code) == 1) {
			*text++ = code;
			from += 3;
		} else {
			*text++ = *from;
		}
	}
	*text = '\0';
}

static void add_file_system(const char *path, struct devno number,
			    struct devno **list, size_t *nr);

/* The modified files of an overlay are in its upper folder. */
static void add_upper(const char *line, struct devno **list, size_t *nr)
{
	const char *at = strstr(line, "upperdir=");
	char *upper = at ? strdup(at + strlen("upperdir=")) : NULL;
	struct stat info;

	if (!upper)
		return;
	upper[strcspn(upper, ",\n")] = '\0';
	host_unescape(upper);
	if (!stat(upper, &info))
		add_file_system(upper, (struct devno){ major(info.st_dev),
						       minor(info.st_dev) },
				list, nr);
	free(upper);
}

static bool is_within(const char *path, const char *folder)
{
	size_t len = strlen(folder);

	if (len == 1)
		return true;
	return !strncmp(path, folder, len) && (!path[len] || path[len] == '/');
}

/* The mountinfo line of the file's mount: the last one of the longest matches. */
static char *find_mount(const char *path)
{
	char *table = host_proc("self/mountinfo");
	FILE *in = fopen(table, "re");
	char *line = NULL, *found = NULL;
	char folder[4096];
	size_t room = 0, longest = 0;

	free(table);
	while (in && getline(&line, &room, in) > 0) {
		if (sscanf(line, "%*d %*d %*s %*s %4095s", folder) != 1)
			continue;
		host_unescape(folder);
		if (!is_within(path, folder) || strlen(folder) < longest)
			continue;
		longest = strlen(folder);
		free(found);
		found = copy(line);
	}
	free(line);
	if (in)
		fclose(in);
	return found;
}

/* The device number of btrfs and overlays belongs to no block device. */
static void add_mount(const char *path, struct devno **list, size_t *nr)
{
	char *line = find_mount(path);
	char *rest = line ? strstr(line, " - ") : NULL;
	char source[1024] = "";
	struct devno disk = { 0 };

	if (rest)
		sscanf(rest, " - %*s %1023s", source);
	host_unescape(source);
	if (rest && sscanf(line, "%*d %*d %u:%u", &disk.major, &disk.minor) == 2 &&
	    disk.major) {
		add(disk, list, nr);
	} else if (host_device(source, &disk)) {
		add(disk, list, nr);
		add_btrfs(disk, list, nr);
	} else if (rest) {
		add_upper(rest, list, nr);
	}
	free(line);
}

static void add_file_system(const char *path, struct devno number,
			    struct devno **list, size_t *nr)
{
	if (number.major)
		add(number, list, nr);
	else
		add_mount(path, list, nr);
}

/*
 * The loop driver's own record is right even if the file was renamed, or is in another
 * namespace.
 */
static bool ask_loop(const char *loop, struct loop_info64 *info)
{
	char *path = print("/dev/%s", loop);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	bool answers = fd >= 0 && !ioctl(fd, LOOP_GET_STATUS64, info);

	if (fd >= 0)
		close(fd);
	free(path);
	return answers;
}

static bool backing_file(const char *loop, char *path, size_t len)
{
	return host_line(host_sys("block/%s/loop/backing_file", loop), path,
			 len);
}

static struct devno number_of(dev_t device)
{
	return (struct devno){ major(device), minor(device) };
}

bool host_loop_device(const char *loop, struct devno *devno)
{
	struct loop_info64 info;
	char path[4096];

	if (!backing_file(loop, path, sizeof(path)))
		return false;
	if (!ask_loop(loop, &info))
		return host_device(path, devno);
	*devno = number_of(info.lo_rdevice);
	return info.lo_rdevice;
}

static void add_loop(const char *loop, struct devno **list, size_t *nr)
{
	struct loop_info64 info;
	struct devno devno;
	char path[4096];

	if (!backing_file(loop, path, sizeof(path)))
		return;
	if (host_loop_device(loop, &devno))
		add(devno, list, nr);
	else if (ask_loop(loop, &info))
		add_file_system(path, number_of(info.lo_device), list, nr);
	else
		add_mount(path, list, nr);
}

/* The device's folder in sysfs, which has its name. */
static bool kernel_name(struct devno devno, char *name, size_t len)
{
	char *path = host_sys("dev/block/%u:%u", devno.major, devno.minor);
	char link[1024];
	ssize_t got = readlink(path, link, sizeof(link) - 1);
	const char *last;

	free(path);
	if (got < 0)
		return false;
	link[got] = '\0';
	last = strrchr(link, '/');
	snprintf(name, len, "%.60s", last ? last + 1 : link);
	return true;
}

bool host_loop_file(struct devno devno, char *path, size_t len)
{
	char name[64];

	return kernel_name(devno, name, sizeof(name)) &&
	       backing_file(name, path, len);
}

/*
 * A partition is stacked on the devices beneath its disk, not on the disk's other
 * partitions.
 */
void host_below(struct devno devno, struct devno **below, size_t *nr)
{
	const struct devno disk = kdm_disk(devno);
	char name[64];

	*below = NULL;
	*nr = 0;
	add_links(host_sys("dev/block/%u:%u/slaves", disk.major, disk.minor),
		  below, nr);
	if (kernel_name(disk, name, sizeof(name)))
		add_loop(name, below, nr);
}
