// SPDX-License-Identifier: GPL-2.0-or-later
/* The writers of a device that is not mounted. */
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
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "grow/fs-parts.h"
#include "grow/fs.h"

/* These programs read the device's length and write within it. */
static bool is_fitting(const char *process)
{
	static const char * const names[] = {
		"mkfs", "mke2fs", "mkswap", "fsck", "e2fsck", "xfs_repair",
		"resize2fs", "tune2fs", "wipefs", "blkdiscard",
	};
	char *path = print("/proc/%s/comm", process);
	char name[32] = "";
	FILE *file = fopen(path, "re");
	size_t i;

	free(path);
	if (file) {
		if (!fgets(name, sizeof(name), file))
			*name = '\0';
		fclose(file);
	}
	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strncmp(name, names[i], strlen(names[i])))
			return true;
	return false;
}

/* Only links to names in /dev are followed: other targets may hang. */
static bool leads_to(int folder, const char *fd, struct devno devno)
{
	struct stat info;
	char name[8] = "";

	return readlinkat(folder, fd, name, sizeof(name) - 1) > 5 &&
	       !strncmp(name, "/dev/", 5) && !fstatat(folder, fd, &info, 0) &&
	       is_device(&info, devno);
}

static bool is_reader(const char *process, const char *fd)
{
	char *path = print("/proc/%s/fdinfo/%s", process, fd);
	FILE *file = fopen(path, "re");
	unsigned int flags = O_RDWR;
	char line[128];

	free(path);
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "flags: %o", &flags) == 1)
			break;
	if (file)
		fclose(file);
	return (flags & O_ACCMODE) == O_RDONLY;
}

struct opens {
	unsigned int readers;
	unsigned int fitting;
	unsigned int writers;
};

static void count_opens(const char *process, struct devno devno,
			struct opens *opens)
{
	char *path = print("/proc/%s/fd", process);
	DIR *folder = opendir(path);
	struct dirent *entry;

	free(path);
	while (folder && (entry = readdir(folder))) {
		if (!leads_to(dirfd(folder), entry->d_name, devno))
			continue;
		if (is_reader(process, entry->d_name))
			opens->readers++;
		else if (is_fitting(process))
			opens->fitting++;
		else
			opens->writers++;
	}
	if (folder)
		closedir(folder);
}

/* If no process has it open, the kernel does: for another device, or an export. */
enum grow_users fs_users(struct devno devno, unsigned int open_count)
{
	DIR *processes = open_count ? opendir("/proc") : NULL;
	struct opens opens = { 0 };
	struct dirent *entry;

	while (processes && (entry = readdir(processes)))
		if (isdigit((unsigned char)*entry->d_name))
			count_opens(entry->d_name, devno, &opens);
	if (processes)
		closedir(processes);
	if (opens.writers)
		return USERS_WRITING;
	if (open_count > opens.readers + opens.fitting)
		return USERS_UNSEEN;
	return opens.fitting ? USERS_FITTING : USERS_NONE;
}
