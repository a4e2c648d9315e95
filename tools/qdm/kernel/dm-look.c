// SPDX-License-Identifier: GPL-2.0-or-later
/* Queries to device-mapper. */
#include <errno.h>
#include <fcntl.h>
#include <libdevmapper.h>
#include <linux/dm-ioctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

#include "base/alloc.h"
#include "kernel/dm-task.h"
#include "kernel/dm.h"

#define QUERY_BYTES	2048
#define QUERY_BYTES_MAX	(8u << 20)

static void take_names(struct dm_names *at, char (**names)[KDM_NAME_LEN],
		       size_t *nr)
{
	if (!at->dev)
		return;
	for (;;) {
		*names = more(*names, *nr, sizeof(**names));
		snprintf((*names)[(*nr)++], KDM_NAME_LEN, "%s", at->name);
		if (!at->next)
			return;
		at = (void *)((char *)at + at->next);
	}
}

int kdm_list(char (**names)[KDM_NAME_LEN], size_t *nr, struct error *error)
{
	struct dm_task *task = task_for(DM_DEVICE_LIST, NULL, error);
	int result = 0;

	*names = NULL;
	*nr = 0;
	if (!task)
		return -1;
	if (dm_task_run(task))
		take_names(dm_task_get_names(task), names, nr);
	else
		result = task_failed(task, "list", "devices", error);
	dm_task_destroy(task);
	return result;
}

static void take_info(struct dm_task *task, const struct dm_info *info,
		      struct kdm_device *device)
{
	snprintf(device->name, sizeof(device->name), "%s",
		 dm_task_get_name(task));
	snprintf(device->uuid, sizeof(device->uuid), "%s",
		 dm_task_get_uuid(task));
	device->devno.major = info->major;
	device->devno.minor = info->minor;
	device->open_count = info->open_count;
	device->event_nr = info->event_nr;
	device->live = info->live_table;
	device->pending = info->inactive_table;
	device->suspended = info->suspended;
	device->read_only = info->read_only;
	device->deferred = info->deferred_remove;
}

int kdm_find(const char *name, struct kdm_device *device, struct error *error)
{
	struct dm_task *task;
	struct dm_info info;
	int result = 0;

	memset(device, 0, sizeof(*device));
	if (strlen(name) >= KDM_NAME_LEN)
		return 0;
	task = task_for(DM_DEVICE_INFO, name, error);
	if (!task)
		return -1;
	if (!dm_task_run(task) || !dm_task_get_info(task, &info))
		result = task_failed(task, "look up", name, error);
	else if (info.exists)
		result = 1;
	if (result == 1)
		take_info(task, &info, device);
	dm_task_destroy(task);
	return result;
}

static int read_deps(const char *name, bool loaded, struct devno **deps,
		     size_t *nr, struct error *error)
{
	struct dm_task *task = task_for(DM_DEVICE_DEPS, name, error);
	struct dm_deps *found;
	uint32_t i;

	*deps = NULL;
	*nr = 0;
	if (!task)
		return -1;
	if (loaded)
		dm_task_query_inactive_table(task);
	if (!dm_task_run(task)) {
		task_failed(task, "read the devices beneath", name, error);
		dm_task_destroy(task);
		return -1;
	}
	found = dm_task_get_deps(task);
	for (i = 0; found && i < found->count; i++) {
		*deps = more(*deps, *nr, sizeof(**deps));
		(*deps)[(*nr)++] = (struct devno){ major(found->device[i]),
						   minor(found->device[i]) };
	}
	dm_task_destroy(task);
	return 0;
}

int kdm_deps(const char *name, struct devno **deps, size_t *nr,
	     struct error *error)
{
	return read_deps(name, false, deps, nr, error);
}

int kdm_loaded_deps(const char *name, struct devno **deps, size_t *nr,
		    struct error *error)
{
	return read_deps(name, true, deps, nr, error);
}

static void take_lines(struct dm_task *task, struct kdm_table *table)
{
	uint64_t start, len;
	char *type, *params;
	void *next = NULL;

	do {
		next = dm_get_next_target(task, next, &start, &len, &type,
					  &params);
		if (type)
			kdm_table_add(table, start, len, type,
				      params ? params : "");
	} while (next);
}

static int read_lines(int kind, bool loaded, const char *name,
		      struct kdm_table *table, struct error *error)
{
	struct dm_task *task = task_for(kind, name, error);
	int result = 0;

	*table = (struct kdm_table){ 0 };
	if (!task)
		return -1;
	dm_task_secure_data(task);
	if (loaded)
		dm_task_query_inactive_table(task);
	if (kind == DM_DEVICE_STATUS)
		dm_task_no_flush(task);
	if (dm_task_run(task))
		take_lines(task, table);
	else
		result = task_failed(task, "read the table of", name, error);
	dm_task_destroy(task);
	return result;
}

/* Mangled as libdevmapper does, or too long for the kernel. */
bool is_plain(const char *name)
{
	return strlen(name) < KDM_NAME_LEN &&
	       !name[strspn(name, "abcdefghijklmnopqrstuvwxyz"
				  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "0123456789#+-.:=@_")];
}

/* libdevmapper does not expose its descriptor, so this is another one. */
int control_fd(void)
{
	static int control = -1;

	if (control < 0)
		control = open(CONTROL, O_RDWR | O_CLOEXEC);
	return control;
}

/*
 * Queries a table or status without libdevmapper, which clears and sends 16 KiB for
 * each query. With a hundred nodes that is most of the time. *@answer points into a
 * buffer of @room bytes, to be freed by free_answer().
 */
static int ask(const char *name, uint32_t flags, struct dm_ioctl **answer,
	       size_t *room)
{
	const int control = control_fd();
	struct dm_ioctl *io;

	for (*room = QUERY_BYTES; *room <= QUERY_BYTES_MAX; *room *= 4) {
		io = resize(NULL, *room);
		*io = (struct dm_ioctl){
			.version = { DM_VERSION_MAJOR, 0, 0 },
			.data_size = *room, .data_start = sizeof(*io),
			.flags = flags | DM_SECURE_DATA_FLAG,
		};
		strcpy(io->name, name);
		*answer = io;
		if (ioctl(control, DM_TABLE_STATUS, io)) {
			free(io);
			return -errno;
		}
		if (!(io->flags & DM_BUFFER_FULL_FLAG))
			return 0;
		explicit_bzero(io, *room);
		free(io);
	}
	return -EFBIG;
}

static void free_answer(struct dm_ioctl *answer, size_t room)
{
	explicit_bzero(answer, room);
	free(answer);
}

static void take_answer(const struct dm_ioctl *io, struct kdm_device *device)
{
	snprintf(device->name, sizeof(device->name), "%s", io->name);
	snprintf(device->uuid, sizeof(device->uuid), "%s", io->uuid);
	device->devno.major = major(io->dev);
	device->devno.minor = minor(io->dev);
	device->open_count = io->open_count;
	device->event_nr = io->event_nr;
	device->live = io->flags & DM_ACTIVE_PRESENT_FLAG;
	device->pending = io->flags & DM_INACTIVE_PRESENT_FLAG;
	device->suspended = io->flags & DM_SUSPEND_FLAG;
	device->read_only = io->flags & DM_READONLY_FLAG;
	device->deferred = io->flags & DM_DEFERRED_REMOVE;
}

static void take_specs(const struct dm_ioctl *io, struct kdm_table *table)
{
	const char *data = (const char *)io + io->data_start;
	const struct dm_target_spec *spec = (const void *)data;
	uint32_t i;

	for (i = 0; i < io->target_count; i++) {
		kdm_table_add(table, spec->sector_start, spec->length,
			      spec->target_type, (const char *)(spec + 1));
		spec = (const void *)(data + spec->next);
	}
}

/* A query through libdevmapper. */
static int look_slowly(const char *name, struct kdm_device *device,
		       struct kdm_table *table, struct error *error)
{
	int found = kdm_find(name, device, error);

	if (found <= 0)
		return found;
	return kdm_table(name, table, error) ? -1 : 1;
}

/* The reply with the table has all members of a look-up. */
int kdm_look(const char *name, struct kdm_device *device,
	     struct kdm_table *table, struct error *error)
{
	struct dm_ioctl *answer;
	size_t room;
	int code;

	*table = (struct kdm_table){ 0 };
	memset(device, 0, sizeof(*device));
	if (!is_plain(name))
		return look_slowly(name, device, table, error);
	code = ask(name, DM_STATUS_TABLE_FLAG, &answer, &room);
	if (code == -ENXIO)
		return 0;
	if (code)
		return refuse(error, "cannot read the table of '%s': %s", name,
			      strerror(-code));
	take_answer(answer, device);
	take_specs(answer, table);
	free_answer(answer, room);
	return 1;
}

int kdm_table(const char *name, struct kdm_table *table, struct error *error)
{
	return read_lines(DM_DEVICE_TABLE, false, name, table, error);
}

int kdm_loaded(const char *name, struct kdm_table *table, struct error *error)
{
	return read_lines(DM_DEVICE_TABLE, true, name, table, error);
}

int kdm_status(const char *name, struct kdm_table *table, struct error *error)
{
	struct dm_ioctl *answer;
	size_t room;
	int code;

	*table = (struct kdm_table){ 0 };
	if (!is_plain(name))
		return read_lines(DM_DEVICE_STATUS, false, name, table, error);
	code = ask(name, DM_NOFLUSH_FLAG, &answer, &room);
	if (code)
		return refuse(error, "cannot read the status of '%s': %s", name,
			      strerror(-code));
	take_specs(answer, table);
	free_answer(answer, room);
	return 0;
}

uint32_t kdm_read_ahead(const char *name)
{
	struct error ignored = { 0 };
	struct dm_task *task = task_for(DM_DEVICE_INFO, name, &ignored);
	uint32_t sectors = 0;

	if (!task)
		return 0;
	if (dm_task_run(task))
		dm_task_get_read_ahead(task, &sectors);
	dm_task_destroy(task);
	return sectors;
}
