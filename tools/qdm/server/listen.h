/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Event sources: the kernel's descriptor and udev; see listen.c. */
#ifndef QDM_SERVER_LISTEN_H
#define QDM_SERVER_LISTEN_H

#include <systemd/sd-device.h>
#include <systemd/sd-event.h>

#include "server/events.h"

struct listener {
	struct events *events;
	/* called after an event on any device */
	void (*woken)(void *context);
	void *context;
	int kernel;
	sd_device_monitor *monitor;
};

/* Records the present states; no later event is missed. */
int listen_begin(struct listener *listener, sd_event *loop,
		 struct error *error);
void listen_end(struct listener *listener);

#endif /* QDM_SERVER_LISTEN_H */
