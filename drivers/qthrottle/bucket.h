/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The leaky bucket, by QEMU's rules and with no lock, clock or bio: the caller
 * passes the time. A request is poured in whole and the bucket leaks at the
 * limit; a request may proceed while the bucket is at most full, and is poured
 * in afterwards, so that one of any size proceeds and those behind it wait.
 *
 *	      request
 *	         |          avg  leaks out, units per second
 *	   |     v     |    size room for a burst: avg / 10, or max * length
 *	   |...........| <- size
 *	   |~~~~~~~~~~~| <- level: the next request waits until level <= size
 *	   |           |
 *	   +----. .----+
 *	         v avg
 *
 * A burst length above one second adds a second bucket, of size max / 10 and
 * leaking at max, so that a burst has a rate, too.
 *
 * Arithmetic: units are scaled by 10^9 * 2^13, so that the leak over a number
 * of nanoseconds is one multiplication and exact. A level is stored as the
 * point, on the scale of everything leaked so far, at which the bucket would be
 * empty: so passing time changes nothing stored, and a request moves one number
 * forward. In 128 bits no allowed level, limit or time can overflow or be
 * rounded; only iops-size makes fractions, which are cut at 10^-13 of an
 * operation. The time at which a bucket is empty saturates at 64 bits of
 * nanoseconds.
 *
 * Below the limits a bucket is mostly empty when the next request arrives. Such
 * a request always proceeds, and only its time and size must be kept: the
 * levels are computed only if another one arrives before the bucket can be
 * empty again.
 *
 * Unlike in QEMU, new limits do not empty a bucket: alternating two limits
 * would grant a new burst with each change. Its content stays, in bytes or
 * operations, and no waiting request must wait for more than before: a bucket
 * that was at most full is at most full in its new size. The excess is kept in
 * @claim, leaks like the rest, and counts again when a later change makes the
 * bucket larger. So whatever the changes, no more is admitted in any time than
 * the largest size and the highest rate allow.
 */
#ifndef QDM_BUCKET_H
#define QDM_BUCKET_H

#include "pure.h"

#define QT_VALUE_MAX	1000000000000000ULL
#define QT_LENGTH_MAX	4294967295ULL

/* Six buckets, in QEMU's order of validation. */
enum qt_bucket {
	QT_BPS_TOTAL,
	QT_BPS_READ,
	QT_BPS_WRITE,
	QT_OPS_TOTAL,
	QT_OPS_READ,
	QT_OPS_WRITE,
	QT_BUCKETS,
	QT_NONE = QT_BUCKETS,
};

enum qt_dir { QT_READ, QT_WRITE, QT_DIRS };

/**
 * struct qt_limit - a user's limits for one bucket
 * @avg: units per second, bytes or operations; 0 is unlimited
 * @max: units per second in a burst; 0 is unset
 * @length: maximum length of a burst at @max, in seconds
 */
struct qt_limit {
	u64 avg;
	u64 max;
	u64 length;
};

/**
 * struct qt_limits - all 19 limits
 * @bucket: per bucket
 * @op_size: a request of more bytes counts as several operations; 0 is off
 */
struct qt_limits {
	struct qt_limit bucket[QT_BUCKETS];
	u64 op_size;
};

typedef unsigned __int128 qt_wide;

/**
 * struct qt_level - one leaking level; see above for the scale
 * @empty: total leaked by the time this level is empty. The level is this less
 *	@rate * now, or 0 if that is negative
 * @claim: the same for content that a change of limits left out of @empty; used
 *	while it is the later of the two
 * @size: above this, requests wait
 * @gate: @size plus the leak of a nanosecond. QEMU waits whole nanoseconds,
 *	rounded down, so a request waits from here on
 * @rate: leak per nanosecond; 0 if there is no such level
 */
struct qt_level {
	qt_wide empty;
	qt_wide claim;
	qt_wide size;
	qt_wide gate;
	u64 rate;
};

/**
 * struct qt_pair - state of one of the six buckets
 * @idle_at: after this time it is certainly empty
 * @first_at: last time it was known to be empty, and poured into
 * @first: units poured in then; 0 if the levels are up to date
 * @one_ns: nanoseconds it takes to leak one unit, rounded down
 * @unit_ns: the same, times 2^32, rounded up
 * @pool: the bucket
 * @burst: the second one, for a burst length above 1 s; it leaks faster
 */
struct qt_pair {
	u64 idle_at;
	u64 first_at;
	u64 first;
	u64 one_ns;
	u64 unit_ns;
	struct qt_level pool;
	struct qt_level burst;
};

/**
 * struct qt_path - buckets that limit requests of one direction
 * @bps: the bucket of bytes that applies. Totals and limits of one direction
 *	exclude each other, so it is one; without a limit, the always empty one
 * @ops: the same for operations
 */
struct qt_path {
	struct qt_pair *bps;
	struct qt_pair *ops;
};

/**
 * struct qt_throttle - state of the six buckets; copy it by qt_copy()
 * @pair: the buckets, followed by the always empty one
 * @path: per direction, which of them apply
 * @op_size: a request of more bytes counts as several operations
 * @idle_size: a request of more bytes, or of none, must not use qt_admit_idle()
 */
struct qt_throttle {
	struct qt_pair pair[QT_BUCKETS + 1];
	struct qt_path path[QT_DIRS];
	u64 op_size;
	u64 idle_size;
};

void qt_limits_init(struct qt_limits *limits);
const char *qt_limits_check(const struct qt_limits *limits,
			    enum qt_bucket *culprit);
bool qt_limits_enabled(const struct qt_limits *limits);

void qt_config(struct qt_throttle *throttle, const struct qt_limits *limits);
void qt_change(struct qt_throttle *throttle, const struct qt_limits *limits,
	       u64 now);
void qt_copy(struct qt_throttle *to, struct qt_throttle *from);
bool qt_is_idle(const struct qt_throttle *throttle, u64 now);
u64 qt_wait(struct qt_throttle *throttle, enum qt_dir dir, u64 now,
	    enum qt_bucket *full);
void qt_account(struct qt_throttle *throttle, enum qt_dir dir, u64 bytes,
		u64 now);
void qt_account_drained(struct qt_throttle *throttle, enum qt_dir dir,
			u64 bytes, u64 now);
void qt_forgive(struct qt_throttle *throttle, u64 now);
bool qt_admit(struct qt_throttle *throttle, enum qt_dir dir, u64 bytes,
	      u64 now);
void qt_settle(struct qt_pair *pair);

/* The scale of a level, and its content, for tests of the internals. */
#define QT_RATE_SCALE	8192ULL
#define QT_UNIT		(1000000000ULL * QT_RATE_SCALE)

static inline qt_wide qt_in_level(const struct qt_level *level, u64 now)
{
	qt_wide leaked = (qt_wide)level->rate * now;

	return level->empty > leaked ? level->empty - leaked : 0;
}

/* Time in which @units leak, rounded down. */
static inline u64 qt_leak_ns(const struct qt_pair *pair, u64 units)
{
	return (qt_wide)units * pair->unit_ns >> 32;
}

static inline void qt_pour_first(struct qt_pair *pair, u64 units, u64 ns,
				 u64 now)
{
	pair->first_at = now;
	pair->first = units;
	pair->idle_at = now + ns;
}

/**
 * qt_admit_idle - pour a request in if the buckets are empty
 * @throttle: the buckets
 * @dir: read or write
 * @bytes: the request's size, less than 2^32
 * @now: the time in nanoseconds
 *
 * Hot path of every request far below the limits, hence inline.
 *
 * Return: true if it may proceed; if not, qt_admit() decides.
 */
static inline bool qt_admit_idle(struct qt_throttle *throttle, enum qt_dir dir,
				 u64 bytes, u64 now)
{
	struct qt_path *path = &throttle->path[dir];
	struct qt_pair *bps = path->bps, *ops = path->ops;

	if (unlikely(now <= bps->idle_at || now <= ops->idle_at ||
		     bytes - 1 >= throttle->idle_size))
		return false;
	qt_pour_first(bps, bytes, qt_leak_ns(bps, bytes), now);
	qt_pour_first(ops, 1, ops->one_ns, now);
	return true;
}

#endif /* QDM_BUCKET_H */
