// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * qdm put-back, for udev's rules: checks all devices on each event that may have
 * dropped filters, or removed a device.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/pause.h"
#include "cli/options.h"
#include "cli/verbs.h"
#include "edit/edit.h"
#include "edit/put-back.h"
#include "graph/dropped.h"
#include "graph/resolve.h"
#include "graph/uuid.h"
#include "kernel/lvm.h"
#include "plan/log.h"

#define RUNNING_SYSTEMD	"/run/systemd/system"
#define TRIES		60
#define PAUSE_MS	50
#define PAUSE_MAX_MS	2000

static int put_back(const char *name, struct error *error)
{
	int result;

	if (edit_lock(error))
		return -1;
	result = put_back_dropped(name, error);
	edit_unlock();
	return result;
}

/* The new table cannot be moved under a filter; only LVM can replace it. */
static bool has_to_stay_out(const struct graph *graph,
			    const struct node *device, struct error *error)
{
	return check_table(device, error) ||
	       edit_check_not_moving(graph, device, error);
}

/* Waits for LVM's lock without holding ours, to let other edits run. */
static int put_one_back(const struct kdm_device *dev, struct error *error)
{
	int result;

	lvm_want(dev);
	result = lvm_lock(error);
	lvm_unlock();
	return result < 0 ? -1 : put_back(dev->name, error);
}

/* All devices once; -1 if one failed and a retry may help. */
static int put_round(struct error *stays, struct error *error)
{
	const struct node *device;
	struct graph graph;
	int result = 0;
	size_t i;

	if (graph_read(&graph, error))
		return -1;
	for (i = 0; i < graph.nr; i++) {
		device = &graph.node[i];
		if (has_dropped(&graph, device) &&
		    !has_to_stay_out(&graph, device, stays) &&
		    put_one_back(&device->dev, error))
			result = -1;
	}
	graph_free(&graph);
	return result;
}

/* udev may have a filter open for some milliseconds; the pauses between retries grow. */
static int put_all_back(struct error *error)
{
	struct error stays;
	int tries = TRIES, pause = PAUSE_MS;
	int result = -1;

	while (result && tries--) {
		*error = stays = (struct error){ 0 };
		result = put_round(&stays, error);
		if (result)
			pause_ms(pause);
		pause = pause < PAUSE_MAX_MS / 2 ? 2 * pause : PAUSE_MAX_MS;
	}
	if (!result && *stays.text) {
		*error = stays;
		result = -1;
	}
	if (result)
		log_refused(error);
	return result;
}

/* A root that cannot be removed does not affect the others. */
static int take_all_down(struct error *error)
{
	struct graph graph;
	int result = 0;
	size_t i;

	if (graph_read(&graph, error))
		return -1;
	for (i = 0; i < graph.nr; i++)
		if (has_lost_device(&graph, &graph.node[i]) &&
		    take_lost_down(graph.node[i].dev.name, error))
			result = -1;
	graph_free(&graph);
	return result;
}

static int take_all_down_locked(struct error *error)
{
	int result;

	if (edit_lock(error))
		return -1;
	result = kdm_udev_begin(error);
	if (!result) {
		result = take_all_down(error);
		kdm_udev_end();
	}
	edit_unlock();
	return result;
}

/*
 * From udev, whose rules must not wait. The command that has changed a device waits for
 * them and holds LVM's lock, while an edit that holds ours may wait for LVM's. So no
 * lock is taken here; a device that was removed has no other editor.
 */

/* The rules derive DM_ACTION from it; the kernel accepts letters and digits only. */
static void tell(const struct node *device)
{
	char path[64], uuid[40] = "";
	FILE *file = fopen("/proc/sys/kernel/random/uuid", "re");

	if (file && fscanf(file, "%39s", uuid) != 1)
		*uuid = '\0';
	if (file)
		fclose(file);
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/uevent",
		 device->dev.devno.major, device->dev.devno.minor);
	file = fopen(path, "we");
	if (!file)
		return;
	fprintf(file, "change %s QDM=FILTERDROPPED", uuid);
	fclose(file);
}

/* Each event announces only its own device. */
static bool is_of_event(const struct node *device)
{
	const char *major = getenv("MAJOR"), *minor = getenv("MINOR");

	return major && minor &&
	       strtoul(major, NULL, 10) == device->dev.devno.major &&
	       strtoul(minor, NULL, 10) == device->dev.devno.minor;
}

static void run_unit(void)
{
	const char *seq = getenv("SEQNUM");
	char *unit = print("qdm-put-back@%s.service", seq ? seq : "0");

	execlp("systemctl", "systemctl", "--no-block", "start", unit,
	       (char *)NULL);
	free(unit);
}

/* As a unit where systemd runs, as udevd kills processes left by its rules. */
static void go_on_behind(void)
{
	int null;

	if (!access(RUNNING_SYSTEMD, F_OK))
		run_unit();
	if (fork())
		return;
	setsid();
	null = open("/dev/null", O_RDWR);
	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
	}
	execl("/proc/self/exe", "qdm", "put-back", (char *)NULL);
	_exit(1);
}

static int start(struct error *error)
{
	bool dropped = false;
	struct graph graph;
	int result;
	size_t i;

	kdm_udev_none();
	result = take_all_down(error);
	if (graph_read(&graph, error))
		return -1;
	for (i = 0; i < graph.nr; i++) {
		if (!has_dropped(&graph, &graph.node[i]))
			continue;
		dropped = true;
		if (is_of_event(&graph.node[i]))
			tell(&graph.node[i]);
	}
	graph_free(&graph);
	if (dropped)
		go_on_behind();
	return result;
}

int verb_put_back(int argc, char **argv, struct error *error)
{
	struct options options;

	if (options_read(&options, argc, argv, "--udev", error))
		return -1;
	if (options.nr)
		return misuse(error, "put-back: unexpected argument '%s'",
			      options.word[0]);
	if (options.udev)
		return start(error);
	if (take_all_down_locked(error))
		return -1;
	return put_all_back(error);
}
