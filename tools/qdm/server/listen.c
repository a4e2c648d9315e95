// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Event sources of the server and `qdm events`: one descriptor of device-mapper for all
 * devices, which only signals that something has happened, and udev's monitor for the
 * one event without a status, an I/O error in a backup.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "server/listen.h"

/* Armed before the devices are read, so that later events wake the loop again. */
static int on_kernel(sd_event_source *source, int fd, uint32_t events,
		     void *context)
{
	struct listener *listener = context;
	struct error error = { 0 };

	(void)source;
	(void)events;
	if (kdm_poll_arm(fd, &error)) {
		fprintf(stderr, "qdm: %s\n", error.text);
		return -EIO;
	}
	listener->woken(listener->context);
	return 0;
}

static const char *property(sd_device *device, const char *name)
{
	const char *value;

	return sd_device_get_property_value(device, name, &value) < 0 ? "" :
									value;
}

/* Only the uevent has the details of a backup's error. */
static int on_uevent(sd_device_monitor *monitor, sd_device *device,
		     void *context)
{
	struct listener *listener = context;

	(void)monitor;
	if (!strcmp(property(device, "DM_ACTION"), "BACKUP_ERROR"))
		events_job_error(listener->events, property(device, "DM_NAME"),
				 property(device, "DM_BACKUP_OPERATION"),
				 property(device, "DM_BACKUP_ACTION"));
	if (!strcmp(property(device, "DM_ACTION"), "BACKUP_IO_ERROR"))
		events_io_error(listener->events, property(device, "DM_NAME"),
				property(device, "DM_BACKUP_OPERATION"),
				property(device, "DM_BACKUP_ACTION"),
				property(device, "DM_BACKUP_ERROR"));
	return 0;
}

/* Without udev these events are missing; all others work. */
static void watch_uevents(struct listener *listener, sd_event *loop)
{
	if (sd_device_monitor_new(&listener->monitor) < 0)
		return;
	sd_device_monitor_filter_add_match_subsystem_devtype(listener->monitor,
							     "block", NULL);
	sd_device_monitor_attach_event(listener->monitor, loop);
	sd_device_monitor_start(listener->monitor, on_uevent, listener);
}

int listen_begin(struct listener *listener, sd_event *loop,
		 struct error *error)
{
	int code;

	listener->kernel = -1;
	if (kdm_open(error))
		return -1;
	listener->kernel = kdm_poll_open(error);
	if (listener->kernel < 0 || kdm_poll_arm(listener->kernel, error) ||
	    events_look(listener->events, error))
		return -1;
	code = sd_event_add_io(loop, NULL, listener->kernel, EPOLLIN,
			       on_kernel, listener);
	if (code < 0)
		return refuse(error, "cannot wait for device-mapper: %s",
			      strerror(-code));
	watch_uevents(listener, loop);
	return 0;
}

void listen_end(struct listener *listener)
{
	sd_device_monitor_unref(listener->monitor);
	if (listener->kernel >= 0)
		close(listener->kernel);
}
