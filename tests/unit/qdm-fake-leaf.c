// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Paths of devices, for tests on machines that have none: /dev/fake-leaf, 4000:48,
 * a disk that is not under device-mapper and is as long as the other devices, and
 * /dev/mapper/NAME for those of the device-mapper of memory, as well as
 * /dev/block/NUMBER for all. What they hold is in the case's folder, in a file named
 * after the number; without one they read as empty. All other paths and descriptors
 * are the kernel's.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "qdm-case.h"
#include "qdm-fake-dm.h"

#define MAPPER	"/dev/mapper/"
#define NUMBERS	"/dev/block/"

static dev_t leaf;
static dev_t claimed;
static dev_t at;
static int opened = -1;
static uint64_t sectors;

void case_leaf(unsigned int major, unsigned int minor)
{
	leaf = makedev(major, minor);
	claimed = 0;
}

void case_claim(unsigned int major, unsigned int minor)
{
	claimed = makedev(major, minor);
}

static dev_t number_of(const struct kdm_device *device)
{
	return device ? makedev(device->devno.major, device->devno.minor) : 0;
}

/* The number of a device of ours, or 0. */
static dev_t find(const char *path)
{
	const char *name;
	char number[32];

	if (!strcmp(path, CASE_LEAF))
		return leaf;
	if (!strncmp(path, MAPPER, strlen(MAPPER)))
		return number_of(fake_device(path + strlen(MAPPER)));
	if (strncmp(path, NUMBERS, strlen(NUMBERS)))
		return 0;
	path += strlen(NUMBERS);
	snprintf(number, sizeof(number), "%u:%u", major(leaf), minor(leaf));
	name = fake_at(path);
	return name ? number_of(fake_device(name)) :
	       !strcmp(path, number) ? leaf : 0;
}

static void fill(struct stat *info, dev_t number)
{
	*info = (struct stat){ .st_mode = S_IFBLK, .st_rdev = number };
}

int stat(const char *path, struct stat *info)
{
	const dev_t number = find(path);

	if (!number)
		return fstatat(AT_FDCWD, path, info, 0);
	fill(info, number);
	return 0;
}

int fstat(int fd, struct stat *info)
{
	if (fd < 0 || fd != opened)
		return fstatat(fd, "", info, AT_EMPTY_PATH);
	fill(info, at);
	return 0;
}

int close(int fd)
{
	if (fd == opened)
		opened = -1;
	return syscall(SYS_close, fd);
}

static int open_device(dev_t number, int flags)
{
	char path[128], word[32];
	const char *name;

	if (flags & O_EXCL && number == claimed) {
		errno = EBUSY;
		return -1;
	}
	snprintf(word, sizeof(word), "%u:%u", major(number), minor(number));
	snprintf(path, sizeof(path), "%s/%s", case_folder(), word);
	name = fake_at(word);
	at = number;
	sectors = name ? kdm_table_len(fake_table(name)) : CASE_SECTORS;
	flags &= ~O_EXCL;
	opened = openat(AT_FDCWD, path, flags);
	if (opened < 0)
		opened = openat(AT_FDCWD, "/dev/null", flags);
	return opened;
}

int open(const char *path, int flags, ...)
{
	const dev_t number = find(path);
	mode_t mode = 0;
	va_list args;

	va_start(args, flags);
	if (flags & O_CREAT)
		mode = va_arg(args, mode_t);
	va_end(args);
	return number ? open_device(number, flags) :
			openat(AT_FDCWD, path, flags, mode);
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *to;

	va_start(args, request);
	to = va_arg(args, void *);
	va_end(args);
	if (fd != opened || (request != BLKGETSIZE64 && request != BLKROGET))
		return syscall(SYS_ioctl, fd, request, to);
	if (request == BLKGETSIZE64)
		*(unsigned long long *)to = sectors * 512;
	else
		*(int *)to = 0;
	return 0;
}
