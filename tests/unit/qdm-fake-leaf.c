// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A disk that is not under device-mapper, for tests on machines that have none:
 * /dev/fake-leaf, 4000:48, as long as the other devices. All other paths and
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

static int leaf_fd = -1;

int stat(const char *path, struct stat *info)
{
	if (strcmp(path, CASE_LEAF))
		return fstatat(AT_FDCWD, path, info, 0);
	*info = (struct stat){ .st_mode = S_IFBLK, .st_rdev = makedev(4000, 48) };
	return 0;
}

int open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list args;

	va_start(args, flags);
	if (flags & O_CREAT)
		mode = va_arg(args, mode_t);
	va_end(args);
	if (strcmp(path, CASE_LEAF))
		return openat(AT_FDCWD, path, flags, mode);
	leaf_fd = openat(AT_FDCWD, "/dev/null", flags);
	return leaf_fd;
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *to;

	va_start(args, request);
	to = va_arg(args, void *);
	va_end(args);
	if (fd != leaf_fd || (request != BLKGETSIZE64 && request != BLKROGET))
		return syscall(SYS_ioctl, fd, request, to);
	if (request == BLKGETSIZE64)
		*(unsigned long long *)to = CASE_SECTORS * 512ull;
	else
		*(int *)to = 0;
	return 0;
}
