/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whose turn comes first. Each device has a pass, which its turns move on, and
 * passes go round at 2^64: within days if a device has a million turns a
 * minute, so it is no rare thing, but too rare to be seen in a test that waits
 * for it. This is all there is to it, where a test can begin at the brim.
 */
#ifndef QDM_TURNS_H
#define QDM_TURNS_H

#include "pure.h"

/* A device of weight w moves on by QT_STRIDE / w per request. */
#define QT_STRIDE	(1ULL << 32)

/* As jiffies: right as long as the two are less than 2^63 apart. */
static inline bool qt_comes_before(u64 a, u64 b)
{
	return (s64)(a - b) < 0;
}

/**
 * qt_rejoin - where a device stands that has had nothing waiting
 * @pass: where it stood
 * @last: where the device stood that had the last turn
 *
 * Nobody is ahead by more than a stride, unless it has been away for so long
 * that the others have come round, or is new.
 */
static inline u64 qt_rejoin(u64 pass, u64 last)
{
	return pass - last > QT_STRIDE ? last : pass;
}

#endif /* QDM_TURNS_H */
