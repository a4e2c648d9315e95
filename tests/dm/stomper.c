// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Backups are slipped under a device that is trampled over, and what they hold
 * is compared with the instant of their insertion, stamp by stamp.
 *
 *   stomper FIRST ROUNDS SEED KIB DEVICE...
 *
 * plays that many rounds from number FIRST on, with a device of up to KIB. If
 * ROUNDS is negative, the one round FIRST that many times. Any of the DEVICEs
 * (two at least) is the origin of a round, the others are targets.
 *
 * What a round does, and the size and shape of everything in it, follows from
 * the seed and its number; the order in which the threads get their turns does
 * not. A round is one window on the origin, trampled from its beginning to its
 * end, and one or two backups of it, of which each comes in one of five ways.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "stomper.h"

#define MOST_DEVICES	16
#define ROOM		65	/* sectors before a target at least */
#define LINGERS_US	1000
#define GIVEN_UP	300000

/* How a backup ends */
enum way {
	FULL,		/* with everything copied */
	LATE_FULL,	/* so, but sync none until a reload */
	ON_DEMAND,	/* sync none, looked at when nobody writes any more */
	CANCELLED,
	TAKEN_AWAY,	/* by a table without it */
	WAYS
};

static const char *const way_names[] = { "full", "late full", "on demand",
					 "cancelled", "taken away" };

/* One round; @target and what follows are those of its current backup. */
struct round {
	uint64_t number;
	uint64_t random;
	uint64_t sectors;
	unsigned int origin;
	uint64_t origin_start;
	unsigned int target;
	uint64_t target_start;
	uint64_t cluster;
	enum way way;
};

static char **devices;
static unsigned int nr_devices;
static uint64_t most_sectors, seed;
static struct round now;
static char story[512];
static uint64_t counts[WAYS], changed;

void die(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fprintf(stderr, "stomper: round %llu: ",
		(unsigned long long)now.number);
	vfprintf(stderr, fmt, args);
	fprintf(stderr, "\n%s\nthis round, 50 times: STOMP_ROUND=%llu STOMP_ROUNDS=50 SEED=%llu\n",
		story, (unsigned long long)now.number,
		(unsigned long long)seed);
	va_end(args);
	fflush(NULL);
	dm_let_go();
	_exit(1);
}

uint64_t rnd(uint64_t *state, uint64_t below)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state % below;
}

static uint64_t draw(uint64_t below)
{
	return rnd(&now.random, below);
}

/*-------------------------------- devices ----------------------------------*/

static int open_device(unsigned int nr)
{
	int fd = open(devices[nr], O_RDWR | O_DIRECT | O_CLOEXEC);

	if (fd < 0)
		die("%s: %s", devices[nr], strerror(errno));
	return fd;
}

static void fill_target(void)
{
	struct place place = { .start = now.target_start };

	place.fd = open_device(now.target);
	target_fill(&place);
	close(place.fd);
}

static void check_target(enum holds holds)
{
	struct place place = { .start = now.target_start };

	place.fd = open_device(now.target);
	changed += target_check(&place, holds);
	close(place.fd);
}

static void with_origin(void (*what)(const struct place *))
{
	struct place place = { .start = now.origin_start };

	place.fd = open_device(now.origin);
	what(&place);
	close(place.fd);
}

/*--------------------------------- tables ----------------------------------*/

static void load_plain(void)
{
	char line[128];

	snprintf(line, sizeof(line), "%s %llu", devices[now.origin],
		 (unsigned long long)now.origin_start);
	dm_load(now.sectors, "linear", line);
}

static uint64_t draw_speed(void)
{
	return draw(3) ? 0 : now.sectors * SECTOR * (8 + draw(24));
}

static void load_backup(const char *sync)
{
	static const char *const zeroes[] = { "off", "on", "unmap" };
	static const unsigned int workers[] = { 1, 4, 16, 64 };
	char line[384];

	snprintf(line, sizeof(line),
		 "%s %llu %s %llu %llu 12 sync %s on-cbw-error %s max-workers %u speed %llu detect-zeroes %s cbw-timeout %u",
		 devices[now.origin], (unsigned long long)now.origin_start,
		 devices[now.target], (unsigned long long)now.target_start,
		 (unsigned long long)now.cluster, sync,
		 draw(2) ? "break-snapshot" : "break-guest-write",
		 workers[draw(4)], (unsigned long long)draw_speed(),
		 zeroes[draw(3)], draw(2) ? 0 : 1000);
	snprintf(story, sizeof(story), "%s backup, %llu sectors: %s",
		 way_names[now.way], (unsigned long long)now.sectors,
		 line);
	dm_load(now.sectors, "backupcow", line);
}

/*-------------------------------- the job ----------------------------------*/

struct status {
	char state[16];
	unsigned long long done, clusters;
	char error[32], snapshot[16];
	unsigned int inflight, writers;
};

static struct status ask(void)
{
	const char *line = dm_status();
	struct status s;

	if (sscanf(line, "%15s %llu/%llu %*s %31s %15s %*s %u %u", s.state,
		   &s.done, &s.clusters, s.error, s.snapshot, &s.inflight,
		   &s.writers) != 7)
		die("a status of its own kind: %s", line);
	return s;
}

static bool has_concluded(void)
{
	return !strcmp(ask().state, "concluded");
}

static bool has_nothing_in_flight(void)
{
	return !ask().inflight;
}

static void await(const char *what, bool (*reached)(void))
{
	int tries = 0;

	while (!reached()) {
		if (tries++ > GIVEN_UP)
			die("no end of waiting until it %s: %s", what,
			    dm_status());
		usleep(LINGERS_US);
	}
}

static void conclude(const char *error)
{
	struct status s;

	await("has concluded", has_concluded);
	s = ask();
	if (strcmp(s.snapshot, "intact") ||
	    (strcmp(s.error, error) && strcmp(s.error, "-")))
		die("it concluded with: %s", dm_status());
	if (!strcmp(s.error, "-") && s.done != s.clusters)
		die("it concluded too early: %s", dm_status());
}

/* A message may come too late. */
static void tell(const char *text)
{
	if (!dm_message(text) && strcmp(ask().state, "waiting") &&
	    !has_concluded())
		die("message %s refused: %s; %s", text, strerror(errno),
		    dm_status());
}

static void trample_on(void)
{
	threads_await(1 + draw(most_sectors / 256));
}

/*
 * The table may be loaded before or after the suspend. Nothing but a resume is
 * between the look at the origin and the backup.
 */
static void insert(void)
{
	bool sooner = draw(2);
	const char *sync = now.way == LATE_FULL || now.way == ON_DEMAND ?
			   "none" : "full";

	if (sooner) {
		load_backup(sync);
		trample_on();
	}
	dm_suspend(draw(SUSPEND_KINDS));
	if (!sooner)
		load_backup(sync);
	with_origin(instant_record);
	dm_resume();
}

static void reload(void (*load)(const char *), const char *sync)
{
	bool sooner = draw(2);

	if (sooner)
		load(sync);
	dm_suspend(draw(SUSPEND_KINDS));
	if (!sooner)
		load(sync);
	dm_resume();
}

static void load_plain_too(const char *sync)
{
	(void)sync;
	load_plain();
}

static void something_happens(const char *sync)
{
	switch (draw(5)) {
	case 0:
		reload(load_backup, sync);
		break;
	case 1:
		dm_suspend(draw(SUSPEND_KINDS));
		usleep(draw(2000));
		dm_resume();
		break;
	case 2:
		tell("pause");
		trample_on();
		tell("resume");
		break;
	case 3:
		tell("set-speed 0");
		break;
	}
	trample_on();
}

static void happen(const char *sync)
{
	uint64_t nr = draw(3);

	while (nr--)
		something_happens(sync);
}

/*--------------------------------- rounds ----------------------------------*/

static void finish_full(void)
{
	happen("full");
	conclude("-");
	check_target(HOLDS_ALL);
}

static void finish_late_full(void)
{
	happen("none");
	trample_on();
	reload(load_backup, "full");
	finish_full();
}

static void finish_on_demand(void)
{
	happen("none");
	threads_stop();
	await("has nothing in flight", has_nothing_in_flight);
	check_target(HOLDS_CHANGED);
	tell("cancel");
	conclude("ECANCELED");
	threads_start(dm_node(), 2 + draw(4), now.random);
}

static void finish_cancelled(void)
{
	happen("full");
	tell("cancel");
	trample_on();
	conclude("ECANCELED");
	check_target(HOLDS_ANY);
}

/* Until then the last copies may be on their way to the target. */
static bool is_forgotten(void)
{
	FILE *file = fopen("/sys/module/dm_backupcow/refcnt", "r");
	int users = -1;

	if (!file || fscanf(file, "%d", &users) != 1)
		die("/sys/module/dm_backupcow/refcnt: %s", strerror(errno));
	fclose(file);
	return !users;
}

static void finish_taken_away(void)
{
	happen("full");
	reload(load_plain_too, NULL);
	trample_on();
	await("is forgotten", is_forgotten);
	check_target(HOLDS_ANY);
}

/* From one to the next without a table in between, unless it is taken away */
static void one_backup(void)
{
	static void (*const finish[])(void) = {
		[FULL] = finish_full, [LATE_FULL] = finish_late_full,
		[ON_DEMAND] = finish_on_demand, [CANCELLED] = finish_cancelled,
		[TAKEN_AWAY] = finish_taken_away,
	};
	static const enum way ways[] = { FULL, FULL, FULL, LATE_FULL, ON_DEMAND,
					 CANCELLED, TAKEN_AWAY };
	static const uint64_t clusters[] = { 8, 8, 16, 64, 128, 128, 512, 2048,
					     4096, 131072 };

	now.way = ways[draw(7)];
	now.cluster = clusters[draw(10)];
	now.target_start = ROOM + draw(1000);
	snprintf(story, sizeof(story), "%s backup, not begun",
		 way_names[now.way]);
	fill_target();
	insert();
	finish[now.way]();
	counts[now.way]++;
}

static void next_target(void)
{
	do
		now.target = (now.target + 1) % nr_devices;
	while (now.target == now.origin);
}

static void begin_round(void)
{
	struct place origin;

	/* Numbers that follow one another are no random ones. */
	now.random = (seed << 32 ^ now.number ^ 0x5bf03635) *
			0x9e3779b97f4a7c15ULL | 1;
	draw(2);
	draw(2);
	now.origin = draw(nr_devices);
	now.target = draw(nr_devices);
	now.sectors = most_sectors / 16 + draw(most_sectors / 16 * 15);
	now.origin_start = draw(1000);
	origin.start = now.origin_start;
	origin.fd = open_device(now.origin);
	blocks_begin(now.sectors, now.number, &origin, &now.random);
	close(origin.fd);
}

static void play(uint64_t number)
{
	uint64_t backups;

	now.number = number;
	strcpy(story, "at its beginning");
	begin_round();
	load_plain();
	dm_resume();
	threads_start(dm_node(), 2 + draw(6), now.random);
	for (backups = 1 + draw(2); backups; backups--) {
		next_target();
		one_backup();
	}
	/* Nothing may be in the way of those who write when it goes. */
	reload(load_plain_too, NULL);
	trample_on();
	threads_stop();
	with_origin(origin_check);
}

static void tell_all(long rounds)
{
	int way;

	printf("%ld rounds of seed %llu, backups:", rounds,
	       (unsigned long long)seed);
	for (way = 0; way < WAYS; way++)
		printf(" %llu %s", (unsigned long long)counts[way],
		       way_names[way]);
	printf("; %llu sectors were overwritten under them\n",
	       (unsigned long long)changed);
	threads_tell();
}

int main(int argc, char **argv)
{
	long i, rounds;

	if (argc < 7 || argc > MOST_DEVICES) {
		fprintf(stderr, "usage: stomper FIRST ROUNDS SEED KIB DEVICE DEVICE...\n");
		return 64;
	}
	rounds = atol(argv[2]);
	seed = strtoull(argv[3], NULL, 10);
	most_sectors = strtoull(argv[4], NULL, 10) * 2;
	if (most_sectors < 512 || most_sectors > MOST_SECTORS)
		die("256 to %d KiB, not %s", MOST_SECTORS / 2, argv[4]);
	devices = argv + 5;
	nr_devices = argc - 5;
	dm_begin();
	for (i = 0; i < labs(rounds); i++)
		play(atol(argv[1]) + (rounds < 0 ? 0 : i));
	tell_all(labs(rounds));
	return rounds > 9 && !changed;
}
