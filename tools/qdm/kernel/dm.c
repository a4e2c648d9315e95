// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Changes by device-mapper. Only the files dm*.c call libdevmapper, or device-mapper. Each
 * function is one ioctl, or a few that belong together, and answers with the structures of
 * dm.h.
 */
#include <errno.h>
#include <libdevmapper.h>
#include <linux/dm-ioctl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/alloc.h"
#include "kernel/dm-task.h"
#include "kernel/dm.h"
#include "kernel/queue.h"

#define INNER_FLAGS	(DM_UDEV_DISABLE_SUBSYSTEM_RULES_FLAG | \
			 DM_UDEV_DISABLE_DISK_RULES_FLAG | \
			 DM_UDEV_DISABLE_OTHER_RULES_FLAG)
/* For 57-dm-qdm-event.rules: keep the properties of the content. */
#define SAME_FLAG	DM_SUBSYSTEM_UDEV_FLAG7

char last_log[256];

/* libdevmapper prints by default; its message becomes part of our error. */
__attribute__((format(printf, 5, 6)))
static void keep_log(int level, const char *file, int line, int dm_errno,
		     const char *fmt, ...)
{
	va_list args;

	(void)file;
	(void)line;
	(void)dm_errno;
	if ((level & 7) > 3)
		return;
	va_start(args, fmt);
	vsnprintf(last_log, sizeof(last_log), fmt, args);
	va_end(args);
}

struct dm_task *task_for(int type, const char *name,
			 struct error *error)
{
	struct dm_task *task;

	*last_log = '\0';
	task = dm_task_create(type);
	if (task && (!name || dm_task_set_name(task, name)))
		return task;
	if (task)
		dm_task_destroy(task);
	refuse(error, "cannot ask device-mapper about '%s': %s",
	       name ? name : "all devices", last_log);
	return NULL;
}

int task_failed(struct dm_task *task, const char *what, const char *name,
		struct error *error)
{
	int code = dm_task_get_errno(task);
	const char *hint = "";

	if (code == EINVAL || code == ENXIO)
		hint = " (the kernel log has the reason)";
	else if (code == EBUSY)
		hint = " (in use: mounted, or held open by something else)";
	return refuse(error, "cannot %s '%s': %s%s", what, name,
		      code ? strerror(code) : last_log, hint);
}

static int run(struct dm_task *task, const char *what, const char *name,
	       struct error *error)
{
	int result = 0;

	if (!task)
		return -1;
	if (!dm_task_run(task))
		result = task_failed(task, what, name, error);
	dm_task_destroy(task);
	return result;
}

int kdm_open(struct error *error)
{
	struct error ignored = { 0 };
	char version[64] = "";
	struct dm_task *task;
	int ok;

	dm_log_with_errno_init(keep_log);
	dm_set_name_mangling_mode(DM_STRING_MANGLING_AUTO);
	task = task_for(DM_DEVICE_VERSION, NULL, &ignored);
	ok = task && dm_task_run(task) &&
	     dm_task_get_driver_version(task, version, sizeof(version));
	if (task)
		dm_task_destroy(task);
	if (!ok)
		return refuse(error, "cannot reach device-mapper: %s (are you root, and does the kernel have it? try: modprobe dm-mod)",
			      *last_log ? last_log : "no answer");
	return 0;
}

int kdm_need_target(const char *type, struct error *error)
{
	struct dm_task *task;
	bool there;

	if (kdm_open(error))
		return -1;
	task = task_for(DM_DEVICE_GET_TARGET_VERSION, type, error);
	there = task && dm_task_run(task);
	if (task)
		dm_task_destroy(task);
	if (!there)
		return refuse(error, "the kernel has no target '%s' (its module is dm-%s)",
			      type, type);
	return 0;
}

static bool put_lines(struct dm_task *task, const struct kdm_table *table)
{
	const struct kdm_line *line;
	size_t i;

	dm_task_secure_data(task);
	for (i = 0; i < table->nr; i++) {
		line = &table->line[i];
		if (!dm_task_add_target(task, line->start, line->len,
					line->type, line->params))
			return false;
	}
	return true;
}

static bool put_how(struct dm_task *task, const struct kdm_how *how)
{
	uint16_t flags = how->inner ? INNER_FLAGS : 0;

	if (how->same)
		flags |= SAME_FLAG;
	if (!how->freeze)
		dm_task_skip_lockfs(task);
	if (how->read_ahead &&
	    !dm_task_set_read_ahead(task, how->read_ahead, 0))
		return false;
	return dm_task_set_cookie(task, &udev_cookie, flags);
}

static int create_empty(const char *name, const char *uuid,
			struct error *error)
{
	struct dm_task *task = task_for(DM_DEVICE_CREATE, name, error);

	if (task && !dm_task_set_uuid(task, uuid)) {
		dm_task_destroy(task);
		return refuse(error, "cannot create '%s': %s", name, last_log);
	}
	return run(task, "create", name, error);
}

int kdm_load(const char *name, const struct kdm_table *table,
	     struct error *error)
{
	struct dm_task *task = task_for(DM_DEVICE_RELOAD, name, error);

	if (task && !put_lines(task, table)) {
		dm_task_destroy(task);
		return refuse(error, "cannot load a table into '%s': %s", name,
			      last_log);
	}
	return run(task, "load a table into", name, error);
}

int kdm_clear(const char *name, struct error *error)
{
	return run(task_for(DM_DEVICE_CLEAR, name, error),
		   "clear the loaded table of", name, error);
}

static int resume(const char *name, const struct kdm_how *how,
		  struct error *error)
{
	struct dm_task *task = task_for(DM_DEVICE_RESUME, name, error);

	if (task && !put_how(task, how)) {
		dm_task_destroy(task);
		return refuse(error, "cannot resume '%s': %s", name, last_log);
	}
	return run(task, "resume", name, error);
}

/* A device keeps its read-ahead and its other queue settings. */
int kdm_resume(const char *name, const struct kdm_how *how,
	       struct error *error)
{
	struct queue_settings settings;
	struct error ignored = { 0 };
	struct kdm_device device;
	int result;

	if (!how->read_ahead || kdm_find(name, &device, &ignored) != 1)
		return resume(name, how, error);
	queue_read(&settings, device.devno);
	result = resume(name, how, error);
	queue_restore(&settings);
	return result;
}

int kdm_suspend(const char *name, struct error *error)
{
	return run(task_for(DM_DEVICE_SUSPEND, name, error), "suspend", name,
		   error);
}

void kdm_rescue(const char *name)
{
	struct error ignored = { 0 };
	struct dm_task *task = task_for(DM_DEVICE_RESUME, name, &ignored);

	if (task)
		dm_task_no_open_count(task);
	run(task, "resume", name, &ignored);
}

int kdm_remove(const char *name, struct error *error)
{
	struct dm_task *task = task_for(DM_DEVICE_REMOVE, name, error);

	if (!task)
		return -1;
	/* udev or an indexer may have the device open briefly */
	dm_task_retry_remove(task);
	if (!dm_task_set_cookie(task, &udev_cookie, 0)) {
		dm_task_destroy(task);
		return refuse(error, "cannot remove '%s': %s", name, last_log);
	}
	return run(task, "remove", name, error);
}

/*
 * Without deferred removal it would remove a closed device. And libdevmapper removes
 * the node in /dev/mapper of an open one.
 */
int kdm_defer(const char *name, struct error *error)
{
	struct dm_ioctl io = {
		.version = { DM_VERSION_MAJOR, 0, 0 },
		.data_size = sizeof(io),
		.flags = DM_DEFERRED_REMOVE,
	};
	struct kdm_device device;
	int found = kdm_find(name, &device, error);

	if (found < 0)
		return -1;
	if (!found || !device.open_count || !is_plain(name))
		return refuse(error, "'%s' is not open", name);
	strcpy(io.name, name);
	if (ioctl(control_fd(), DM_DEV_REMOVE, &io))
		return refuse(error, "cannot defer the removal of '%s': %s",
			      name, strerror(errno));
	return 0;
}

int kdm_keep(const char *name, struct error *error)
{
	return kdm_message(name, "@cancel_deferred_remove", error);
}

int kdm_rename(const char *name, const char *to, const struct kdm_how *how,
	       struct error *error)
{
	struct dm_task *task = task_for(DM_DEVICE_RENAME, name, error);

	if (task && (!dm_task_set_newname(task, to) || !put_how(task, how))) {
		dm_task_destroy(task);
		return refuse(error, "cannot rename '%s': %s", name, last_log);
	}
	return run(task, "rename", name, error);
}

int kdm_message(const char *name, const char *text, struct error *error)
{
	struct dm_task *task = task_for(DM_DEVICE_TARGET_MSG, name, error);

	if (task && (!dm_task_set_sector(task, 0) ||
		     !dm_task_set_message(task, text))) {
		dm_task_destroy(task);
		return refuse(error, "cannot send a message to '%s': %s", name,
			      last_log);
	}
	return run(task, "send a message to", name, error);
}

/* In three steps, so that a failure keeps its own errno. */
int kdm_create(const char *name, const char *uuid,
	       const struct kdm_table *table, const struct kdm_how *how,
	       struct error *error)
{
	struct error ignored = { 0 };

	if (create_empty(name, uuid, error))
		return -1;
	if (!kdm_load(name, table, error) && !kdm_resume(name, how, error))
		return 0;
	kdm_remove(name, &ignored);
	return -1;
}
