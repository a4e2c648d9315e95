// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Hammers a device with writes while backups are made of it and its table is
 * changed at any time, by one task or by two at once. Each backup is either
 * intact, and then the destination is the instant of its guard's first resume,
 * or it is broken; and what leads nobody past it must not break it.
 *
 *   hammer ROUNDS SEED ORIGIN DESTINATION
 *
 * Two tasks load and resume tables of one device in any order, but not at the same moment:
 * device-mapper has no lock for what these two calls share. do_resume() reads the table that
 * it has put in place when another task may have freed it, which KASAN reports, and with
 * CONFIG_IMA, as Debian's kernels have it, a load and a resume may free the same measurement
 * twice, which slub_debug reports and any later allocation may die of.
 *
 *	dev	qguard on bak, or linear on root, or qguard on thr
 *	thr	qthrottle on bak, or on root
 *	bak	backupcow on root
 *	root	delay on ORIGIN: a read takes a while, a write does not, so that
 *		a read that is not waited for reads what was written after it
 *
 * All on device-mapper's ioctls: a round is a dozen of them and takes less than
 * a program takes to start.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define BYTES		(1024 * 1024)
#define SECTORS		(BYTES / 512)
#define BLOCK		4096
#define CLUSTERS	(BYTES / BLOCK)
#define READ_MS		2
#define GIVEN_UP	60000

enum device { ROOT, BAK, THR, DEV, DEVICES };

/* What happens to the device; the first ones must not break the backup. */
enum way {
	REST,
	STILL,
	AGAIN,
	BETWEEN,
	HARMLESS,
	PLAIN = HARMLESS,
	STEPS,
	BACK,
	BELOW,
	RACE,
	WAYS
};

static const char *const way_names[] = {
	"rest", "still", "again", "between", "plain", "steps", "back", "below",
	"race",
};

struct request {
	struct dm_ioctl head;
	union {
		struct {
			struct dm_target_spec spec;
			char line[512];
		} table;
		struct {
			uint64_t sector;
			char text[512];
		} message;
	};
};

static const char *const names[] = { "root", "bak", "thr", "dev" };
static unsigned int minors[DEVICES], dm_major;
static int control, origin, destination;
static char *instant, *found;
static uint64_t random_state;
static unsigned int round_nr;
static enum way way;
static volatile bool over;
static unsigned int intact[WAYS], broken[WAYS];

static __attribute__((noreturn, format(printf, 1, 2)))
void die(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fprintf(stderr, "hammer: round %u (%s): ", round_nr,
		way_names[way]);
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
	_exit(1);
}

static uint64_t rnd(uint64_t *state, uint64_t below)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state % below;
}

static uint64_t draw(uint64_t below)
{
	return rnd(&random_state, below);
}

/*-------------------------------- device-mapper ----------------------------*/

static pthread_mutex_t turn[DEVICES] = {
	PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER,
	PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER,
};

static int ask_in_turn(enum device nr, unsigned long command,
		       struct request *request)
{
	int result;

	pthread_mutex_lock(&turn[nr]);
	result = ioctl(control, command, request);
	pthread_mutex_unlock(&turn[nr]);
	return result;
}

static int ask(enum device nr, unsigned long command, struct request *request)
{
	struct dm_ioctl *head = &request->head;

	head->version[0] = DM_VERSION_MAJOR;
	head->data_size = sizeof(*request);
	head->data_start = offsetof(struct request, table);
	snprintf(head->name, sizeof(head->name), "%s", names[nr]);
	if (command == DM_TABLE_LOAD || command == DM_DEV_SUSPEND)
		return ask_in_turn(nr, command, request);
	return ioctl(control, command, request);
}

static void create(enum device nr)
{
	struct request request = { 0 };

	if (ask(nr, DM_DEV_CREATE, &request))
		die("cannot create %s: %s", names[nr], strerror(errno));
	minors[nr] = minor(request.head.dev);
	dm_major = major(request.head.dev);
}

static int try_load(enum device nr, const char *type, const char *line)
{
	struct request request = { .head.target_count = 1 };

	request.table.spec.length = SECTORS;
	snprintf(request.table.spec.target_type,
		 sizeof(request.table.spec.target_type), "%s", type);
	snprintf(request.table.line, sizeof(request.table.line), "%s", line);
	return ask(nr, DM_TABLE_LOAD, &request);
}

static int try_resume(enum device nr)
{
	struct request request = { 0 };

	return ask(nr, DM_DEV_SUSPEND, &request);
}

static void resume(enum device nr)
{
	if (try_resume(nr))
		die("cannot resume %s: %s", names[nr], strerror(errno));
}

static void suspend(enum device nr)
{
	struct request request = { .head.flags = DM_SUSPEND_FLAG };

	if (draw(2))
		request.head.flags |= DM_NOFLUSH_FLAG;
	if (ask(nr, DM_DEV_SUSPEND, &request))
		die("cannot suspend %s: %s", names[nr], strerror(errno));
}

/* Line of a target that maps to a device, with @more behind. */
static int try_load_on(enum device nr, const char *type, enum device lower,
		       const char *more)
{
	char line[300];

	snprintf(line, sizeof(line), "%u:%u 0%s", dm_major, minors[lower],
		 more);
	return try_load(nr, type, line);
}

static void load_on(enum device nr, const char *type, enum device lower,
		    const char *more)
{
	if (try_load_on(nr, type, lower, more))
		die("cannot load 0 %u %s on %s for %s: %s", SECTORS, type,
		    names[lower], names[nr], strerror(errno));
}

static void put_on(enum device nr, const char *type, enum device lower,
		   const char *more)
{
	load_on(nr, type, lower, more);
	resume(nr);
}

struct status {
	char state[16], error[32], snapshot[16], line[512];
	unsigned long long done;
};

static struct status status(void)
{
	struct request request = { 0 };
	struct status s;

	if (ask(BAK, DM_TABLE_STATUS, &request))
		die("no status: %s", strerror(errno));
	snprintf(s.line, sizeof(s.line), "%s", request.table.line);
	if (sscanf(s.line, "%15s %llu/%*u %*s %31s %15s", s.state, &s.done,
		   s.error, s.snapshot) != 4)
		die("a status of its own kind: %s", s.line);
	return s;
}

static bool has_concluded(void)
{
	return !strcmp(status().state, "concluded");
}

/*----------------------------------- writer --------------------------------*/

static void *write_on(void *arg)
{
	uint64_t state = random_state ^ 0x9e3779b97f4a7c15ULL, *block, nr = 0;
	char path[32];
	unsigned int i;
	int fd;

	(void)arg;
	snprintf(path, sizeof(path), "/dev/dm-%u", minors[DEV]);
	fd = open(path, O_WRONLY | O_DIRECT | O_CLOEXEC);
	if (fd < 0 || posix_memalign((void **)&block, BLOCK, BLOCK))
		die("%s: %s", path, strerror(errno));
	while (!over) {
		nr++;
		for (i = 0; i < BLOCK / sizeof(*block); i++)
			block[i] = nr;
		if (pwrite(fd, block, BLOCK, rnd(&state, CLUSTERS) * BLOCK) != BLOCK)
			die("write %llu: %s", (unsigned long long)nr,
			    strerror(errno));
	}
	close(fd);
	return NULL;
}

/*------------------------------------ ways ---------------------------------*/

static void *race(void *arg)
{
	bool plain = arg;
	uint64_t state = random_state + plain * 77 + 1;
	int i;

	for (i = 0; i < 4; i++) {
		usleep(rnd(&state, 1000));
		if (plain)
			try_load_on(DEV, "linear", ROOT, "");
		else
			try_load_on(DEV, "qguard", BAK, "");
		usleep(rnd(&state, 300));
		try_resume(DEV);
	}
	return NULL;
}

static void race_each_other(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, race, NULL))
		die("no thread");
	race((void *)1);
	pthread_join(thread, NULL);
	try_resume(DEV);
}

static void slip_between(void)
{
	put_on(THR, "qthrottle", BAK, " - 2 iops-total 100000");
	put_on(DEV, "qguard", THR, "");
}

static void happen(void)
{
	switch (way) {
	case STILL:
		suspend(DEV);
		usleep(draw(5000));
		resume(DEV);
		break;
	case AGAIN:
		put_on(DEV, "qguard", BAK, "");
		break;
	case BETWEEN:
		slip_between();
		usleep(draw(5000));
		put_on(DEV, "qguard", BAK, "");
		break;
	case PLAIN:
		put_on(DEV, "linear", ROOT, "");
		break;
	case STEPS:
		suspend(DEV);
		usleep(draw(5000));
		put_on(DEV, "linear", ROOT, "");
		break;
	case BACK:
		put_on(DEV, "linear", ROOT, "");
		usleep(draw(1000));
		put_on(DEV, "qguard", BAK, "");
		break;
	case BELOW:
		slip_between();
		put_on(THR, "qthrottle", ROOT, " - 2 iops-total 100000");
		break;
	case RACE:
		race_each_other();
		break;
	default:
		break;
	}
}

/*----------------------------------- rounds --------------------------------*/

static void transfer(ssize_t (*how)(int, void *, size_t, off_t), int fd,
		     char *data, const char *what)
{
	if (how(fd, data, BYTES, 0) != BYTES)
		die("%s: %s", what, strerror(errno));
}

static ssize_t write_at(int fd, void *data, size_t len, off_t at)
{
	return pwrite(fd, data, len, at);
}

static void begin(void)
{
	char more[200];

	memset(found, 0xee, BYTES);
	transfer(write_at, destination, found, "destination");
	snprintf(more, sizeof(more),
		 " %s 0 8 10 speed %u guard required share on on-cbw-error %s max-workers %u",
		 getenv("DESTINATION"), 8 * BYTES,
		 draw(2) ? "break-snapshot" : "break-guest-write",
		 draw(2) ? 1 : 16);
	put_on(BAK, "backupcow", ROOT, more);
	load_on(DEV, "qguard", BAK, "");
	suspend(DEV);
	transfer(pread, origin, instant, "origin");
	resume(DEV);
}

static void await_progress(void)
{
	unsigned long long done = draw(CLUSTERS + CLUSTERS / 4);
	unsigned int tries = 0;

	while (status().done < done && !has_concluded()) {
		if (tries++ > GIVEN_UP)
			die("it makes no progress: %s", status().line);
		usleep(200);
	}
}

static void await_end(void)
{
	struct request request = { 0 };
	unsigned int tries = 0;

	snprintf(request.message.text, sizeof(request.message.text),
		 "set-speed 0");
	ask(BAK, DM_TARGET_MSG, &request);
	while (!has_concluded()) {
		if (tries++ > GIVEN_UP)
			die("it does not end: %s", status().line);
		usleep(1000);
	}
}

static unsigned int differing(void)
{
	unsigned int i, nr = 0;

	for (i = 0; i < BYTES; i += BLOCK)
		nr += !!memcmp(instant + i, found + i, BLOCK);
	return nr;
}

static void judge(void)
{
	struct status s = status();

	if (!strcmp(s.snapshot, "intact") && !strcmp(s.error, "-")) {
		transfer(pread, destination, found, "destination");
		if (differing())
			die("it is called intact, and %u of %u clusters differ: %s",
			    differing(), CLUSTERS, s.line);
		intact[way]++;
	} else if (!strcmp(s.snapshot, "broken") && !strcmp(s.error, "ESTALE")) {
		if (way < HARMLESS)
			die("it is broken, though nothing was led past it: %s",
			    s.line);
		broken[way]++;
	} else {
		die("it ended otherwise: %s", s.line);
	}
}

static void end(void)
{
	put_on(DEV, "linear", ROOT, "");
	put_on(THR, "linear", ROOT, "");
	put_on(BAK, "backupcow", ROOT, " - 0 8");
}

static void play(void)
{
	way = draw(2) ? RACE : draw(WAYS);
	begin();
	await_progress();
	happen();
	await_end();
	judge();
	end();
}

static void set_up(char **argv)
{
	char line[128];
	int nr;

	control = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
	origin = open(argv[3], O_RDONLY | O_DIRECT | O_CLOEXEC);
	destination = open(argv[4], O_RDWR | O_DIRECT | O_CLOEXEC);
	setenv("DESTINATION", argv[4], 1);
	if (control < 0 || origin < 0 || destination < 0 ||
	    posix_memalign((void **)&instant, BLOCK, BYTES) ||
	    posix_memalign((void **)&found, BLOCK, BYTES))
		die("%s", strerror(errno));
	for (nr = 0; nr < DEVICES; nr++)
		create(nr);
	snprintf(line, sizeof(line), "%s 0 %u %s 0 0", argv[3], READ_MS,
		 argv[3]);
	if (try_load(ROOT, "delay", line))
		die("cannot load 0 %u delay %s: %s", SECTORS, line,
		    strerror(errno));
	resume(ROOT);
	end();
}

static void tell(void)
{
	unsigned int ends = 0, breaks = 0, i;

	for (i = 0; i < WAYS; i++) {
		printf("%-8s intact %4u  broken %4u\n", way_names[i], intact[i],
		       broken[i]);
		if (i >= HARMLESS)
			ends += intact[i];
		breaks += broken[i];
	}
	if (!ends || !breaks)
		die("of the dangerous rounds %u ended well and %u broken, both must occur",
		    ends, breaks);
}

int main(int argc, char **argv)
{
	unsigned int rounds;
	pthread_t thread;

	if (argc != 5) {
		fprintf(stderr, "usage: hammer ROUNDS SEED ORIGIN DESTINATION\n");
		return 1;
	}
	rounds = strtoul(argv[1], NULL, 0);
	random_state = strtoul(argv[2], NULL, 0) * 0x9e3779b97f4a7c15ULL | 1;
	draw(2);
	draw(2);
	set_up(argv);
	if (pthread_create(&thread, NULL, write_on, NULL))
		die("no thread");
	for (round_nr = 1; round_nr <= rounds; round_nr++)
		play();
	over = true;
	pthread_join(thread, NULL);
	tell();
	return 0;
}
