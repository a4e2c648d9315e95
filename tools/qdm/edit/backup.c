// SPDX-License-Identifier: GPL-2.0-or-later
/* Cancels a backup before its filter is taken out. */
#include <poll.h>
#include <unistd.h>

#include "edit/backup.h"
#include "graph/job.h"

#define SECOND_MS	1000

int job_end(const char *node, struct error *error)
{
	struct pollfd wait = { .fd = kdm_poll_open(error), .events = POLLIN };
	int result;

	if (wait.fd < 0)
		return -1;
	result = kdm_message(node, "cancel", error);
	while (!result && !(result = kdm_poll_arm(wait.fd, error)) &&
	       !job_has_ended(node) && !job_is_gone(node))
		poll(&wait, 1, SECOND_MS);
	close(wait.fd);
	return result;
}
