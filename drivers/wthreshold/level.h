/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The rules of a write threshold, with no lock, clock or bio: when it fires,
 * that it fires once, and the high-water mark kept with it.
 *
 *	0 ........ mark ............ threshold ............. end of the device
 *	           ^ farthest end of  ^ a write that ends beyond fires
 *	             any write so far
 *
 * For every write, a caller first reads @alert without a lock; only a write
 * that ends beyond it can change anything and takes the lock to call
 * wt_level_write().
 *
 * The position of an append in its zone is known only when it completes. An
 * alarm may be early, but not late, so an append counts as one that fills its
 * zone, and every write to the zone that contains @alert is checked.
 */
#ifndef QDM_LEVEL_H
#define QDM_LEVEL_H

#include "pure.h"

enum wt_level_state { LEVEL_OFF, LEVEL_ARMED, LEVEL_FIRED };

/**
 * struct wt_level - a threshold and its state; all in bytes
 * @alert: a write that ends at or before this changes nothing
 * @threshold: a write that ends beyond this fires; 0 is off
 * @mark: the farthest end of any write
 * @rearm: after firing, the threshold advances in steps of this; 0 is off
 * @zone: the size of the device's zones, a power of two; 0 if it has none
 * @fired_at: the threshold that fired last
 * @amount: excess of the end of that write over @fired_at
 * @state: off, armed, or fired and not set again
 */
struct wt_level {
	u64 alert;
	u64 threshold;
	u64 mark;
	u64 rearm;
	u64 zone;
	u64 fired_at;
	u64 amount;
	enum wt_level_state state;
};

void wt_level_init(struct wt_level *level);
void wt_level_set(struct wt_level *level, u64 threshold);
void wt_level_set_zone(struct wt_level *level, u64 zone);
bool wt_level_write(struct wt_level *level, u64 offset, u64 len);
bool wt_level_append(struct wt_level *level, u64 offset, u64 len);
bool wt_level_fire_if_passed(struct wt_level *level);
const char *wt_level_state_name(const struct wt_level *level);

#endif /* QDM_LEVEL_H */
