// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The one file that calls libdevmapper, or device-mapper. Each function is one ioctl, or a few
 * that belong together, and answers with the structures of dm.h.
 *
 * udev: a device's node and links are made by udev after the ioctl returns;
 * who goes on before that races with it. libdevmapper's answer is a cookie, a
 * System V semaphore that the kernel passes to udev's rules and that the last
 * rule counts down. Ours is taken before the first change, since there may be
 * no semaphore left and then nothing must have happened yet. libdevmapper
 * takes udev for alive if its socket is there, but a udevd that ended leaves
 * it behind; so we knock. And the wait has a time limit, as a udevd that hangs
 * would be waited for without an end.
 */
#include <errno.h>
#include <fcntl.h>
#include <libdevmapper.h>
#include <linux/dm-ioctl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "kernel/dm.h"
#include "kernel/queue.h"

#define CONTROL		"/dev/mapper/control"
#define QUERY_BYTES	2048
#define QUERY_BYTES_MAX	(8u << 20)
#define UDEV_SOCKET	"/run/udev/control"
#define UDEV_WAIT_MS	10000
#define UDEV_POLL_MS	2
#define INNER_FLAGS	(DM_UDEV_DISABLE_SUBSYSTEM_RULES_FLAG | \
			 DM_UDEV_DISABLE_DISK_RULES_FLAG | \
			 DM_UDEV_DISABLE_OTHER_RULES_FLAG)
/* Means to 57-dm-qdm-event.rules: keep what is known of the content. */
#define SAME_FLAG	DM_SUBSYSTEM_UDEV_FLAG7

static uint32_t cookie;
static char last_log[256];

/* libdevmapper prints by default; its words belong into our one sentence. */
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

static struct dm_task *task_for(int type, const char *name,
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

static int failed(struct dm_task *task, const char *what, const char *name,
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
		result = failed(task, what, name, error);
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
		result = failed(task, "list", "devices", error);
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
		result = failed(task, "look up", name, error);
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
		failed(task, "read what is below", name, error);
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
		result = failed(task, "read the table of", name, error);
	dm_task_destroy(task);
	return result;
}

/* Mangled as libdevmapper does, or too long for the kernel. */
static bool is_plain(const char *name)
{
	return strlen(name) < KDM_NAME_LEN &&
	       !name[strspn(name, "abcdefghijklmnopqrstuvwxyz"
				  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "0123456789#+-.:=@_")];
}

/* libdevmapper keeps its own descriptor to itself, so this is another one. */
static int control_fd(void)
{
	static int control = -1;

	if (control < 0)
		control = open(CONTROL, O_RDWR | O_CLOEXEC);
	return control;
}

/*
 * A table or status asked for without libdevmapper, which for each question
 * clears and sends 16 KiB. Where there are a hundred nodes that is most of the
 * time. The answer lies in @room bytes at *@answer, to be freed by free_answer().
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

/* One that libdevmapper has to be asked for. */
static int look_slowly(const char *name, struct kdm_device *device,
		       struct kdm_table *table, struct error *error)
{
	int found = kdm_find(name, device, error);

	if (found <= 0)
		return found;
	return kdm_table(name, table, error) ? -1 : 1;
}

/* The answer with the table says all that a look-up would. */
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
	return dm_task_set_cookie(task, &cookie, flags);
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

/* What a device keeps is its read-ahead and what else is set of its queue. */
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
	/* udev or an indexer may look into the device at this moment */
	dm_task_retry_remove(task);
	if (!dm_task_set_cookie(task, &cookie, 0)) {
		dm_task_destroy(task);
		return refuse(error, "cannot remove '%s': %s", name, last_log);
	}
	return run(task, "remove", name, error);
}

/*
 * By itself it would remove a device that is closed. And libdevmapper removes the node
 * in /dev/mapper of one that is not.
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

/* In its three steps, so that a failure keeps its own errno. */
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

/* One of its own for each who waits. */
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

static bool udevd_listens(void)
{
	struct sockaddr_un address = { AF_UNIX, UDEV_SOCKET };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
			0);
	bool listens;

	if (fd < 0)
		return true;
	listens = !connect(fd, (struct sockaddr *)&address, sizeof(address)) ||
		  (errno != ECONNREFUSED && errno != ENOENT);
	close(fd);
	return listens;
}

int kdm_udev_begin(struct error *error)
{
	*last_log = '\0';
	cookie = 0;
	dm_udev_set_sync_support(udevd_listens());
	if (!dm_udev_create_cookie(&cookie))
		return refuse(error, "cannot get a semaphore to wait for udev: %s",
			      last_log);
	return 0;
}

void kdm_udev_none(void)
{
	cookie = 0;
	dm_udev_set_sync_support(0);
}

static bool wait_some(void)
{
	const struct timespec pause = { .tv_nsec = UDEV_POLL_MS * 1000000 };
	int ready = 0;
	int i;

	for (i = 0; i < UDEV_WAIT_MS / UDEV_POLL_MS; i++) {
		if (!dm_udev_wait_immediate(cookie, &ready) || ready)
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

int kdm_drop_cookie(uint32_t which, struct error *error)
{
	int id = semget((key_t)which, 1, 0);

	if (id >= 0 && semctl(id, 0, IPC_RMID) && errno != EIDRM)
		return refuse(error, "cannot remove the semaphore 0x%08x: %s",
			      which, strerror(errno));
	return 0;
}

/* Who was the last to touch it is gone, nobody waits, and it is of old. */
static bool is_stale(int id)
{
	struct semid_ds info;
	time_t touched;
	int pid;

	if (semctl(id, 0, IPC_STAT, &info) || semctl(id, 0, GETZCNT) ||
	    semctl(id, 0, GETNCNT))
		return false;
	touched = info.sem_otime > info.sem_ctime ? info.sem_otime :
						    info.sem_ctime;
	pid = semctl(id, 0, GETPID);
	if (pid > 0 && (!kill(pid, 0) || errno == EPERM))
		return false;
	return time(NULL) - touched > UDEV_WAIT_MS / 1000;
}

int kdm_stale_cookies(uint32_t **cookies, size_t *nr, struct error *error)
{
	FILE *in = fopen("/proc/sysvipc/sem", "re");
	char *line = NULL;
	size_t room = 0;
	int key, id;

	*cookies = NULL;
	*nr = 0;
	if (!in)
		return refuse(error, "cannot list semaphores: %s",
			      strerror(errno));
	while (getline(&line, &room, in) > 0) {
		if (sscanf(line, "%d %d", &key, &id) != 2 ||
		    (uint32_t)key >> DM_UDEV_FLAGS_SHIFT != DM_COOKIE_MAGIC ||
		    !is_stale(id))
			continue;
		*cookies = more(*cookies, *nr, sizeof(**cookies));
		(*cookies)[(*nr)++] = key;
	}
	free(line);
	fclose(in);
	return 0;
}

/* A udevd that does not answer is said, and its semaphore is not left over. */
void kdm_udev_end(void)
{
	struct error ignored = { 0 };

	if (cookie && !wait_some()) {
		fprintf(stderr, "qdm: udev has not answered within %d seconds; going on without it (is systemd-udevd alive?)\n",
			UDEV_WAIT_MS / 1000);
		kdm_drop_cookie(cookie, &ignored);
		dm_udev_set_sync_support(0);
	}
	cookie = 0;
	dm_lib_release();
}

struct devno kdm_disk(struct devno devno)
{
	struct devno disk;
	char path[64];
	FILE *in;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/partition",
		 devno.major, devno.minor);
	if (access(path, F_OK))
		return devno;
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/../dev",
		 devno.major, devno.minor);
	in = fopen(path, "re");
	if (!in || fscanf(in, "%u:%u", &disk.major, &disk.minor) != 2)
		disk = devno;
	if (in)
		fclose(in);
	return disk;
}

static bool read_line(struct devno devno, const char *file, char *text,
		      size_t len)
{
	char path[96];
	bool there;
	FILE *in;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/%s", devno.major,
		 devno.minor, file);
	in = fopen(path, "re");
	there = in && fgets(text, len, in);
	if (in)
		fclose(in);
	if (there)
		text[strcspn(text, "\n")] = '\0';
	return there;
}

void kdm_identity(struct devno devno, struct kdm_identity *identity)
{
	char number[32];

	*identity = (struct kdm_identity){ 0 };
	if (!read_line(devno, "dm/uuid", identity->uuid,
		       sizeof(identity->uuid)))
		*identity->uuid = '\0';
	if (read_line(kdm_disk(devno), "diskseq", number, sizeof(number)))
		identity->diskseq = strtoull(number, NULL, 10);
}

bool kdm_is_direct(struct devno devno)
{
	char path[64];
	FILE *in;
	int byte;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/queue/dax",
		 devno.major, devno.minor);
	in = fopen(path, "re");
	byte = in ? fgetc(in) : '0';
	if (in)
		fclose(in);
	return byte == '1';
}
