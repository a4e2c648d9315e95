// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * LVM does not know of filters. When it changes a volume it loads the table that it has
 * in mind, which drops the filters; when it removes a volume, filters and root are left
 * behind and keep open what the volume lay on. All their devices still exist then, with
 * limits and levels. So udev's rules run this on each such event: dropped filters are
 * put back over the device's new table and length, and filters and roots that have lost
 * their device are removed.
 *
 * The kernel keeps all that this needs. A root's UUID says whose root it is. That its
 * filters are under the device, and not merely made or taken out by a client, is marked
 * by flagging the root for deferred removal: it is removed with the last filter on it,
 * as plans do anyway.
 *
 * A backup is never put back: writes have bypassed it.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "cli/verbs.h"
#include "cli/words.h"
#include "edit/edit.h"
#include "edit/put-back.h"
#include "graph/job.h"
#include "graph/resolve.h"
#include "graph/uuid.h"
#include "kernel/lvm.h"
#include "kernel/targets.h"
#include "plan/log.h"

#define RUNNING_SYSTEMD	"/run/systemd/system"
#define TRIES		60
#define PAUSE_MS	50
#define PAUSE_MAX_MS	2000

/* The only filter that has the node for its data; NULL if there are several. */
static const struct node *only_above(const struct graph *graph,
				     const struct node *node)
{
	const struct node *above = NULL;
	const struct node *one;
	size_t i;

	for (i = 0; i < graph->nr; i++) {
		one = &graph->node[i];
		if (one->kind == KIND_VIEW || one->kind == KIND_DEVICE ||
		    !node_passes_to(one, node->dev.devno))
			continue;
		if (above)
			return NULL;
		above = one;
	}
	return above;
}

static const struct node *device_of(const struct graph *graph,
				    const struct node *root)
{
	size_t i;

	for (i = 0; i < graph->nr; i++)
		if (is_root_of(root, &graph->node[i]))
			return &graph->node[i];
	return NULL;
}

/* Does a device that is not ours lie on it, directly or on filters between? */
static bool is_in(const struct graph *graph, const struct node *node)
{
	const struct node *above;
	size_t i;

	for (i = 0; i < graph->nr; i++) {
		above = &graph->node[i];
		if (node_uses(above, node->dev.devno) &&
		    (above->kind == KIND_DEVICE || is_in(graph, above)))
			return true;
	}
	return false;
}

/* The device whose table was replaced while the filter was under it. */
const struct node *dropped_from(const struct graph *graph,
				const struct node *node)
{
	const struct node *root = node_root(graph, node);

	if (!root || !root->dev.deferred || is_in(graph, root))
		return NULL;
	return device_of(graph, root);
}

static bool comes_back(const struct node *filter)
{
	struct devno below;

	return (filter->kind == KIND_THROTTLE ||
		filter->kind == KIND_THRESHOLD) &&
	       shape_is_same(&filter->table, &below);
}

/* The device's root, if filters on it have been dropped and can be put back. */
static const struct node *find_dropped(const struct graph *graph,
				       const struct node *device)
{
	const struct node *root = device->kind == KIND_DEVICE ?
				  find_root(graph, device) : NULL;
	const struct node *filter = root;

	if (!root || !root->dev.deferred || is_in(graph, root))
		return NULL;
	while ((filter = only_above(graph, filter)))
		if (comes_back(filter))
			return root;
	return NULL;
}

bool has_dropped(const struct graph *graph, const struct node *device)
{
	return find_dropped(graph, device);
}

int edit_put_back(const struct graph *graph, const char *name,
		  struct plan *plan, struct error *error)
{
	const struct node *device = graph_find(graph, name);
	const struct node *root = device ? find_dropped(graph, device) : NULL;
	const struct node *filter = root, *top = root;
	uint64_t len;

	if (!root)
		return refuse(error, "nothing was dropped from '%s'", name);
	if (edit_refresh(graph, device, root, plan, error))
		return -1;
	len = kdm_table_len(&device->table);
	while ((filter = only_above(graph, filter))) {
		if (!comes_back(filter))
			continue;
		if (edit_follow(filter, top, len, plan, error))
			return -1;
		top = filter;
	}
	edit_lay_on(graph, device, top, root, plan);
	return 0;
}

/*
 * Of all devices
 */

static void pause_ms(int ms)
{
	const struct timespec pause = {
		.tv_sec = ms / 1000,
		.tv_nsec = ms % 1000 * 1000000L,
	};

	nanosleep(&pause, NULL);
}

int put_back_dropped(const char *name, struct error *error)
{
	struct plan plan = { 0 };
	struct graph graph;
	int result;

	if (graph_read(&graph, error))
		return -1;
	result = edit_put_back(&graph, name, &plan, error);
	if (!result)
		result = plan_run(&plan, error);
	graph_free(&graph);
	plan_free(&plan);
	return result;
}

static int put_back(const char *name, struct error *error)
{
	int result;

	if (edit_lock(error))
		return -1;
	result = put_back_dropped(name, error);
	edit_unlock();
	return result;
}

/* The new table cannot be moved under a filter, and only LVM gives it another one. */
static bool has_to_stay_out(const struct graph *graph,
			    const struct node *device, struct error *error)
{
	return check_table(device, error) ||
	       edit_check_not_moving(graph, device, error);
}

/* Waits for LVM's lock without ours, which others may want meanwhile. */
static int put_one_back(const struct kdm_device *dev, struct error *error)
{
	int result;

	lvm_want(dev);
	result = lvm_lock(error);
	lvm_unlock();
	return result < 0 ? -1 : put_back(dev->name, error);
}

/* All devices once; -1 if some could not be done, and another try may do it. */
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

/* udev may have a filter open for some milliseconds; pauses grow for what takes longer. */
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

/*
 * Without their device
 */

bool has_lost_device(const struct graph *graph, const struct node *root)
{
	return root->kind == KIND_ROOT && root_is_identified(root) &&
	       !device_of(graph, root) && !is_in(graph, root);
}

/* The kernel announces a device's removal before it closes what the device lay on. */
static int take_down(const char *name, struct error *error)
{
	struct error failed = { 0 };
	struct kdm_device device;
	int tries = TRIES;

	while (tries--) {
		if (kdm_find(name, &device, &failed) != 1)
			return 0;
		if (!device.open_count && !kdm_remove(name, &failed))
			return 0;
		pause_ms(PAUSE_MS);
	}
	return refuse(error, "'%s' has lost its device and cannot be removed: %s",
		      name, *failed.text ? failed.text : "it is open");
}

/* With the filter goes all that tells of a backup; that it is none stays in the log. */
static void log_backup(const char *name)
{
	struct error error = { 0 };
	struct job job;

	if (job_look(&job, name) < 1 || job_cancelled(&job))
		return;
	if (job_failed(&job))
		refuse(&error, "backup '%s' has failed: %s; its device has been removed since",
		       job.id, job_error_text(&job));
	else if (strcmp(job.state, "concluded"))
		refuse(&error, "backup '%s' was not over when its device was removed",
		       job.id);
	if (error.class)
		log_refused(&error);
}

/* From the top down; a backup's job ends with its filter. */
static int take_down_over(const struct graph *graph, const struct node *node,
			  struct error *error)
{
	int result = 0;
	size_t i;

	for (i = 0; i < graph->nr && !result; i++)
		if (node_uses(&graph->node[i], node->dev.devno))
			result = take_down_over(graph, &graph->node[i], error);
	if (!result && node->kind == KIND_BACKUP)
		log_backup(node->dev.name);
	return result ? result : take_down(node->dev.name, error);
}

static void log_lost(const char *name)
{
	char *text = print("the device of '%s' was removed, so it was, too, with what lay on it",
			   name);

	log_mended(text);
	free(text);
}

int take_lost_down(const char *name, struct error *error)
{
	const struct node *root;
	struct graph graph;
	int result = 0;

	if (graph_read(&graph, error))
		return -1;
	root = graph_find(&graph, name);
	if (root && has_lost_device(&graph, root)) {
		result = take_down_over(&graph, root, error);
		if (result)
			log_refused(error);
		else
			log_lost(name);
	}
	graph_free(&graph);
	return result;
}

/* A root that cannot be removed does not keep the others. */
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
 * them and has LVM's lock, for which an edit may wait that has ours. So no lock is taken
 * here; nobody edits what has lost its device.
 */

/* The rules make a DM_ACTION of it; the kernel passes letters and digits only. */
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

/* Each event announces its own device, whatever was dropped before. */
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

/* As a unit where systemd runs: it kills what its rules leave running. */
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
	if (argc == 2 && !strcmp(argv[1], "--udev"))
		return start(error);
	if (argc > 1)
		return misuse(error, "put-back: unexpected argument '%s'",
			      argv[1]);
	if (take_all_down_locked(error))
		return -1;
	return put_all_back(error);
}
