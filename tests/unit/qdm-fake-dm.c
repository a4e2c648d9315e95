// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A device-mapper made of memory. It stands in for tools/qdm/kernel/dm*.c, so that
 * edits can be planned and run without a kernel that has device-mapper, and
 * so that each single step can be made to fail.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "graph/graph.h"
#include "qdm-fake-dm.h"
#include "qdm-fake-groups.h"

#define DEVICES	256

static struct fake {
	struct kdm_device device;
	struct kdm_table live;
	struct kdm_table loaded;
	char status[256];	/* empty: the table's words */
	char said[256];		/* all messages, each with a comma behind it */
	uint64_t diskseq;
} fakes[DEVICES];

static unsigned int next_minor;
static int fail_at;
static int die_at;
/* Whose memory this is; another process has to take what that one has left. */
static pid_t owner;
static bool is_heir;
static bool die_later;
static int heir_dies_at = -1;
static int heir_dies_first_at;
static int meddle_at;
static const char *meddled;
static const char *meddle_params;
static bool meddle_loads;
static bool meddle_suspends;
static const char *slow;
static uint64_t fake_len;
static bool suspend_on_failure;
static char changes[2048];
static uint32_t stale_cookie;
static struct devno direct;
/* Stands in for the kernel's one descriptor for events. */
static int poll_fd = -1;
static void (*when_armed)(int nr);
static int armed;
static uint64_t diskseq;
static void (*when_looked)(const char *name);
static int interrupt_at = -1;
static bool jobs_obey;

/* What processes share: the devices as text, with a number that each change raises. */
struct shared {
	unsigned int lock;
	unsigned int generation;
	volatile unsigned int hanging;
	int cookies;
	char hang[KDM_NAME_LEN];
	char text[1 << 18];
};

static struct shared *shared;
static unsigned int seen;
static int shared_poll_fd;

static void forget_devices(void)
{
	int i;

	for (i = 0; i < DEVICES; i++) {
		kdm_table_free(&fakes[i].live);
		kdm_table_free(&fakes[i].loaded);
	}
	memset(fakes, 0, sizeof(fakes));
	next_minor = 0;
}

void fake_reset(void)
{
	forget_devices();
	fail_at = -1;
	die_at = -1;
	heir_dies_first_at = -1;
	owner = getpid();
	meddle_at = -1;
	meddle_loads = false;
	slow = NULL;
	suspend_on_failure = false;
	stale_cookie = 0;
	direct = (struct devno){ 0 };
	poll_fd = -1;
	when_armed = NULL;
	when_looked = NULL;
	jobs_obey = false;
	*changes = '\0';
	if (shared) {
		munmap(shared, sizeof(*shared));
		close(shared_poll_fd);
	}
	shared = NULL;
}

static void save(FILE *out);
static void restore(FILE *in);

static void lock_shared(void)
{
	while (__atomic_test_and_set(&shared->lock, __ATOMIC_ACQUIRE))
		usleep(100);
}

static void unlock_shared(void)
{
	__atomic_clear(&shared->lock, __ATOMIC_RELEASE);
}

static void take_shared(void)
{
	FILE *in;

	lock_shared();
	if (shared->generation != seen) {
		seen = shared->generation;
		in = fmemopen(shared->text, strlen(shared->text) + 1, "r");
		restore(in);
		fclose(in);
	}
	unlock_shared();
}

static void give_shared(void)
{
	FILE *out;

	if (!shared)
		return;
	lock_shared();
	out = fmemopen(shared->text, sizeof(shared->text), "w");
	save(out);
	fclose(out);
	seen = ++shared->generation;
	unlock_shared();
}

void fake_share(void)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		abort();
	shared_poll_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	poll_fd = shared_poll_fd;
	give_shared();
}

void fake_hang(const char *name)
{
	snprintf(shared->hang, sizeof(shared->hang), "%s", name ? name : "");
}

bool fake_hangs(void)
{
	return shared->hanging;
}

/* False if a signal has ended it. */
static bool maybe_hang(const char *name)
{
	bool whole = true;

	if (!shared || strcmp(shared->hang, name))
		return true;
	shared->hanging++;
	while (whole && !strcmp(shared->hang, name))
		whole = !usleep(1000);
	shared->hanging--;
	return whole;
}

int fake_cookies(void)
{
	return shared->cookies;
}

void fake_interrupt_at(int nr)
{
	interrupt_at = nr;
}

/* A guard goes on with the devices of the process that was killed. */
static void inherit(void)
{
	const char *path = getenv("QDM_FAKE_STATE");

	if (shared)
		take_shared();
	if (owner == getpid() || !path)
		return;
	fake_restore(path);
	is_heir = true;
	die_at = heir_dies_at;
}

static struct fake *find(const char *name)
{
	int i;

	inherit();
	for (i = 0; i < DEVICES; i++)
		if (*fakes[i].device.name &&
		    !strcmp(fakes[i].device.name, name))
			return &fakes[i];
	return NULL;
}

static struct fake *add(const char *name, const char *uuid)
{
	struct fake *fake = fakes;

	while (*fake->device.name)
		fake++;
	snprintf(fake->device.name, KDM_NAME_LEN, "%s", name);
	snprintf(fake->device.uuid, KDM_UUID_LEN, "%s", uuid);
	fake->device.devno = (struct devno){ 253, next_minor++ };
	return fake;
}

static void fake_wake(void)
{
	const uint64_t one = 1;

	if (poll_fd >= 0 && write(poll_fd, &one, sizeof(one)) < 0)
		abort();
}

int kdm_poll_open(struct error *error)
{
	if (shared)
		return dup(shared_poll_fd);
	poll_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (poll_fd < 0)
		return refuse(error, "no eventfd");
	return poll_fd;
}

int kdm_poll_arm(int fd, struct error *error)
{
	uint64_t count;

	(void)error;
	if (read(fd, &count, sizeof(count)) < 0)
		count = 0;
	if (when_armed) {
		when_armed(armed++);
		fake_wake();
	}
	return 0;
}

void fake_when_armed(void (*act)(int nr))
{
	when_armed = act;
	armed = 0;
}

void fake_when_looked(void (*act)(const char *name))
{
	when_looked = act;
}

static void numbers(const struct kdm_table *table, struct devno **deps,
		    size_t *nr)
{
	struct devno devno;
	char *words, *word, *save = NULL;
	size_t i;

	for (i = 0; i < table->nr; i++) {
		words = copy(table->line[i].params);
		for (word = strtok_r(words, " ", &save); word;
		     word = strtok_r(NULL, " ", &save)) {
			if (sscanf(word, "%u:%u", &devno.major,
				   &devno.minor) != 2)
				continue;
			*deps = more(*deps, *nr, sizeof(**deps));
			(*deps)[(*nr)++] = devno;
		}
		free(words);
	}
}

static void open_below(const struct kdm_table *table)
{
	struct devno *deps = NULL;
	size_t nr = 0, i;
	int below;

	numbers(table, &deps, &nr);
	for (i = 0; i < nr; i++)
		for (below = 0; below < DEVICES; below++)
			if (*fakes[below].device.name && deps[i].major == 253 &&
			    fakes[below].device.devno.minor == deps[i].minor)
				fakes[below].device.open_count++;
	free(deps);
}

/* A table holds its devices open, and its group, from when it is loaded. */
static void count_openers(void)
{
	int at;

	for (at = 0; at < DEVICES; at++)
		fakes[at].device.open_count = 0;
	fake_groups_begin();
	for (at = 0; at < DEVICES; at++) {
		open_below(&fakes[at].live);
		open_below(&fakes[at].loaded);
		fake_groups_use(&fakes[at].live, &fakes[at].loaded);
	}
	fake_groups_end();
}

static void forget(struct fake *fake)
{
	kdm_table_free(&fake->live);
	kdm_table_free(&fake->loaded);
	memset(fake, 0, sizeof(*fake));
}

/* Those that are to go when nobody has them open any more. */
static void remove_deferred(void)
{
	int at = 0;

	count_openers();
	while (at < DEVICES) {
		if (!fakes[at].device.deferred || fakes[at].device.open_count) {
			at++;
			continue;
		}
		forget(&fakes[at]);
		count_openers();
		at = 0;
	}
}

static void note_change(void)
{
	remove_deferred();
	if (is_heir)
		fake_save(getenv("QDM_FAKE_STATE"));
	give_shared();
}

void fake_add(const char *name, const char *uuid, uint64_t len,
	      const char *type, const char *params)
{
	struct fake *fake = add(name, uuid);

	kdm_table_add(&fake->live, 0, len, type, params);
	fake->device.live = true;
	note_change();
}

void fake_swap(const char *name, uint64_t len, const char *params)
{
	struct kdm_table *table = &find(name)->live;

	kdm_table_free(table);
	kdm_table_add(table, 0, len, "linear", params);
	count_openers();
	fake_wake();
}

struct kdm_device *fake_device(const char *name)
{
	struct fake *fake = find(name);

	return fake ? &fake->device : NULL;
}

const char *fake_at(const char *number)
{
	unsigned int minor;
	int i;

	if (sscanf(number, "253:%u", &minor) != 1)
		return NULL;
	for (i = 0; i < DEVICES; i++)
		if (*fakes[i].device.name &&
		    fakes[i].device.devno.minor == minor)
			return fakes[i].device.name;
	return NULL;
}

struct kdm_table *fake_table(const char *name)
{
	return &find(name)->live;
}

void fake_status(const char *name, const char *status)
{
	struct fake *fake = find(name);

	snprintf(fake->status, sizeof(fake->status), "%s", status);
	fake->device.event_nr++;
	give_shared();
	fake_wake();
}

void fake_fail_at(int nr)
{
	fail_at = nr;
}

void fake_die_at(int nr)
{
	die_at = nr;
	owner = getpid();
}

void fake_die_later(bool yes)
{
	die_later = yes;
}

void fake_heir_dies_at(int nr)
{
	heir_dies_at = nr;
}

void fake_heir_dies_first_at(int nr)
{
	heir_dies_first_at = nr;
}

void fake_meddle_at(int nr, const char *name, const char *params)
{
	meddle_at = nr;
	meddled = name;
	meddle_params = params;
	fake_len = kdm_table_len(fake_table(name));
}

void fake_load_at(int nr, const char *name, const char *params, bool suspends)
{
	fake_meddle_at(nr, name, params);
	meddle_loads = true;
	meddle_suspends = suspends;
}

void fake_slow_suspend(const char *name)
{
	slow = name;
}

void fake_suspend_on_failure(void)
{
	suspend_on_failure = true;
}

void fake_leave_cookie(uint32_t cookie)
{
	stale_cookie = cookie;
}

void fake_make_direct(const char *name)
{
	direct = find(name)->device.devno;
}

const char *fake_log(void)
{
	return changes;
}

const char *fake_said(const char *name)
{
	return find(name)->said;
}

/* One line for the device and what it was told, one for each of its tables. */
static void save_table(FILE *out, const struct kdm_table *table)
{
	fprintf(out, "%llu\t%s\t%s\n",
		(unsigned long long)kdm_table_len(table),
		table->nr ? table->line[0].type : "",
		table->nr ? table->line[0].params : "");
}

static void save(FILE *out)
{
	int i;

	for (i = 0; i < DEVICES; i++) {
		if (!*fakes[i].device.name)
			continue;
		fprintf(out, "%s\t%s\t%s\t%s\t%d %u %u %d %d %d\n",
			fakes[i].device.name, fakes[i].device.uuid,
			fakes[i].said, fakes[i].status, i,
			fakes[i].device.event_nr, fakes[i].device.devno.minor,
			fakes[i].device.live, fakes[i].device.pending,
			fakes[i].device.suspended);
		save_table(out, &fakes[i].live);
		save_table(out, &fakes[i].loaded);
	}
}

void fake_save(const char *path)
{
	FILE *out = fopen(path, "w");

	if (!out)
		return;
	save(out);
	fclose(out);
}

static void maybe_die(void)
{
	const char *path = getenv("QDM_FAKE_STATE");

	if (die_at < 0 || die_at--)
		return;
	if (path)
		fake_save(path);
	kill(getpid(), SIGKILL);
}

static void note_table(struct fake *fake)
{
	note_change();
	fake_groups_resume(&fake->live);
}

static void restore_table(FILE *in, struct kdm_table *table)
{
	char *line = NULL, *at, *type;
	size_t room = 0;
	uint64_t len;

	if (getline(&line, &room, in) < 0)
		abort();
	at = line;
	len = strtoull(strsep(&at, "\t"), NULL, 10);
	type = strsep(&at, "\t");
	at[strcspn(at, "\n")] = '\0';
	if (*type)
		kdm_table_add(table, 0, len, type, at);
	free(line);
}

static void restore_device(FILE *in, char *at)
{
	const char *name = strsep(&at, "\t"), *uuid = strsep(&at, "\t");
	const char *said = strsep(&at, "\t"), *status = strsep(&at, "\t");
	int slot, live, pending, suspended;
	unsigned int event_nr, minor;
	struct fake *fake;

	if (sscanf(at, "%d %u %u %d %d %d", &slot, &event_nr, &minor, &live,
		   &pending, &suspended) != 6)
		abort();
	fake = &fakes[slot];
	snprintf(fake->device.name, KDM_NAME_LEN, "%s", name);
	snprintf(fake->device.uuid, KDM_UUID_LEN, "%s", uuid);
	snprintf(fake->said, sizeof(fake->said), "%s", said);
	snprintf(fake->status, sizeof(fake->status), "%s", status);
	fake->device.devno = (struct devno){ 253, minor };
	fake->device.event_nr = event_nr;
	fake->device.live = live;
	fake->device.pending = pending;
	fake->device.suspended = suspended;
	if (minor >= next_minor)
		next_minor = minor + 1;
	restore_table(in, &fake->live);
	restore_table(in, &fake->loaded);
}

static void restore(FILE *in)
{
	char *line = NULL;
	size_t room = 0;

	forget_devices();
	while (getline(&line, &room, in) > 0 && *line)
		restore_device(in, line);
	free(line);
	count_openers();
}

void fake_restore(const char *path)
{
	FILE *in = fopen(path, "r");

	fake_reset();
	if (!in)
		return;
	restore(in);
	fclose(in);
}

static void maybe_lose_heir(void)
{
	FILE *in;
	int pid;

	if (heir_dies_first_at < 0 || heir_dies_first_at--)
		return;
	in = fopen("/proc/thread-self/children", "r");
	if (in && fscanf(in, "%d", &pid) == 1 && !kill(pid, SIGKILL))
		waitid(P_PID, pid, NULL, WEXITED | WNOWAIT);
	if (in)
		fclose(in);
}

/* Somebody with dmsetup, who knows no lock. */
static void maybe_meddle(void)
{
	struct kdm_table *table;
	struct fake *fake;

	if (meddle_at < 0 || meddle_at--)
		return;
	fake = find(meddled);
	table = meddle_loads ? &fake->loaded : &fake->live;
	kdm_table_free(table);
	kdm_table_add(table, 0, fake_len, "linear", meddle_params);
	fake->device.pending |= meddle_loads;
	fake->device.suspended |= meddle_loads && meddle_suspends;
	count_openers();
}

static void is_done(void)
{
	if (die_later)
		maybe_die();
	if (meddle_loads)
		maybe_meddle();
}

static int change(const char *verb, const char *name, struct error *error)
{
	size_t used = strlen(changes);

	if (!meddle_loads)
		maybe_meddle();
	maybe_lose_heir();
	if (interrupt_at >= 0 && !interrupt_at--)
		raise(SIGINT);
	if (!die_later)
		maybe_die();
	if (fail_at >= 0 && !fail_at--)
		return refuse(error, "%s of %s was made to fail", verb, name);
	snprintf(changes + used, sizeof(changes) - used, "%s %s;", verb, name);
	return 0;
}

int fake_step(const char *verb, const char *name)
{
	struct error ignored = { 0 };

	return change(verb, name, &ignored);
}

int kdm_open(struct error *error)
{
	(void)error;
	return 0;
}

int kdm_list(char (**names)[KDM_NAME_LEN], size_t *nr, struct error *error)
{
	int i;

	(void)error;
	inherit();
	*names = NULL;
	*nr = 0;
	for (i = 0; i < DEVICES; i++) {
		if (!*fakes[i].device.name)
			continue;
		*names = more(*names, *nr, sizeof(**names));
		strcpy((*names)[(*nr)++], fakes[i].device.name);
	}
	return 0;
}

int kdm_find(const char *name, struct kdm_device *device, struct error *error)
{
	struct fake *fake = find(name);

	(void)error;
	if (!fake)
		return 0;
	if (when_looked)
		when_looked(name);
	*device = fake->device;
	return 1;
}

int kdm_deps(const char *name, struct devno **deps, size_t *nr,
	     struct error *error)
{
	(void)error;
	*deps = NULL;
	*nr = 0;
	numbers(&find(name)->live, deps, nr);
	return 0;
}

int kdm_loaded_deps(const char *name, struct devno **deps, size_t *nr,
		    struct error *error)
{
	(void)error;
	*deps = NULL;
	*nr = 0;
	numbers(&find(name)->loaded, deps, nr);
	return 0;
}

int kdm_table(const char *name, struct kdm_table *table, struct error *error)
{
	struct fake *fake = find(name);

	*table = (struct kdm_table){ 0 };
	if (!fake)
		return refuse(error, "there is no '%s'", name);
	kdm_table_copy(table, &fake->live);
	return 0;
}

int kdm_loaded(const char *name, struct kdm_table *table, struct error *error)
{
	struct fake *fake = find(name);

	*table = (struct kdm_table){ 0 };
	if (!fake)
		return refuse(error, "there is no '%s'", name);
	kdm_table_copy(table, &fake->loaded);
	return 0;
}

/* As the kernel's begins: with the group. */
static char *throttle_status(const struct fake *fake)
{
	char group[64] = "-";

	sscanf(fake->live.line[0].params, "%*s %*s %63s", group);
	return print("%s 0 0 0 0 0 0 0 0 0 0 0 0 0 0", group);
}

int kdm_status(const char *name, struct kdm_table *table, struct error *error)
{
	struct fake *fake = find(name);

	if (kdm_table(name, table, error))
		return -1;
	if (!*fake->status && table->nr &&
	    !strcmp(table->line[0].type, "backupcow"))
		strcpy(fake->status, "running 0/10 0/100 - intact ok 0 0 0 0");
	if (!table->nr || (!*fake->status &&
			   strcmp(table->line[0].type, "qthrottle")))
		return 0;
	free(table->line[0].params);
	table->line[0].params = *fake->status ? copy(fake->status) :
						throttle_status(fake);
	return 0;
}

int kdm_look(const char *name, struct kdm_device *device,
	     struct kdm_table *table, struct error *error)
{
	*table = (struct kdm_table){ 0 };
	if (!kdm_find(name, device, error))
		return 0;
	return kdm_table(name, table, error) ? -1 : 1;
}

uint32_t kdm_read_ahead(const char *name)
{
	(void)name;
	return 256;
}

int kdm_need_target(const char *type, struct error *error)
{
	(void)type;
	(void)error;
	return 0;
}

static int change_of(const struct fake *fake, const char *verb,
		     const char *name, struct error *error)
{
	if (change(verb, name, error))
		return -1;
	if (!fake)
		return refuse(error, "cannot %s '%s': No such device or address",
			      verb, name);
	return 0;
}

/* As our targets do it when a table is loaded. */
static int check_room(const struct kdm_table *table, struct error *error)
{
	struct devno *deps = NULL;
	uint64_t room;
	int result = 0;
	size_t nr = 0;
	int i;

	numbers(table, &deps, &nr);
	for (i = 0; nr && i < DEVICES; i++) {
		room = kdm_table_len(&fakes[i].live);
		if (*fakes[i].device.name &&
		    same_devno(fakes[i].device.devno, deps[0]) &&
		    kdm_table_len(table) > room)
			result = refuse(error, "'%s' has %llu sectors, too few",
					fakes[i].device.name,
					(unsigned long long)room);
	}
	free(deps);
	return result;
}

int kdm_create(const char *name, const char *uuid,
	       const struct kdm_table *table, const struct kdm_how *how,
	       struct error *error)
{
	struct fake *fake;

	(void)how;
	if (change("create", name, error) || check_room(table, error))
		return -1;
	fake = add(name, uuid);
	maybe_die();	/* it is there and has no table */
	kdm_table_free(&fake->loaded);
	kdm_table_copy(&fake->loaded, table);
	fake->device.pending = true;
	maybe_die();	/* it has one that is not live */
	fake->live = fake->loaded;
	fake->loaded = (struct kdm_table){ 0 };
	fake->device.pending = false;
	fake->device.live = true;
	note_table(fake);
	is_done();
	return 0;
}

int kdm_load(const char *name, const struct kdm_table *table,
	     struct error *error)
{
	struct fake *fake = find(name);

	if (change_of(fake, "load", name, error) || check_room(table, error))
		return -1;
	kdm_table_free(&fake->loaded);
	kdm_table_copy(&fake->loaded, table);
	fake->device.pending = true;
	note_change();
	is_done();
	return 0;
}

/* In another process, whose changes are seen in a file alone. */
static void note_rescue(const char *verb, const char *name)
{
	const char *path = getenv("QDM_FAKE_RESCUE");
	FILE *out = path ? fopen(path, "a") : NULL;

	if (!out)
		return;
	fprintf(out, "%s %s;", verb, name);
	fclose(out);
}

int kdm_clear(const char *name, struct error *error)
{
	struct fake *fake = find(name);

	note_rescue("clear", name);
	if (change_of(fake, "clear", name, error))
		return -1;
	kdm_table_free(&fake->loaded);
	fake->device.pending = false;
	note_change();
	is_done();
	return 0;
}

static void go_on(struct fake *fake)
{
	bool swaps = fake->device.pending;

	fake->device.suspended = false;
	fake->device.pending = false;
	if (swaps) {
		kdm_table_free(&fake->live);
		fake->live = fake->loaded;
		fake->loaded = (struct kdm_table){ 0 };
	}
	if (swaps)
		note_table(fake);
	else
		note_change();
}

int kdm_resume(const char *name, const struct kdm_how *how,
	       struct error *error)
{
	struct fake *fake;

	(void)how;
	if (!maybe_hang(name))
		return refuse(error, "cannot resume '%s': %s", name,
			      strerror(EINTR));
	fake = find(name);
	if (change_of(fake, "resume", name, error)) {
		if (fake)
			fake->device.suspended = suspend_on_failure;
		return -1;
	}
	go_on(fake);
	is_done();
	return 0;
}

int kdm_remove(const char *name, struct error *error)
{
	struct fake *fake = find(name);

	if (change_of(fake, "remove", name, error))
		return -1;
	forget(fake);
	note_change();
	is_done();
	return 0;
}

int kdm_rename(const char *name, const char *to, const struct kdm_how *how,
	       struct error *error)
{
	struct fake *fake = find(name);

	(void)how;
	if (change_of(fake, "rename", name, error))
		return -1;
	if (find(to))
		return refuse(error, "cannot rename '%s': Device or resource busy",
			      name);
	snprintf(fake->device.name, KDM_NAME_LEN, "%s", to);
	note_change();
	is_done();
	return 0;
}

/* What the guard has done is in a file only: its devices are a copy of ours. */
static void take_rescue(const char *done)
{
	const char *name = strchr(done, ' ') + 1;
	struct fake *fake = find(name);

	if (!strncmp(done, "clear ", strlen("clear "))) {
		kdm_table_free(&fake->loaded);
		fake->device.pending = false;
		count_openers();
	} else if (fake->device.suspended) {
		go_on(fake);
	}
}

/* Until the guard has lost patience and ended, however long that takes. */
static void suspend_slowly(void)
{
	siginfo_t info;
	const char *path = getenv("QDM_FAKE_RESCUE");
	char text[512] = "", *save = NULL, *done;
	FILE *in;

	waitid(P_ALL, 0, &info, WEXITED | WNOWAIT);
	in = fopen(path, "r");
	if (!in)
		return;
	text[fread(text, 1, sizeof(text) - 1, in)] = '\0';
	fclose(in);
	for (done = strtok_r(text, ";", &save); done;
	     done = strtok_r(NULL, ";", &save))
		take_rescue(done);
}

int kdm_suspend(const char *name, struct error *error)
{
	if (change("suspend", name, error))
		return -1;
	find(name)->device.suspended = true;
	note_change();
	if (slow && !strcmp(slow, name))
		suspend_slowly();
	is_done();
	return 0;
}

void kdm_rescue(const char *name)
{
	struct fake *fake = find(name);

	note_rescue("rescue", name);
	maybe_die();
	if (fake)
		go_on(fake);
}

/* These two are no changes of the graph, and cannot fail. */
int kdm_defer(const char *name, struct error *error)
{
	struct fake *fake = find(name);

	(void)error;
	if (fake && fake->device.open_count)
		fake->device.deferred = true;
	give_shared();
	return 0;
}

int kdm_keep(const char *name, struct error *error)
{
	struct fake *fake = find(name);

	(void)error;
	if (fake)
		fake->device.deferred = false;
	give_shared();
	return 0;
}

void fake_jobs_obey(void)
{
	jobs_obey = true;
}

static void take_speed(const char *name, const char *speed)
{
	struct kdm_line *line = &find(name)->live.line[0];
	char *at = strstr(line->params, " speed ");
	char *params;

	if (!at)
		return;
	params = print("%.*s speed %s%s", (int)(at - line->params), line->params,
		       speed, at + strlen(" speed ") +
		       strspn(at + strlen(" speed "), "0123456789"));
	free(line->params);
	line->params = params;
	give_shared();
}

static void obey(const char *name, const char *text)
{
	static const char * const states[][2] = {
		{ "pause", "paused 0/10 0/100 - intact ok 0 0 0 0" },
		{ "resume", "running 0/10 0/100 - intact ok 0 0 0 0" },
		{ "cancel", "concluded 0/10 0/100 ECANCELED intact ok 0 0 0 0" },
	};
	size_t i;

	for (i = 0; i < sizeof(states) / sizeof(*states); i++)
		if (!strcmp(states[i][0], text))
			fake_status(name, states[i][1]);
	if (!strncmp(text, "set-speed ", strlen("set-speed ")))
		take_speed(name, text + strlen("set-speed "));
}

int kdm_message(const char *name, const char *text, struct error *error)
{
	char *both = print("%s %s", name, text);
	struct fake *fake = find(name);
	int result = change("message", both, error);
	size_t used = strlen(fake->said);

	if (!result && !strcmp(text, "@cancel_deferred_remove"))
		fake->device.deferred = false;
	else if (!result)
		snprintf(fake->said + used, sizeof(fake->said) - used, "%s,",
			 text);
	give_shared();
	if (!result && jobs_obey)
		obey(name, text);
	free(both);
	return result;
}

int kdm_udev_begin(struct error *error)
{
	(void)error;
	if (shared)
		shared->cookies++;
	return 0;
}

void kdm_udev_none(void)
{
}

void kdm_udev_end(void)
{
	if (shared)
		shared->cookies--;
}

int kdm_stale_cookies(uint32_t **cookies, size_t *nr, struct error *error)
{
	(void)error;
	*nr = stale_cookie != 0;
	*cookies = more(NULL, 0, sizeof(**cookies));
	**cookies = stale_cookie;
	return 0;
}

int kdm_drop_cookie(uint32_t cookie, struct error *error)
{
	(void)error;
	if (cookie == stale_cookie)
		stale_cookie = 0;
	return 0;
}

/* Disks of 16 devices each, the first is the whole; ours have no partitions. */
void kdm_identity(struct devno devno, struct kdm_identity *identity)
{
	int i;

	*identity = (struct kdm_identity){ .diskseq = devno.major == 253 ? 0 :
							diskseq };
	for (i = 0; i < DEVICES; i++) {
		if (!*fakes[i].device.name || devno.major != 253 ||
		    fakes[i].device.devno.minor != devno.minor)
			continue;
		strcpy(identity->uuid, fakes[i].device.uuid);
		identity->diskseq = fakes[i].diskseq;
	}
}

void fake_replace(const char *name)
{
	find(name)->diskseq++;
	fake_wake();
}

void fake_diskseq(uint64_t seq)
{
	diskseq = seq;
}

struct devno kdm_disk(struct devno devno)
{
	if (devno.major == 8)
		devno.minor &= ~15;
	return devno;
}

bool kdm_is_direct(struct devno devno)
{
	return direct.major && same_devno(direct, devno);
}
