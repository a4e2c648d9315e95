/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a write threshold must do: QEMU's rules, the mark, the steps.
 */
#ifndef VECTORS_LEVEL_H
#define VECTORS_LEVEL_H

#include "wthreshold/level.h"
#include "pure-case.h"

#define MIB(n)	((u64)(n) << 20)

static int level_is_off_at_first(void)
{
	struct wt_level level;

	wt_level_init(&level);
	EXPECT(level.state == LEVEL_OFF);
	EXPECT(!wt_level_write(&level, 0, U64_MAX));
	EXPECT(level.mark == U64_MAX);
	return 0;
}

static int level_before_at_and_past(void)
{
	struct wt_level level;

	wt_level_init(&level);
	wt_level_set(&level, MIB(4));
	EXPECT(!wt_level_write(&level, 1024, 1024));
	EXPECT(!wt_level_write(&level, MIB(4) - 512, 512));
	EXPECT(level.state == LEVEL_ARMED && level.threshold == MIB(4));
	EXPECT(wt_level_write(&level, MIB(4) - 1024, 2048));
	EXPECT(level.amount == 1024 && level.fired_at == MIB(4));
	EXPECT(level.state == LEVEL_FIRED && level.threshold == 0);
	return 0;
}

static int level_one_sector_past(void)
{
	struct wt_level level;

	wt_level_init(&level);
	wt_level_set(&level, MIB(4));
	EXPECT(wt_level_write(&level, MIB(4), 512));
	EXPECT(level.amount == 512);
	return 0;
}

static int level_far_past(void)
{
	struct wt_level level;

	wt_level_init(&level);
	wt_level_set(&level, MIB(4));
	EXPECT(wt_level_write(&level, MIB(400), 4096));
	EXPECT(level.amount == MIB(396) + 4096);
	return 0;
}

static int level_fires_once(void)
{
	struct wt_level level;

	wt_level_init(&level);
	wt_level_set(&level, 512);
	EXPECT(wt_level_write(&level, 0, 1024));
	EXPECT(!wt_level_write(&level, 0, 1024));
	EXPECT(!wt_level_write(&level, MIB(1), 1024));
	wt_level_set(&level, 512);
	EXPECT(wt_level_write(&level, 0, 1024));
	return 0;
}

static int level_last_set_wins(void)
{
	struct wt_level level;

	wt_level_init(&level);
	wt_level_set(&level, MIB(4));
	wt_level_set(&level, MIB(15));
	EXPECT(level.threshold == MIB(15));
	EXPECT(!wt_level_write(&level, MIB(5), 512));
	wt_level_set(&level, 0);
	EXPECT(level.state == LEVEL_OFF);
	EXPECT(!wt_level_write(&level, MIB(20), 512));
	return 0;
}

static int level_wraps_at_2_64(void)
{
	struct wt_level level;

	wt_level_init(&level);
	wt_level_set(&level, U64_MAX - 1);
	EXPECT(wt_level_write(&level, U64_MAX - 511, 4096));
	EXPECT(level.amount == 1 && level.mark == U64_MAX);
	wt_level_set(&level, U64_MAX);
	EXPECT(!wt_level_write(&level, U64_MAX - 511, 4096));
	return 0;
}

static int level_alert_decides(void)
{
	struct wt_level level;

	wt_level_init(&level);
	EXPECT(level.alert == 0);
	wt_level_write(&level, 0, MIB(8));
	EXPECT(level.alert == MIB(8));
	wt_level_set(&level, MIB(2));
	EXPECT(level.alert == MIB(2));
	EXPECT(wt_level_write(&level, MIB(3), 512));
	EXPECT(level.alert == MIB(8));
	return 0;
}

static int level_mark_outlives_firing(void)
{
	struct wt_level level;

	wt_level_init(&level);
	wt_level_set(&level, MIB(1));
	wt_level_write(&level, MIB(6), MIB(1));
	wt_level_write(&level, 0, 512);
	EXPECT(level.mark == MIB(7));
	wt_level_set(&level, MIB(9));
	EXPECT(!wt_level_fire_if_passed(&level));
	wt_level_set(&level, MIB(5));
	EXPECT(wt_level_fire_if_passed(&level));
	EXPECT(level.amount == MIB(2));
	EXPECT(!wt_level_fire_if_passed(&level));
	return 0;
}

static int level_steps_on(void)
{
	struct wt_level level;

	wt_level_init(&level);
	level.rearm = MIB(2);
	wt_level_set(&level, MIB(2));
	EXPECT(wt_level_write(&level, MIB(2), 512));
	EXPECT(level.state == LEVEL_ARMED && level.threshold == MIB(4));
	EXPECT(!wt_level_write(&level, MIB(3), MIB(1)));
	EXPECT(wt_level_write(&level, MIB(8), 512));
	EXPECT(level.fired_at == MIB(4) && level.threshold == MIB(10));
	EXPECT(wt_level_write(&level, MIB(12), 0) == true);
	EXPECT(level.threshold == MIB(12));
	return 0;
}

static int level_steps_end_at_2_64(void)
{
	struct wt_level level;

	wt_level_init(&level);
	level.rearm = U64_MAX / 2;
	wt_level_set(&level, U64_MAX - 10);
	EXPECT(wt_level_write(&level, U64_MAX - 9, 5));
	EXPECT(level.state == LEVEL_FIRED && level.threshold == 0);
	return 0;
}

static int level_append_fills_its_zone(void)
{
	struct wt_level level;

	wt_level_init(&level);
	wt_level_set_zone(&level, MIB(4));
	wt_level_set(&level, MIB(9));
	EXPECT(!wt_level_append(&level, MIB(4), 4096));
	EXPECT(level.mark == MIB(8));
	EXPECT(wt_level_append(&level, MIB(8), 4096));
	EXPECT(level.amount == MIB(3) && level.mark == MIB(12));
	return 0;
}

static int level_alert_is_at_a_zone(void)
{
	struct wt_level level;

	wt_level_init(&level);
	wt_level_write(&level, 0, MIB(100));
	wt_level_set(&level, MIB(9));
	EXPECT(level.alert == MIB(9));
	wt_level_set_zone(&level, MIB(4));
	EXPECT(level.alert == MIB(8));
	wt_level_set_zone(&level, 0);
	EXPECT(level.alert == MIB(9));
	return 0;
}

static int level_names_its_states(void)
{
	struct wt_level level;

	wt_level_init(&level);
	EXPECT(wt_level_state_name(&level)[0] == 'o');
	wt_level_set(&level, 1);
	EXPECT(wt_level_state_name(&level)[0] == 'a');
	wt_level_write(&level, 0, 2);
	EXPECT(wt_level_state_name(&level)[0] == 'f');
	return 0;
}

static const struct pure_case level_cases[] = {
	{ "a threshold is off at first", level_is_off_at_first },
	{ "a write before or exactly at the threshold does not fire",
	  level_before_at_and_past },
	{ "a write that ends one sector past it fires", level_one_sector_past },
	{ "a write far past it says how far", level_far_past },
	{ "it fires once, and again when set again", level_fires_once },
	{ "the last setting wins, 0 turns it off", level_last_set_wins },
	{ "an end beyond 2^64 counts as 2^64 - 1", level_wraps_at_2_64 },
	{ "a write up to the alert changes nothing", level_alert_decides },
	{ "the mark outlives firing", level_mark_outlives_firing },
	{ "with rearm it steps past every write", level_steps_on },
	{ "steps end where 64 bits do", level_steps_end_at_2_64 },
	{ "an append counts as one that fills its zone",
	  level_append_fills_its_zone },
	{ "with zones the alert lies where one begins",
	  level_alert_is_at_a_zone },
	{ "its states have names", level_names_its_states },
};

#endif /* VECTORS_LEVEL_H */
