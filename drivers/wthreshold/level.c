// SPDX-License-Identifier: GPL-2.0-only
/*
 * See level.h. The test is QEMU's: strictly beyond, before the write is done,
 * regardless of its result, and then off until set again. The mark and the
 * steps are ours.
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

/* First step beyond @threshold that a write ending at @end does not pass. */
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
 * wt_level_init - off, with no writes yet
 * @level: the level
 */
void wt_level_init(struct wt_level *level)
{
	*level = (struct wt_level){ .state = LEVEL_OFF };
}

/**
 * wt_level_set - arm, or turn off with 0
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
 * wt_level_set_zone - set the size of the device's zones
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
 * @offset: first byte
 * @len: length; an end beyond 2^64 counts as 2^64 - 1
 *
 * Return: true if it fired; then @fired_at and @amount are set.
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
 * wt_level_append - account a zone append
 * @level: the level
 * @offset: start of the zone
 * @len: length of the write
 *
 * Return: as wt_level_write() for a write that fills the zone.
 */
bool wt_level_append(struct wt_level *level, u64 offset, u64 len)
{
	return wt_level_write(level, offset, level->zone ?: len);
}

/**
 * wt_level_fire_if_passed - fire immediately if the mark is beyond already
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
 * wt_level_state_name - name of the state for the status
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
