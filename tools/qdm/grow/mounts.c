// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where a file system is mounted.
 *
 * A container's mount is missing in every other namespace's list, and resize2fs and
 * xfs_growfs cannot find it from outside; running the container's programs as root
 * would mean trusting it. So the lists of all processes are read, a file in the mount
 * is opened by its path below that process's root, which no link can leave, and is used
 * only if it is on the device. The rest are the kernel's own ioctls on that file, the
 * same that those programs use.
 */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/alloc.h"
#include "grow/fs-parts.h"
#include "grow/fs.h"

/* The list escapes blanks and other special characters, such as \040. */
static void unescape(char *text)
{
	char *to = text;

	for (; *text; text++, to++) {
		*to = *text;
		if (*text != '\\' || strspn(text + 1, "01234567") < 3)
			continue;
		*to = (text[1] - '0') << 6 | (text[2] - '0') << 3 |
		      (text[3] - '0');
		text += 3;
	}
	*to = '\0';
}

static bool has_word(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (; list; list = strchr(list, ',')) {
		list += *list == ',';
		if (!strncmp(list, word, len) && (!list[len] || list[len] == ','))
			return true;
	}
	return false;
}

/* "36 35 98:0 /root /where rw,noatime shared:1 - ext4 /dev/root rw" */
bool fs_read_line(char *text, struct mount_line *line)
{
	char *save = NULL, *options, *all;
	char *rest = strstr(text, " - ");

	if (!rest)
		return false;
	*rest = '\0';
	strtok_r(text, " ", &save);
	strtok_r(NULL, " ", &save);
	all = strtok_r(NULL, " ", &save);
	strtok_r(NULL, " ", &save);
	line->where = strtok_r(NULL, " ", &save);
	options = strtok_r(NULL, " ", &save);
	if (!options || sscanf(all, "%u:%u", &line->devno.major,
			       &line->devno.minor) != 2)
		return false;
	line->type = strtok_r(rest + 3, " \n", &save);
	line->source = strtok_r(NULL, " \n", &save);
	all = strtok_r(NULL, " \n", &save);
	if (!all)
		return false;
	line->fs_read_only = !has_word(all, "rw");
	line->writable = has_word(options, "rw") && !line->fs_read_only;
	unescape(line->where);
	unescape(line->source);
	return true;
}

bool is_device(const struct stat *info, struct devno devno)
{
	return S_ISBLK(info->st_mode) && major(info->st_rdev) == devno.major &&
	       minor(info->st_rdev) == devno.minor;
}

/* In the list, btrfs has a device number of its own, and the path of one of its devices. */
static bool is_on(const struct mount_line *line, struct devno devno)
{
	struct stat info;

	if (line->devno.major == devno.major && line->devno.minor == devno.minor)
		return true;
	return !strcmp(line->type, "btrfs") && !stat(line->source, &info) &&
	       is_device(&info, devno);
}

/* Another mount may hide it. A btrfs subvolume has a device number of its own. */
static bool is_in(int found, const struct stat *info,
		  const struct mount_line *line)
{
	struct statfs fs;

	if (!strcmp(line->type, "btrfs"))
		return !fstatfs(found, &fs) && fs.f_type == BTRFS_SUPER_MAGIC;
	return info->st_dev == makedev(line->devno.major, line->devno.minor);
}

/* The file is checked before it is opened: it may be of any type. */
static int open_found(int found, const struct mount_line *line)
{
	struct stat info;
	char *path;
	int fd;

	if (fstat(found, &info) || !is_in(found, &info, line) ||
	    (!S_ISDIR(info.st_mode) && !S_ISREG(info.st_mode)))
		return -1;
	path = print("/proc/self/fd/%d", found);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	free(path);
	return fd;
}

static int open_in(const char *process, const struct mount_line *line)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT,
	};
	char *path = print("/proc/%s/root", process);
	int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int found, fd = -1;

	free(path);
	if (root < 0)
		return -1;
	found = syscall(SYS_openat2, root, line->where, &how, sizeof(how));
	close(root);
	if (found < 0)
		return -1;
	fd = open_found(found, line);
	close(found);
	return fd;
}

/* An open file would prevent an unmount. */
void fs_release(struct mounted *mounted)
{
	if (mounted->fd >= 0)
		close(mounted->fd);
	mounted->fd = -1;
}

static bool take(struct mounted *mounted, const struct mount_line *line,
		 const char *process, struct devno devno)
{
	mounted->fd = open_in(process, line);
	snprintf(mounted->type, sizeof(mounted->type), "%s", line->type);
	if (strcmp(process, "self"))
		snprintf(mounted->where, sizeof(mounted->where),
			 "%s of process %s", line->where, process);
	else
		snprintf(mounted->where, sizeof(mounted->where), "%s",
			 line->where);
	return mounted->fd >= 0 && ask_mounted(mounted, devno);
}

/* A file system that is read-only as a whole has no writers, in any mount. */
static bool take_line(char *text, const char *process, struct devno devno,
		      struct mounted *mounted)
{
	struct mount_line line;
	bool taken;

	if (!fs_read_line(text, &line) || !is_on(&line, devno))
		return false;
	taken = take(mounted, &line, process, devno);
	if (taken && line.writable)
		return true;
	mounted->read_only |= taken && line.fs_read_only;
	fs_release(mounted);
	return false;
}

static bool find_in(const char *process, struct devno devno,
		    struct mounted *mounted)
{
	char *path = print("/proc/%s/mountinfo", process);
	FILE *list = fopen(path, "re");
	bool found = false;
	char *text = NULL;
	size_t room = 0;

	free(path);
	while (list && !found && getline(&text, &room, list) > 0)
		found = take_line(text, process, devno, mounted);
	free(text);
	if (list)
		fclose(list);
	return found;
}

/* Namespaces already searched, by inode number. */
struct seen {
	ino_t *number;
	size_t nr;
};

static bool is_new(struct seen *seen, const char *process)
{
	char *path = print("/proc/%s/ns/mnt", process);
	struct stat info;
	bool there = !stat(path, &info);
	size_t i;

	free(path);
	for (i = 0; there && i < seen->nr; i++)
		if (seen->number[i] == info.st_ino)
			return false;
	if (there) {
		seen->number = more(seen->number, seen->nr,
				    sizeof(*seen->number));
		seen->number[seen->nr++] = info.st_ino;
	}
	return there;
}

void fs_find_mount(struct devno devno, struct mounted *mounted)
{
	DIR *processes = opendir("/proc");
	struct seen seen = { 0 };
	struct dirent *entry;

	*mounted = (struct mounted){ .fd = -1 };
	if (is_new(&seen, "self") && find_in("self", devno, mounted))
		goto out;
	while (processes && (entry = readdir(processes)))
		if (isdigit((unsigned char)*entry->d_name) &&
		    is_new(&seen, entry->d_name) &&
		    find_in(entry->d_name, devno, mounted))
			break;
out:
	free(seen.number);
	if (processes)
		closedir(processes);
}

/* The two system calls in which the kernel reads a file system to mount it. */
static bool is_in_mount(const char *process)
{
	char *path = print("/proc/%s/syscall", process);
	FILE *file = fopen(path, "re");
	int number = -1;

	free(path);
	if (file) {
		if (fscanf(file, "%d", &number) != 1)
			number = -1;
		fclose(file);
	}
	return number == SYS_mount || number == SYS_fsconfig;
}

bool fs_is_mounting(void)
{
	DIR *processes = opendir("/proc");
	struct dirent *entry;
	bool found = false;

	while (processes && !found && (entry = readdir(processes)))
		found = isdigit((unsigned char)*entry->d_name) &&
			is_in_mount(entry->d_name);
	if (processes)
		closedir(processes);
	return found;
}
