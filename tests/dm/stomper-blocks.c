// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What every sector must hold. A stamp is the sector's number, the generation
 * of its content, words that follow from both, and a sum; so a sector says by
 * itself whether it is torn, misplaced or merely too old. Generation 0 is what
 * write-zeroes leaves. The upper half of a generation is the round's number.
 *
 * A sector has two generations: the one that is settled and the one that is on
 * its way, which differ while an operation is under way. Whoever operates on a
 * sector holds its lock. The instant of a backup is read from the suspended
 * device's origin, and each sector found there must be one of the two.
 *
 * What a discarded sector holds is the device's business: the old stamp or zero.
 * A target must hold what the origin did at the instant, all the same.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "stomper.h"

#define LOOSE		(UINT64_C(1) << 63)
#define MARK		UINT64_C(0x73746f6d70000000)
#define NUMBERS		UINT64_C(0xffffff)
#define UNTOUCHED	UINT64_C(0xa5a5a5a5a5a5a5a5)
#define GUARD		64
#define FAILED		UINT64_MAX

static uint64_t blocks;
static atomic_bool locked[MOST_SECTORS];
static _Atomic uint64_t settled[MOST_SECTORS];
static _Atomic uint64_t coming[MOST_SECTORS];
static uint64_t instant[MOST_SECTORS];
static uint64_t then[MOST_SECTORS]; /* which of the two it was, */
static uint64_t or_then[MOST_SECTORS]; /* or that one, if it fits as well */
static _Atomic uint64_t next_generation;

void *buffer_of(uint64_t sectors)
{
	void *data;

	if (posix_memalign(&data, 4096, sectors * SECTOR))
		die("no memory");
	return data;
}

uint64_t blocks_count(void)
{
	return blocks;
}

/*--------------------------------- stamps ----------------------------------*/

static void stamp(uint64_t *data, uint64_t sector, uint64_t gen)
{
	uint64_t word = (sector << 40 ^ gen) * UINT64_C(0x9e3779b97f4a7c15), sum;
	size_t i;

	data[0] = MARK | sector;
	data[1] = gen;
	sum = data[0] + gen;
	for (i = 2; i < WORDS - 1; i++) {
		word += UINT64_C(0x632be59bd9b4e019);
		data[i] = word;
		sum += word;
	}
	data[i] = sum;
}

static bool is_all(const uint64_t *data, uint64_t word)
{
	return data[0] == word && !memcmp(data, data + 1, SECTOR - sizeof(*data));
}

/* The generation of a whole stamp in its place, or FAILED */
static uint64_t generation_of(const uint64_t *data, uint64_t sector)
{
	uint64_t wanted[WORDS];

	if (is_all(data, 0))
		return 0;
	if (data[0] != (MARK | sector) || !data[1])
		return FAILED;
	stamp(wanted, sector, data[1]);
	return memcmp(data, wanted, SECTOR) ? FAILED : data[1];
}

static void name_torn(char *text, size_t size, const uint64_t *data,
		      uint64_t sector)
{
	uint64_t wanted[WORDS];
	size_t i = 0;

	stamp(wanted, sector, data[1]);
	while (data[i] == wanted[i])
		i++;
	snprintf(text, size, "generation %" PRIx64 ", torn from word %zu on: %016" PRIx64,
		 data[1], i, data[i]);
}

/* What is there, for a person */
static const char *name(const uint64_t *data, uint64_t sector)
{
	static _Thread_local char text[128];
	uint64_t gen = generation_of(data, sector);

	if (is_all(data, UNTOUCHED))
		return "what was there before the backup";
	if (!gen)
		return "zeroes";
	if (gen != FAILED)
		snprintf(text, sizeof(text), "generation %" PRIx64, gen);
	else if (data[0] == (MARK | sector))
		name_torn(text, sizeof(text), data, sector);
	else if ((data[0] & ~NUMBERS) == MARK)
		snprintf(text, sizeof(text), "generation %" PRIx64 " of block %" PRIu64,
			 data[1], (data[0] & NUMBERS));
	else
		snprintf(text, sizeof(text), "no stamp: %016" PRIx64, data[0]);
	return text;
}

static bool fits(uint64_t state, uint64_t gen)
{
	return gen == (state & ~LOOSE) || (!gen && (state & LOOSE));
}

/*------------------------- for those who trample ---------------------------*/

bool blocks_take(uint64_t first, uint64_t nr)
{
	uint64_t i;

	for (i = 0; i < nr; i++)
		if (atomic_exchange(&locked[first + i], true))
			break;
	if (i == nr)
		return true;
	while (i--)
		atomic_store(&locked[first + i], false);
	return false;
}

/* What was on its way has arrived, or, if not @done, never set out. */
void blocks_leave(uint64_t first, uint64_t nr, bool done)
{
	uint64_t i;

	for (i = first; i < first + nr; i++) {
		if (done)
			atomic_store(&settled[i], coming[i]);
		else
			atomic_store(&coming[i], settled[i]);
		atomic_store(&locked[i], false);
	}
}

void blocks_stamp(uint64_t *data, uint64_t first, uint64_t nr)
{
	uint64_t i;

	for (i = 0; i < nr; i++) {
		coming[first + i] = atomic_fetch_add(&next_generation, 1);
		stamp(data + i * WORDS, first + i, coming[first + i]);
	}
}

void blocks_zero(uint64_t first, uint64_t nr)
{
	while (nr--)
		coming[first++] = 0;
}

void blocks_discard(uint64_t first, uint64_t nr)
{
	for (; nr--; first++)
		if (settled[first])
			coming[first] = settled[first] | LOOSE;
}

void blocks_check(const uint64_t *data, uint64_t first, uint64_t nr)
{
	uint64_t i;

	for (i = first; i < first + nr; i++, data += WORDS)
		if (!fits(settled[i], generation_of(data, i)))
			die("block %" PRIu64 " of the device: generation %" PRIx64
			    " expected, found %s", i, settled[i] & ~LOOSE,
			    name(data, i));
}

/*----------------------------- whole devices -------------------------------*/

static void move(bool in, const struct place *place, uint64_t *data,
		 uint64_t sectors)
{
	off_t from = place->start * SECTOR;
	size_t bytes = sectors * SECTOR;
	ssize_t done = in ? pread(place->fd, data, bytes, from) :
			    pwrite(place->fd, data, bytes, from);

	if (done != (ssize_t)bytes)
		die("%" PRIu64 " blocks from %" PRIu64 " on cannot be %s: %s", sectors,
		    place->start, in ? "read" : "written",
		    strerror(errno));
}

/* All that the origin holds, from then on: runs of stamps and runs of zeroes. */
void blocks_begin(uint64_t sectors, uint64_t round, const struct place *origin,
		  uint64_t *random)
{
	uint64_t *data = buffer_of(sectors);
	uint64_t i = 0, end;

	blocks = sectors;
	atomic_store(&next_generation, round << 32 | 1);
	while (i < sectors) {
		bool zero = !rnd(random, 4);

		for (end = i + 1 + rnd(random, 512); i < end && i < sectors; i++) {
			if (zero)
				memset(data + i * WORDS, 0, SECTOR);
			else
				blocks_stamp(data + i * WORDS, i, 1);
			settled[i] = zero ? 0 : coming[i];
			coming[i] = settled[i];
		}
	}
	move(false, origin, data, sectors);
	free(data);
}

/* Neither stamps nor zeroes, and somewhat more than the backup may touch */
void target_fill(const struct place *target)
{
	struct place place = { target->fd, target->start - GUARD };
	uint64_t *data = buffer_of(blocks + 2 * GUARD);

	memset(data, (int)(UNTOUCHED & 0xff), (blocks + 2 * GUARD) * SECTOR);
	move(false, &place, data, blocks + 2 * GUARD);
	free(data);
}

/*
 * An operation that had arrived before the suspend may not have been declared
 * so yet. What is on its way is looked at first: if it is declared between the
 * looks, it is what the second one finds. Both fit where a discarded sector,
 * found to be zero, is on its way to be zero, and then nobody can know which.
 */
static bool was_possible(uint64_t sector)
{
	uint64_t on_its_way = coming[sector], is = settled[sector];

	then[sector] = fits(is, instant[sector]) ? is : on_its_way;
	or_then[sector] = fits(on_its_way, instant[sector]) ? on_its_way : is;
	return fits(then[sector], instant[sector]);
}

/* The device is suspended. */
void instant_record(const struct place *origin)
{
	uint64_t *data = buffer_of(blocks), *p = data;
	uint64_t i;

	move(true, origin, data, blocks);
	for (i = 0; i < blocks; i++, p += WORDS) {
		instant[i] = generation_of(p, i);
		if (instant[i] == FAILED || !was_possible(i))
			die("block %" PRIu64 " of the suspended origin: generation %"
			    PRIx64 " or %" PRIx64 " expected, found %s", i,
			    settled[i] & ~LOOSE, coming[i] & ~LOOSE, name(p, i));
	}
	free(data);
}

/* Nobody tramples any more. */
void origin_check(const struct place *origin)
{
	uint64_t *data = buffer_of(blocks);

	move(true, origin, data, blocks);
	blocks_check(data, 0, blocks);
	free(data);
}

static void guard_check(const uint64_t *data, const char *where)
{
	int i;

	for (i = 0; i < GUARD; i++, data += WORDS)
		if (!is_all(data, UNTOUCHED))
			die("the target has been written to %s the backup, %d blocks on: %s",
			    where, i, name(data, 0));
}

/* Returns how many sectors have changed since. */
uint64_t target_check(const struct place *target, enum holds holds)
{
	struct place place = { target->fd, target->start - GUARD };
	uint64_t *data = buffer_of(blocks + 2 * GUARD);
	uint64_t *p = data + GUARD * WORDS;
	uint64_t i, changed = 0;
	bool differs;

	move(true, &place, data, blocks + 2 * GUARD);
	guard_check(data, "before");
	for (i = 0; i < blocks; i++, p += WORDS) {
		differs = settled[i] != then[i] && settled[i] != or_then[i];
		changed += differs;
		if (generation_of(p, i) == instant[i])
			continue;
		if (is_all(p, UNTOUCHED) &&
		    (holds == HOLDS_ANY || (holds == HOLDS_CHANGED && !differs)))
			continue;
		die("block %" PRIu64 " of the target: generation %" PRIx64
		    " expected, found %s; the origin is at %" PRIx64, i,
		    instant[i], name(p, i), settled[i] & ~LOOSE);
	}
	guard_check(p, "behind");
	free(data);
	return changed;
}
