/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Order of turns. Each device has a pass, which advances with its turns, and
 * passes wrap at 2^64: within days if a device has a million turns a minute, so
 * it is not rare, but too rare for a test to wait for it. The arithmetic is
 * here alone, so that a test can start just before the wrap.
 */
#ifndef QDM_TURNS_H
#define QDM_TURNS_H

#include "pure.h"

/* Advance of a device of weight w: QT_STRIDE / w per request. */
#define QT_STRIDE	(1ULL << 32)

/* As jiffies: correct while the two are less than 2^63 apart. */
static inline bool qt_comes_before(u64 a, u64 b)
{
	return (s64)(a - b) < 0;
}

/**
 * qt_rejoin - pass of a device that had nothing waiting
 * @pass: its last pass
 * @last: pass of the device that had the last turn
 *
 * No device is ahead by more than a stride, unless it was idle for so long that
 * the others have wrapped, or it is new.
 */
static inline u64 qt_rejoin(u64 pass, u64 last)
{
	return pass - last > QT_STRIDE ? last : pass;
}

#endif /* QDM_TURNS_H */
