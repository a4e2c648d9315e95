// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Paths of devices, for tests on machines that have none: /dev/fake-leaf, 4000:48,
 * a disk that is not under device-mapper and is as long as the other devices, and
 * /dev/mapper/NAME for those of the device-mapper of memory. All other paths and
 * descriptors are the kernel's.
 */
#include <fcntl.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "qdm-case.h"
#include "qdm-fake-dm.h"

#define MAPPER	"/dev/mapper/"

static dev_t leaf;
static int opened = -1;
static uint64_t sectors;

void case_leaf(unsigned int major, unsigned int minor)
{
	leaf = makedev(major, minor);
}

static const struct kdm_device *mapped(const char *path)
{
	size_t len = strlen(MAPPER);

	return strncmp(path, MAPPER, len) ? NULL : fake_device(path + len);
}

int stat(const char *path, struct stat *info)
{
	const struct kdm_device *device = mapped(path);

	if (!device && strcmp(path, CASE_LEAF))
		return fstatat(AT_FDCWD, path, info, 0);
	*info = (struct stat){
		.st_mode = S_IFBLK,
		.st_rdev = device ? makedev(device->devno.major,
					    device->devno.minor) : leaf,
	};
	return 0;
}

int open(const char *path, int flags, ...)
{
	const struct kdm_device *device = mapped(path);
	mode_t mode = 0;
	va_list args;

	va_start(args, flags);
	if (flags & O_CREAT)
		mode = va_arg(args, mode_t);
	va_end(args);
	if (!device && strcmp(path, CASE_LEAF))
		return openat(AT_FDCWD, path, flags, mode);
	sectors = device ? kdm_table_len(fake_table(device->name)) : CASE_SECTORS;
	opened = openat(AT_FDCWD, "/dev/null", flags);
	return opened;
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
