// SPDX-License-Identifier: GPL-2.0-or-later
/* The locks, and the state that the lock file stores; see grow.c. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "grow/grow.h"
#include "grow/memory.h"

static char *lock_path(const char *node, const char *end)
{
	const char *folder = getenv("QDM_RUN");

	return print("%s/qdm-extend.%s.%s", folder ? folder : "/run", node,
		     end);
}

int take_lock(const char *node, const char *end, int how)
{
	char *path = lock_path(node, end);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	free(path);
	if (fd >= 0 && flock(fd, how)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

int grow_lock(const char *node)
{
	return take_lock(node, "lock", LOCK_EX);
}

/* Shared, so that two checks of the lock do not take each other for an answer. */
static bool is_taken(const char *node, const char *end)
{
	char *path = lock_path(node, end);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool taken = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB);

	free(path);
	if (fd >= 0)
		close(fd);
	return taken;
}

bool grow_is_answered(const char *node)
{
	return is_taken(node, "answer");
}

bool grow_is_busy(const char *node)
{
	return is_taken(node, "lock");
}

static void recall_line(struct memory *memory, const char *line)
{
	unsigned long long at, written;
	unsigned int paid;

	if (sscanf(line, "failed %15s", memory->failed) == 1)
		return;
	if (memory->nr < GROWTHS &&
	    sscanf(line, "grown %llu %llu %u", &at, &written, &paid) == 3)
		memory->growth[memory->nr++] = (struct growth){
			.at = at, .written = written, .paid = paid,
		};
}

void recall_growth(struct memory *memory)
{
	FILE *file = fdopen(dup(memory->fd), "r");
	char line[128];

	memory->nr = 0;
	*memory->failed = '\0';
	if (!file)
		return;
	rewind(file);
	while (fgets(line, sizeof(line), file))
		recall_line(memory, line);
	fclose(file);
}

bool grow_has_failed(const char *node, char *reason, size_t size)
{
	char *path = lock_path(node, "lock");
	struct memory memory = { .fd = open(path, O_RDONLY | O_CLOEXEC) };

	free(path);
	if (memory.fd < 0)
		return false;
	recall_growth(&memory);
	close(memory.fd);
	snprintf(reason, size, "%s", memory.failed);
	return *reason;
}

/* Drops old growths, except the last, which records how much was written by then. */
void remember_growth(const struct memory *memory)
{
	size_t i = memory->nr > GROWTHS / 2 ? memory->nr - GROWTHS / 2 : 0;

	if (ftruncate(memory->fd, 0))
		return;
	lseek(memory->fd, 0, SEEK_SET);
	if (*memory->failed)
		dprintf(memory->fd, "failed %s\n", memory->failed);
	for (; i < memory->nr; i++)
		dprintf(memory->fd, "grown %llu %llu %u\n",
			(unsigned long long)memory->growth[i].at,
			(unsigned long long)memory->growth[i].written,
			memory->growth[i].paid);
}

uint64_t boot_seconds(void)
{
	struct timespec time;

	clock_gettime(CLOCK_BOOTTIME, &time);
	return time.tv_sec;
}
