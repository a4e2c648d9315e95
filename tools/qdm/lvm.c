// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * LVM swaps its volumes' tables as we do, and a look before each ioctl leaves the
 * moment in between: under a pvmove that never ends, one edit in some hundred fell
 * into it, and once a volume was left on what LVM had just taken away. So an edit of
 * a volume has LVM's own lock of its group meanwhile, as each command of LVM that
 * changes something has: an flock on a file named after the group. The last one who
 * has it removes the file, so who gets it looks whether it is still that file.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "alloc.h"
#include "lvm.h"

#define LOCKS		"/run/lock/lvm"
#define UUID_PREFIX	"LVM-"
#define MOVING		"-pvmove"
#define WAIT_S		30

struct lock {
	char *path;
	int fd;
};

static struct lock *locks;
static size_t locks_nr;

static bool is_volume(const struct kdm_device *device)
{
	return !strncmp(device->uuid, UUID_PREFIX, strlen(UUID_PREFIX));
}

bool lvm_is_moving(const struct kdm_device *device)
{
	const char *at = strstr(device->name, MOVING);

	return is_volume(device) && at && at[strlen(MOVING)] &&
	       !at[strlen(MOVING) + strspn(at + strlen(MOVING), "0123456789")];
}

/* The name up to the first hyphen that is not doubled; "a--b-lv" is in a-b. */
static char *lock_path(const char *name)
{
	const char *folder = getenv("QDM_LVM_LOCKS");
	char *path = print("%s/V_%s", folder ? folder : LOCKS, name);
	char *from = path + strlen(path) - strlen(name);
	char *to = from;

	for (; *from && (*from != '-' || from[1] == '-'); from++, to++) {
		*to = *from;
		from += *from == '-';
	}
	*to = '\0';
	return path;
}

static bool is_same_file(int fd, const char *path)
{
	struct stat held, there;

	return !fstat(fd, &held) && !stat(path, &there) &&
	       held.st_dev == there.st_dev && held.st_ino == there.st_ino;
}

/* -1 if it is not to be had now, for the reason in errno. */
static int try_lock(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0777);

	if (fd < 0)
		return -1;
	if (!flock(fd, LOCK_EX | LOCK_NB) && is_same_file(fd, path))
		return fd;
	close(fd);
	errno = EWOULDBLOCK;
	return -1;
}

/* LVM that has never run here has no folder, and nothing to be kept from. */
static int take(const char *path, struct error *error)
{
	const struct timespec pause = { .tv_nsec = 20000000 };
	int tries = WAIT_S * 50;
	int fd;

	for (fd = try_lock(path); fd < 0 && errno == EWOULDBLOCK && tries--;
	     fd = try_lock(path))
		nanosleep(&pause, NULL);
	if (fd < 0 && errno == EWOULDBLOCK)
		return refuse(error, "LVM has been changing the volume group for %d seconds (it holds %s)",
			      WAIT_S, path);
	if (fd < 0 && errno != ENOENT)
		return refuse(error, "cannot take LVM's lock %s: %s", path,
			      strerror(errno));
	return fd;
}

int lvm_lock(const struct kdm_device *device, struct error *error)
{
	struct error failed = { 0 };
	char *path;
	size_t i;
	int fd;

	if (!is_volume(device))
		return 0;
	path = lock_path(device->name);
	for (i = 0; i < locks_nr; i++)
		if (!strcmp(locks[i].path, path))
			break;
	fd = i < locks_nr ? -1 : take(path, &failed);
	if (fd < 0) {
		free(path);
		return *failed.text ? refuse(error, "%s", failed.text) : 0;
	}
	locks = more(locks, locks_nr, sizeof(*locks));
	locks[locks_nr++] = (struct lock){ .path = path, .fd = fd };
	return 0;
}

void lvm_unlock(void)
{
	while (locks_nr--) {
		if (is_same_file(locks[locks_nr].fd, locks[locks_nr].path))
			unlink(locks[locks_nr].path);
		close(locks[locks_nr].fd);
		free(locks[locks_nr].path);
	}
	locks_nr = 0;
	free(locks);
	locks = NULL;
}
