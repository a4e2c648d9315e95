// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * With each new table a dm device gets the limits of the devices beneath it, and an
 * administrator's values in /sys/block/dm-N/queue are lost. So the tool reads these
 * settings before it swaps a table and writes back those that have changed. The kernel
 * rejects a value that the new table does not allow; then its own value stays.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kernel/queue.h"

/* The settings that a bio-based device accepts. */
static const char * const names[QUEUE_SETTINGS] = {
	"add_random", "discard_max_bytes", "iostats", "max_sectors_kb",
	"nomerges", "rotational", "rq_affinity",
};

static int open_setting(struct devno devno, int i, int flags)
{
	char path[96];

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/queue/%s",
		 devno.major, devno.minor, names[i]);
	return open(path, flags | O_CLOEXEC);
}

static void read_setting(struct devno devno, int i, char *value)
{
	int fd = open_setting(devno, i, O_RDONLY);
	ssize_t len = fd < 0 ? 0 : read(fd, value, QUEUE_VALUE - 1);

	value[len > 0 ? len : 0] = '\0';
	if (fd >= 0)
		close(fd);
}

void queue_read(struct queue_settings *settings, struct devno devno)
{
	int i;

	settings->devno = devno;
	for (i = 0; i < QUEUE_SETTINGS; i++)
		read_setting(devno, i, settings->value[i]);
}

static void write_setting(struct devno devno, int i, const char *value)
{
	int fd = open_setting(devno, i, O_WRONLY);

	if (fd < 0)
		return;
	if (write(fd, value, strlen(value)) < 0)
		fprintf(stderr, "qdm: the table that device %u:%u has now does not allow its queue/%s to stay %.*s: %m\n",
			devno.major, devno.minor, names[i],
			(int)strcspn(value, "\n"), value);
	close(fd);
}

void queue_restore(const struct queue_settings *settings)
{
	char now[QUEUE_VALUE];
	int i;

	for (i = 0; i < QUEUE_SETTINGS; i++) {
		read_setting(settings->devno, i, now);
		if (*now && *settings->value[i] &&
		    strcmp(now, settings->value[i]))
			write_setting(settings->devno, i, settings->value[i]);
	}
}
