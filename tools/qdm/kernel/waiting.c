// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Waiting for a lock. Half a minute without output looks like a hang, so after a second
 * the lock and its holder are printed; /proc/locks identifies the holder by the lock
 * file's inode number.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "kernel/host.h"
#include "kernel/waiting.h"

#define PAUSE_MS	20
#define SILENT_MS	1000

static int find_holder(const struct stat *file)
{
	char *path = host_proc("locks");
	FILE *in = fopen(path, "re");
	unsigned int major, minor;
	unsigned long long inode;
	char line[256];
	int pid, found = 0;

	free(path);
	while (in && !found && fgets(line, sizeof(line), in))
		if (sscanf(line, "%*d: FLOCK %*s %*s %d %x:%x:%llu", &pid, &major,
			   &minor, &inode) == 4 &&
		    inode == file->st_ino && major == major(file->st_dev) &&
		    minor == minor(file->st_dev))
			found = pid;
	if (in)
		fclose(in);
	return found;
}

static void tell(const char *what, const char *path)
{
	struct stat file;
	char program[64];
	int pid = stat(path, &file) ? 0 : find_holder(&file);

	/* the process that took it may have ended, with a child still holding it */
	if (!pid || !host_program(pid, program, sizeof(program)))
		strcpy(program, "another program");
	fprintf(stderr, "qdm: waiting for %s (%s), held by %s\n", what, path,
		program);
}

static unsigned long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool waiting_for(struct waiting *waiting, const char *what, const char *path)
{
	const struct timespec pause = { .tv_nsec = PAUSE_MS * 1000000 };

	const unsigned long now = now_ms();

	if (!waiting->begun)
		waiting->begun = now;
	if (now - waiting->begun >= WAITING_S * 1000)
		return false;
	if (now - waiting->begun >= SILENT_MS && !waiting->told) {
		tell(what, path);
		waiting->told = true;
	}
	nanosleep(&pause, NULL);
	return true;
}
