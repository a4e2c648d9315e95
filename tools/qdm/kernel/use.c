// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Users of a block device. The kernel's exclusive opens exclude device-mapper and each
 * other, but a program such as QEMU opens its guests' disks without O_EXCL, and its
 * disk would be overwritten. So the users of a destination are searched in the mounts
 * of all mount namespaces, swap, arrays, loop devices and open files of all processes.
 *
 * udev, blkid and LVM's commands open every device for milliseconds, so an opener
 * counts only if the device is still open after WAIT_MS.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "kernel/host.h"
#include "kernel/use.h"

#define WAIT_MS		2000
#define PAUSE_MS	50
#define SEARCH_MS	1000
#define NAMESPACES	4096

bool use_overlap(struct devno a, struct devno b)
{
	return same_devno(a, b) || same_devno(kdm_disk(a), b) ||
	       same_devno(a, kdm_disk(b));
}

bool use_wait(struct use_wait *wait)
{
	const struct timespec pause = { .tv_nsec = PAUSE_MS * 1000000 };

	if (wait->slept >= WAIT_MS)
		return false;
	nanosleep(&pause, NULL);
	wait->slept += PAUSE_MS;
	return true;
}

__attribute__((format(printf, 2, 3)))
static bool say(char text[USE_TEXT], const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, USE_TEXT, fmt, args);
	va_end(args);
	return true;
}

/*
 * Mounts
 */

/* The device is given by its number, for btrfs only by the name of the source. */
static bool is_mount_of(const char *line, struct devno devno)
{
	const char *rest = strstr(line, " - ");
	char source[1024];
	struct devno at;

	if (sscanf(line, "%*d %*d %u:%u", &at.major, &at.minor) != 2)
		return false;
	if (at.major)
		return use_overlap(at, devno);
	if (!rest || sscanf(rest, " - %*s %1023s", source) != 1)
		return false;
	host_unescape(source);
	return host_device(source, &at) && use_overlap(at, devno);
}

static bool find_mount(char *table, struct devno devno, char *folder)
{
	FILE *in = fopen(table, "re");
	char *line = NULL;
	size_t room = 0;
	bool found = false;

	while (in && !found && getline(&line, &room, in) > 0)
		found = is_mount_of(line, devno) &&
			sscanf(line, "%*d %*d %*s %*s %127s", folder) == 1;
	free(line);
	free(table);
	if (in)
		fclose(in);
	if (found)
		host_unescape(folder);
	return found;
}

/* Each namespace once, however many processes it has. */
static bool is_new(const char *pid, char ***seen, size_t *nr)
{
	char *path = host_proc("%s/ns/mnt", pid);
	char link[64];
	ssize_t len = readlink(path, link, sizeof(link) - 1);
	size_t i;

	free(path);
	if (len < 0 || *nr == NAMESPACES)
		return false;
	link[len] = '\0';
	for (i = 0; i < *nr; i++)
		if (!strcmp((*seen)[i], link))
			return false;
	*seen = more(*seen, *nr, sizeof(**seen));
	(*seen)[(*nr)++] = copy(link);
	return true;
}

static struct dirent *next_process(DIR *folder)
{
	struct dirent *entry;

	while ((entry = readdir(folder)))
		if (isdigit((unsigned char)*entry->d_name))
			break;
	return entry;
}

static bool mounted_elsewhere(struct devno devno, char text[USE_TEXT])
{
	char *path = host_proc(".");
	DIR *folder = opendir(path);
	struct dirent *entry;
	char where[128], program[64];
	char **seen = NULL;
	size_t nr = 0;
	bool found = false;

	free(path);
	is_new("self", &seen, &nr);
	while (folder && !found && (entry = next_process(folder))) {
		if (!is_new(entry->d_name, &seen, &nr) ||
		    !find_mount(host_proc("%s/mountinfo", entry->d_name),
				devno, where))
			continue;
		if (!host_program(atoi(entry->d_name), program, sizeof(program)))
			strcpy(program, "another program");
		found = say(text, "is mounted on '%s' in the mount namespace of %s",
			    where, program);
	}
	if (folder)
		closedir(folder);
	while (nr)
		free(seen[--nr]);
	free(seen);
	return found;
}

static bool in_btrfs(struct devno devno, char text[USE_TEXT])
{
	char *path = host_sys("fs/btrfs");
	DIR *folder = opendir(path), *disks;
	struct dirent *entry, *disk;
	struct devno at;
	bool found = false;
	char *devices;

	while (folder && !found && (entry = readdir(folder))) {
		devices = print("%s/%s/devices", path, entry->d_name);
		disks = opendir(devices);
		while (disks && !found && (disk = readdir(disks)))
			found = *disk->d_name != '.' &&
				host_number(print("%s/%s", devices, disk->d_name), &at) &&
				use_overlap(at, devno) &&
				say(text, "is a device of a mounted btrfs (%s)",
				    entry->d_name);
		if (disks)
			closedir(disks);
		free(devices);
	}
	if (folder)
		closedir(folder);
	free(path);
	return found;
}

static bool is_mounted(struct devno devno, char text[USE_TEXT])
{
	char where[128];

	if (find_mount(host_proc("self/mountinfo"), devno, where))
		return say(text, "is mounted on '%s'", where);
	return mounted_elsewhere(devno, text) || in_btrfs(devno, text);
}

static bool is_swap(struct devno devno, char text[USE_TEXT])
{
	char *path = host_proc("swaps");
	FILE *in = fopen(path, "re");
	char line[4352];
	struct devno at;
	bool found = false;

	free(path);
	while (in && !found && fgets(line, sizeof(line), in)) {
		line[strcspn(line, " \t")] = '\0';
		host_unescape(line);
		found = host_device(line, &at) && use_overlap(at, devno) &&
			say(text, "is swap space");
	}
	if (in)
		fclose(in);
	return found;
}

/*
 * Holders: /sys/.../holders. Those of device-mapper are in the graph.
 */

static bool has_holder(char *path, char text[USE_TEXT])
{
	DIR *folder = opendir(path);
	struct dirent *entry;
	bool found = false;

	while (folder && !found && (entry = readdir(folder)))
		found = *entry->d_name != '.' &&
			strncmp(entry->d_name, "dm-", 3) &&
			say(text, "is part of '/dev/%s'", entry->d_name);
	if (folder)
		closedir(folder);
	free(path);
	return found;
}

static bool is_held(struct devno devno, char text[USE_TEXT])
{
	const struct devno disk = kdm_disk(devno);
	char *path = host_sys("dev/block/%u:%u", devno.major, devno.minor);
	DIR *folder = opendir(path);
	struct dirent *entry;
	bool found;

	found = has_holder(print("%s/holders", path), text) ||
		has_holder(host_sys("dev/block/%u:%u/holders", disk.major,
				    disk.minor), text);
	/* a disk's partitions are folders in its folder */
	while (folder && !found && (entry = readdir(folder)))
		if (*entry->d_name != '.')
			found = has_holder(print("%s/%s/holders", path,
						 entry->d_name), text);
	if (folder)
		closedir(folder);
	free(path);
	return found;
}

static bool is_in_loop(struct devno devno, char text[USE_TEXT])
{
	char *path = host_sys("block");
	DIR *folder = opendir(path);
	struct dirent *entry;
	struct devno at;
	bool found = false;

	while (folder && !found && (entry = readdir(folder)))
		found = !strncmp(entry->d_name, "loop", 4) &&
			host_loop_device(entry->d_name, &at) &&
			use_overlap(at, devno) &&
			say(text, "is in use as '/dev/%s'", entry->d_name);
	if (folder)
		closedir(folder);
	free(path);
	return found;
}

bool use_by_kernel(struct devno devno, char text[USE_TEXT])
{
	return is_mounted(devno, text) || is_swap(devno, text) ||
	       is_held(devno, text) || is_in_loop(devno, text);
}

bool use_stays_open(const char *name, unsigned int users)
{
	struct use_wait wait = { 0 };
	struct error ignored = { 0 };
	struct kdm_device now;

	while (kdm_find(name, &now, &ignored) == 1 && now.open_count > users)
		if (!use_wait(&wait))
			return true;
	return false;
}

bool use_is_claimed(struct devno devno)
{
	int fd = host_open(devno, O_RDONLY | O_EXCL);

	if (fd < 0)
		return errno == EBUSY;
	close(fd);
	return false;
}

/*
 * Open files
 */

/* Uses the kernel's cached attributes, as a dead file server would block. */
static bool is_open_at(int folder, const char *name, struct devno devno)
{
	struct statx info;

	return !statx(folder, name, AT_STATX_DONT_SYNC, STATX_TYPE, &info) &&
	       S_ISBLK(info.stx_mode) &&
	       use_overlap((struct devno){ info.stx_rdev_major,
					   info.stx_rdev_minor }, devno);
}

static bool has_open(const char *pid, struct devno devno)
{
	char *path = host_proc("%s/fd", pid);
	DIR *folder = opendir(path);
	struct dirent *entry;
	bool found = false;

	while (folder && !found && (entry = readdir(folder)))
		found = *entry->d_name != '.' &&
			is_open_at(dirfd(folder), entry->d_name, devno);
	if (folder)
		closedir(folder);
	free(path);
	return found;
}

static unsigned long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool use_by_program(struct devno devno, char text[USE_TEXT])
{
	const unsigned long end = now_ms() + SEARCH_MS;
	char *path = host_proc(".");
	DIR *folder = opendir(path);
	struct dirent *entry;
	char program[64];
	bool found = false;

	while (folder && !found && now_ms() < end &&
	       (entry = next_process(folder))) {
		if (atoi(entry->d_name) == getpid() ||
		    !has_open(entry->d_name, devno) ||
		    !host_program(atoi(entry->d_name), program, sizeof(program)))
			continue;
		found = say(text, "is open in %s", program);
	}
	if (folder)
		closedir(folder);
	free(path);
	return found;
}
