// SPDX-License-Identifier: GPL-2.0-or-later
/* The descriptor for device-mapper's events. */
#include <errno.h>
#include <fcntl.h>
#include <libdevmapper.h>
#include <linux/dm-ioctl.h>
#include <string.h>
#include <sys/ioctl.h>

#include "kernel/dm-task.h"
#include "kernel/dm.h"

/* A descriptor of its own for each waiter. */
int kdm_poll_open(struct error *error)
{
	int fd = open(CONTROL, O_RDWR | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return refuse(error, "cannot open %s: %s", CONTROL,
			      strerror(errno));
	return fd;
}

int kdm_poll_arm(int fd, struct error *error)
{
	struct dm_ioctl arm = {
		.version = { DM_VERSION_MAJOR, 0, 0 },
		.data_size = sizeof(arm),
	};

	if (ioctl(fd, DM_DEV_ARM_POLL, &arm))
		return refuse(error, "cannot wait for events of device-mapper: %s",
			      strerror(errno));
	return 0;
}
