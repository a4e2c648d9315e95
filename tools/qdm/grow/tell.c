// SPDX-License-Identifier: GPL-2.0-or-later
/* Messages: in the log, and as an event. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "base/alloc.h"
#include "grow/grow.h"
#include "grow/memory.h"

/* Without a syslog daemon the messages are written to the kernel's log. */
static void say(int level, const char *text)
{
	FILE *log;

	if (!access("/dev/log", F_OK)) {
		openlog("qdm-extend", 0, LOG_DAEMON);
		syslog(level, "%s", text);
		closelog();
		return;
	}
	log = fopen("/dev/kmsg", "we");
	if (!log)
		return;
	fprintf(log, "<%d>qdm-extend: %s\n", level, text);
	fclose(log);
}

/* The rules derive DM_ACTION from it. The kernel accepts letters and digits only. */
static void tell_udev(const struct growing *growing)
{
	char id[64] = "", *path;
	FILE *file = fopen("/proc/sys/kernel/random/uuid", "re");

	if (file) {
		if (fscanf(file, "%63s", id) != 1)
			*id = '\0';
		fclose(file);
	}
	path = print("/sys/dev/block/%u:%u/uevent", growing->node_at.major,
		     growing->node_at.minor);
	file = fopen(path, "we");
	free(path);
	if (!file)
		return;
	fprintf(file, "change %s QDM=EXTENDFAILED REASON=%s\n", id,
		growing->reason);
	fclose(file);
}

/* Not repeated until the outcome changes. */
void report_failure(const struct growing *growing, struct memory *memory,
		    const struct error *failure)
{
	if (!strcmp(memory->failed, growing->reason))
		return;
	snprintf(memory->failed, sizeof(memory->failed), "%s", growing->reason);
	remember_growth(memory);
	say(LOG_WARNING, failure->text);
	tell_udev(growing);
}

void note_success(struct growing *growing, struct memory *memory)
{
	char *text;

	if (*memory->failed) {
		*memory->failed = '\0';
		remember_growth(memory);
	}
	text = print("%s: has %llu bytes, next threshold %llu", growing->node,
		     (unsigned long long)growing->view.size,
		     (unsigned long long)growing->threshold);
	say(LOG_NOTICE, text);
	free(text);
}
