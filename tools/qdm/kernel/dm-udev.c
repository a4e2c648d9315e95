// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * udev makes a device's node and links after the ioctl has returned; without a wait the
 * tool would race with it. libdevmapper solves this with a cookie, a System V semaphore
 * that the kernel passes to udev's rules and that the last rule decrements. The cookie
 * is created before the first change, since there may be no semaphore left and then no
 * change must have been made. libdevmapper takes udev for running if its socket exists,
 * but a udevd that ended leaves the socket behind; so a connection is tried. And the
 * wait has a time limit, in case udevd hangs.
 */
#include <errno.h>
#include <libdevmapper.h>
#include <linux/dm-ioctl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "kernel/dm-task.h"
#include "kernel/dm.h"

#define UDEV_SOCKET	"/run/udev/control"
#define UDEV_WAIT_MS	10000
#define UDEV_POLL_MS	2

uint32_t udev_cookie;

static bool udevd_listens(void)
{
	struct sockaddr_un address = { AF_UNIX, UDEV_SOCKET };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
			0);
	bool listens;

	if (fd < 0)
		return true;
	listens = !connect(fd, (struct sockaddr *)&address, sizeof(address)) ||
		  (errno != ECONNREFUSED && errno != ENOENT);
	close(fd);
	return listens;
}

int kdm_udev_begin(struct error *error)
{
	*last_log = '\0';
	udev_cookie = 0;
	dm_udev_set_sync_support(udevd_listens());
	if (!dm_udev_create_cookie(&udev_cookie))
		return refuse(error, "cannot get a semaphore to wait for udev: %s",
			      last_log);
	return 0;
}

void kdm_udev_none(void)
{
	udev_cookie = 0;
	dm_udev_set_sync_support(0);
}

static bool wait_some(void)
{
	const struct timespec pause = { .tv_nsec = UDEV_POLL_MS * 1000000 };
	int ready = 0;
	int i;

	for (i = 0; i < UDEV_WAIT_MS / UDEV_POLL_MS; i++) {
		if (!dm_udev_wait_immediate(udev_cookie, &ready) || ready)
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

int kdm_drop_cookie(uint32_t which, struct error *error)
{
	int id = semget((key_t)which, 1, 0);

	if (id >= 0 && semctl(id, 0, IPC_RMID) && errno != EIDRM)
		return refuse(error, "cannot remove the semaphore 0x%08x: %s",
			      which, strerror(errno));
	return 0;
}

/* Stale: the last user has ended, no process waits, and it is old. */
static bool is_stale(int id)
{
	struct semid_ds info;
	time_t touched;
	int pid;

	if (semctl(id, 0, IPC_STAT, &info) || semctl(id, 0, GETZCNT) ||
	    semctl(id, 0, GETNCNT))
		return false;
	touched = info.sem_otime > info.sem_ctime ? info.sem_otime :
						    info.sem_ctime;
	pid = semctl(id, 0, GETPID);
	if (pid > 0 && (!kill(pid, 0) || errno == EPERM))
		return false;
	return time(NULL) - touched > UDEV_WAIT_MS / 1000;
}

int kdm_stale_cookies(uint32_t **cookies, size_t *nr, struct error *error)
{
	FILE *in = fopen("/proc/sysvipc/sem", "re");
	char *line = NULL;
	size_t room = 0;
	int key, id;

	*cookies = NULL;
	*nr = 0;
	if (!in)
		return refuse(error, "cannot list semaphores: %s",
			      strerror(errno));
	while (getline(&line, &room, in) > 0) {
		if (sscanf(line, "%d %d", &key, &id) != 2 ||
		    (uint32_t)key >> DM_UDEV_FLAGS_SHIFT != DM_COOKIE_MAGIC ||
		    !is_stale(id))
			continue;
		*cookies = more(*cookies, *nr, sizeof(**cookies));
		(*cookies)[(*nr)++] = key;
	}
	free(line);
	fclose(in);
	return 0;
}

/* Reports a udevd that does not respond, and removes its semaphore. */
void kdm_udev_end(void)
{
	struct error ignored = { 0 };

	if (udev_cookie && !wait_some()) {
		fprintf(stderr, "qdm: udev has not answered within %d seconds; going on without it (is systemd-udevd alive?)\n",
			UDEV_WAIT_MS / 1000);
		kdm_drop_cookie(udev_cookie, &ignored);
		dm_udev_set_sync_support(0);
	}
	udev_cookie = 0;
	dm_lib_release();
}
