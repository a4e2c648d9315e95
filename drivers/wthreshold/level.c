// SPDX-License-Identifier: GPL-2.0-only
/*
 * See level.h. The test is QEMU's: strictly beyond, before the write is done,
 * whatever its result, and then off until set again. The mark and the steps
 * are ours.
 */
#include "level.h"

static void set_alert(struct wt_level *level)
{
	u64 alert = level->mark;

	if (level->threshold && level->threshold < alert)
		alert = level->threshold;
	if (level->zone)
		alert &= ~(level->zone - 1);
	WRITE_ONCE(level->alert, alert);
}

/* The first step beyond @threshold that a write ending at @end has not passed. */
static u64 next_step(const struct wt_level *level, u64 end)
{
	u64 steps;

	if (!level->rearm)
		return 0;
	steps = (end - level->threshold - 1) / level->rearm + 1;
	if (steps > (U64_MAX - level->threshold) / level->rearm)
		return 0;
	return level->threshold + steps * level->rearm;
}

static bool fire_level(struct wt_level *level, u64 end)
{
	if (!level->threshold || end <= level->threshold)
		return false;
	level->amount = end - level->threshold;
	level->fired_at = level->threshold;
	level->threshold = next_step(level, end);
	level->state = level->threshold ? LEVEL_ARMED : LEVEL_FIRED;
	return true;
}

/**
 * wt_level_init - off, and nothing written yet
 * @level: the level
 */
void wt_level_init(struct wt_level *level)
{
	*level = (struct wt_level){ .state = LEVEL_OFF };
}

/**
 * wt_level_set - arm, or with 0 turn off
 * @level: the level
 * @threshold: in bytes; beyond the device's end is legal
 */
void wt_level_set(struct wt_level *level, u64 threshold)
{
	level->threshold = threshold;
	level->state = threshold ? LEVEL_ARMED : LEVEL_OFF;
	set_alert(level);
}

/**
 * wt_level_set_zone - say how large the device's zones are
 * @level: the level
 * @zone: in bytes, a power of two, or 0 for a device without zones
 */
void wt_level_set_zone(struct wt_level *level, u64 zone)
{
	level->zone = zone;
	set_alert(level);
}

/**
 * wt_level_write - account a write, write-zeroes or discard
 * @level: the level
 * @offset: where it begins
 * @len: how long it is; an end beyond 2^64 counts as 2^64 - 1
 *
 * Return: true if it fired; @fired_at and @amount then tell how.
 */
bool wt_level_write(struct wt_level *level, u64 offset, u64 len)
{
	u64 end = len > U64_MAX - offset ? U64_MAX : offset + len;
	bool fired = fire_level(level, end);

	if (end > level->mark)
		level->mark = end;
	set_alert(level);
	return fired;
}

/**
 * wt_level_append - account a write to wherever its zone has been written to
 * @level: the level
 * @offset: where the zone begins
 * @len: how long the write is
 *
 * Return: as wt_level_write(), which is told that it fills the zone.
 */
bool wt_level_append(struct wt_level *level, u64 offset, u64 len)
{
	return wt_level_write(level, offset, level->zone ?: len);
}

/**
 * wt_level_fire_if_passed - fire at once if the mark already lies beyond
 * @level: the level
 *
 * Return: true if it fired.
 */
bool wt_level_fire_if_passed(struct wt_level *level)
{
	bool fired = fire_level(level, level->mark);

	set_alert(level);
	return fired;
}

/**
 * wt_level_state_name - the state as the status prints it
 * @level: the level
 */
const char *wt_level_state_name(const struct wt_level *level)
{
	static const char * const names[] = {
		[LEVEL_OFF] = "off",
		[LEVEL_ARMED] = "armed",
		[LEVEL_FIRED] = "fired",
	};

	return names[level->state];
}
