/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the parts of the stomper share: stomper.c plays rounds, stomper-blocks.c
 * knows what each sector must hold, stomper-threads.c tramples, stomper-dm.c
 * speaks to device-mapper.
 */
#ifndef STOMPER_H
#define STOMPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SECTOR		512
#define WORDS		(SECTOR / sizeof(uint64_t))
#define MOST_SECTORS	8192

/* stomper.c */
__attribute__((noreturn, format(printf, 1, 2))) void die(const char *fmt, ...);
uint64_t rnd(uint64_t *state, uint64_t below);

/*
 * stomper-blocks.c. The sectors are those of the trampled device, counted from
 * its beginning. A device under it is a file and an offset.
 */
struct place {
	int fd;
	uint64_t start;
};

/* What a target must hold of the instant */
enum holds {
	HOLDS_ALL,	/* everything */
	HOLDS_CHANGED,	/* what has been overwritten; any of the rest */
	HOLDS_ANY,	/* any of it */
};

void *buffer_of(uint64_t sectors);
void blocks_begin(uint64_t sectors, uint64_t round, const struct place *origin,
		  uint64_t *random);
void target_fill(const struct place *target);
void instant_record(const struct place *origin);
void origin_check(const struct place *origin);
uint64_t target_check(const struct place *target, enum holds holds);

bool blocks_take(uint64_t first, uint64_t nr);
void blocks_leave(uint64_t first, uint64_t nr, bool done);
void blocks_stamp(uint64_t *data, uint64_t first, uint64_t nr);
void blocks_zero(uint64_t first, uint64_t nr);
void blocks_discard(uint64_t first, uint64_t nr);
void blocks_check(const uint64_t *data, uint64_t first, uint64_t nr);
uint64_t blocks_count(void);

/* stomper-threads.c */
void threads_start(const char *device, unsigned int nr, uint64_t seed);
void threads_await(uint64_t operations);
void threads_stop(void);
void threads_tell(void);

/* stomper-dm.c: all on the one device that is trampled */
enum { SUSPEND_NOFLUSH = 1, SUSPEND_NOLOCKFS = 2, SUSPEND_KINDS = 4 };

void dm_begin(void);
const char *dm_node(void);
void dm_load(uint64_t sectors, const char *target, const char *line);
void dm_suspend(unsigned int how);
void dm_resume(void);
void dm_let_go(void);
bool dm_message(const char *text);
const char *dm_status(void);

#endif /* STOMPER_H */
