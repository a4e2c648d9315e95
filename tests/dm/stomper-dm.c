// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Device-mapper for the stomper, by its ioctls: a program for each of the eight
 * steps of a round would cost a hundred times what the step does.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

#include "stomper.h"

#define NAME	"stomped"

/* Room for what any of them sends or gets */
struct request {
	struct dm_ioctl head;
	union {
		struct {
			struct dm_target_spec spec;
			char line[512];
		} table;
		struct {
			uint64_t sector;
			char text[512];
		} message;
	};
};

static int control = -1;
static char node[32];
static struct request answer;

static int ask(unsigned long command, struct request *request)
{
	struct dm_ioctl *head = &request->head;

	head->version[0] = DM_VERSION_MAJOR;
	head->data_size = sizeof(*request);
	head->data_start = offsetof(struct request, table);
	snprintf(head->name, sizeof(head->name), "%s", NAME);
	return ioctl(control, command, request);
}

static void must(const char *what, unsigned long command,
		 struct request *request)
{
	if (ask(command, request))
		die("device-mapper refuses to %s: %s", what, strerror(errno));
}

void dm_begin(void)
{
	struct request request = { 0 };

	control = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
	if (control < 0)
		die("/dev/mapper/control: %s", strerror(errno));
	must("create " NAME, DM_DEV_CREATE, &request);
	snprintf(node, sizeof(node), "/dev/dm-%u", minor(request.head.dev));
}

const char *dm_node(void)
{
	return node;
}

void dm_load(uint64_t sectors, const char *target, const char *line)
{
	struct request request = { .head.target_count = 1 };

	request.table.spec.length = sectors;
	snprintf(request.table.spec.target_type,
		 sizeof(request.table.spec.target_type), "%s", target);
	snprintf(request.table.line, sizeof(request.table.line), "%s", line);
	if (ask(DM_TABLE_LOAD, &request))
		die("device-mapper refuses 0 %llu %s %s: %s",
		    (unsigned long long)sectors, target, line, strerror(errno));
}

void dm_suspend(unsigned int how)
{
	struct request request = { .head.flags = DM_SUSPEND_FLAG };

	if (how & SUSPEND_NOFLUSH)
		request.head.flags |= DM_NOFLUSH_FLAG;
	if (how & SUSPEND_NOLOCKFS)
		request.head.flags |= DM_SKIP_LOCKFS_FLAG;
	must("suspend", DM_DEV_SUSPEND, &request);
}

void dm_resume(void)
{
	struct request request = { 0 };

	must("resume", DM_DEV_SUSPEND, &request);
}

/* However it stands, so that nobody who writes is left waiting. */
void dm_let_go(void)
{
	struct request request = { 0 };

	ask(DM_DEV_SUSPEND, &request);
}

/* False if the target does not want it now. */
bool dm_message(const char *text)
{
	struct request request = { 0 };

	snprintf(request.message.text, sizeof(request.message.text), "%s",
		 text);
	return !ask(DM_TARGET_MSG, &request);
}

const char *dm_status(void)
{
	memset(&answer, 0, sizeof(answer));
	must("say how it stands", DM_TABLE_STATUS, &answer);
	return answer.table.line;
}
