// SPDX-License-Identifier: GPL-2.0-or-later
/* Block devices in sysfs. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/dm.h"

struct devno kdm_disk(struct devno devno)
{
	struct devno disk;
	char path[64];
	FILE *in;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/partition",
		 devno.major, devno.minor);
	if (access(path, F_OK))
		return devno;
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/../dev",
		 devno.major, devno.minor);
	in = fopen(path, "re");
	if (!in || fscanf(in, "%u:%u", &disk.major, &disk.minor) != 2)
		disk = devno;
	if (in)
		fclose(in);
	return disk;
}

static bool read_line(struct devno devno, const char *file, char *text,
		      size_t len)
{
	char path[96];
	bool there;
	FILE *in;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/%s", devno.major,
		 devno.minor, file);
	in = fopen(path, "re");
	there = in && fgets(text, len, in);
	if (in)
		fclose(in);
	if (there)
		text[strcspn(text, "\n")] = '\0';
	return there;
}

void kdm_identity(struct devno devno, struct kdm_identity *identity)
{
	char number[32];

	*identity = (struct kdm_identity){ 0 };
	if (!read_line(devno, "dm/uuid", identity->uuid,
		       sizeof(identity->uuid)))
		*identity->uuid = '\0';
	if (read_line(kdm_disk(devno), "diskseq", number, sizeof(number)))
		identity->diskseq = strtoull(number, NULL, 10);
}

bool kdm_is_direct(struct devno devno)
{
	char path[64];
	FILE *in;
	int byte;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/queue/dax",
		 devno.major, devno.minor);
	in = fopen(path, "re");
	byte = in ? fgetc(in) : '0';
	if (in)
		fclose(in);
	return byte == '1';
}
