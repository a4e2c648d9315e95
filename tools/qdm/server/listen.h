/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where events come from: the kernel's descriptor and udev; see listen.c. */
#ifndef QDM_SERVER_LISTEN_H
#define QDM_SERVER_LISTEN_H

#include <systemd/sd-device.h>
#include <systemd/sd-event.h>

#include "server/events.h"

struct listener {
	struct events *events;
	/* after something has happened somewhere: to look, and more */
	void (*woken)(void *context);
	void *context;
	int kernel;
	sd_device_monitor *monitor;
};

/* Learns what there is; from then on nothing that happens is missed. */
int listen_begin(struct listener *listener, sd_event *loop,
		 struct error *error);
void listen_end(struct listener *listener);

#endif /* QDM_SERVER_LISTEN_H */
