/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whose turn it is, also when passes have gone round.
 */
#ifndef VECTORS_TURNS_H
#define VECTORS_TURNS_H

#include "qthrottle/turns.h"
#include "pure-case.h"

/* As group.c: the lowest goes next. @pass is of two who always wait and a third. */
static int turn_of(u64 *pass, int nr, u64 *last)
{
	int i, next = 0;

	for (i = 1; i < nr; i++)
		if (qt_comes_before(pass[i], pass[next]))
			next = i;
	*last = pass[next];
	pass[next] += QT_STRIDE;
	return next;
}

/* The third comes with @own when the others are at @from. */
static int gets_its_turns(u64 own, u64 from)
{
	u64 pass[3] = { from, from + QT_STRIDE / 2 }, last = from;
	int i, mine = 0;

	for (i = 0; i < 10; i++)
		turn_of(pass, 2, &last);
	pass[2] = qt_rejoin(own, last);
	for (i = 0; i < 30; i++)
		mine += turn_of(pass, 3, &last) == 2;
	return mine;
}

static int newcomers_have_their_turns(void)
{
	u64 from;
	int i;

	for (i = 0; i < 64; i++) {
		from = 1ULL << i;
		EXPECT(gets_its_turns(0, from) >= 10);
		EXPECT(gets_its_turns(0, from) <= 11);
		EXPECT(gets_its_turns(0, 0 - from) >= 10);
		EXPECT(gets_its_turns(from, 0 - from) >= 10);
		EXPECT(gets_its_turns(0 - from, from) >= 10);
	}
	EXPECT(gets_its_turns(0, (1ULL << 63) + 10 * QT_STRIDE) >= 10);
	return 0;
}

static int nobody_gains_by_coming_back(void)
{
	u64 pass[2] = { 0, 0 }, last = 0;
	int i, mine = 0;

	for (i = 0; i < 1000; i++) {
		mine += turn_of(pass, 2, &last);
		pass[1] = qt_rejoin(pass[1], last);
	}
	EXPECT(mine == 500);
	return 0;
}

static const struct pure_case turns_cases[] = {
	{ "who is new has turns at once, wherever the others stand",
	  newcomers_have_their_turns },
	{ "who comes back after each turn gains none",
	  nobody_gains_by_coming_back },
};

#endif /* VECTORS_TURNS_H */
