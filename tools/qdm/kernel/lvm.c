// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * LVM swaps its volumes' tables as qdm does, and a check before each ioctl leaves a
 * window: under a permanent pvmove, about one edit in a hundred hit it, and once a
 * volume was left on a device that LVM had just removed. So an edit of a volume holds
 * LVM's own lock of its group, as each command of LVM that changes something does: an
 * flock on a file named after the group. The last holder removes the file, so after
 * locking it the file is checked to be still in place.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "kernel/lvm.h"
#include "kernel/waiting.h"

#define LOCKS		"/run/lock/lvm"
#define UUID_PREFIX	"LVM-"
#define MOVING		"-pvmove"

#define NOT_HAD		(-1)
#define NOT_THERE	(-2)	/* LVM's folder does not exist: no lock needed */

struct lock {
	char *path;
	int fd;		/* or NOT_HAD or NOT_THERE */
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

/* The name up to the first single hyphen; "a--b-lv" is in group a-b. */
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

/* -1 with errno if the lock is not available now. */
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

/* If LVM has never run on this host, there is no folder and no command to exclude. */
static int take(const char *path, struct error *error)
{
	struct waiting waiting = { 0 };
	int fd;

	while ((fd = try_lock(path)) < 0 && errno == EWOULDBLOCK)
		if (!waiting_for(&waiting, "LVM's lock of the volume group", path))
			return refuse(error, "LVM has been changing the volume group for %d seconds (it holds %s)",
				      WAITING_S, path);
	if (fd < 0 && errno == ENOENT)
		return NOT_THERE;
	if (fd < 0)
		return refuse(error, "cannot take LVM's lock %s: %s", path,
			      strerror(errno));
	return fd;
}

void lvm_want(const struct kdm_device *device)
{
	char *path;
	size_t i;

	if (!is_volume(device))
		return;
	path = lock_path(device->name);
	for (i = 0; i < locks_nr; i++)
		if (!strcmp(locks[i].path, path))
			break;
	if (i < locks_nr) {
		free(path);
		return;
	}
	locks = more(locks, locks_nr, sizeof(*locks));
	locks[locks_nr++] = (struct lock){ .path = path, .fd = NOT_HAD };
}

static bool had_all(void)
{
	size_t i;

	for (i = 0; i < locks_nr; i++)
		if (locks[i].fd == NOT_HAD)
			return false;
	return true;
}

static void give_back(struct lock *lock)
{
	if (lock->fd < 0)
		return;
	if (is_same_file(lock->fd, lock->path))
		unlink(lock->path);
	close(lock->fd);
	lock->fd = NOT_HAD;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct lock *)a)->path,
		      ((const struct lock *)b)->path);
}

/* All locks are taken again in LVM's own order, to avoid a deadlock. */
int lvm_lock(struct error *error)
{
	struct error failed = { 0 };
	size_t i;

	if (had_all())
		return 0;
	for (i = 0; i < locks_nr; i++)
		give_back(&locks[i]);
	qsort(locks, locks_nr, sizeof(*locks), by_path);
	for (i = 0; i < locks_nr; i++) {
		locks[i].fd = take(locks[i].path, &failed);
		if (*failed.text)
			return refuse(error, "%s", failed.text);
	}
	return 1;
}

void lvm_unlock(void)
{
	while (locks_nr--) {
		give_back(&locks[locks_nr]);
		free(locks[locks_nr].path);
	}
	locks_nr = 0;
	free(locks);
	locks = NULL;
}
