/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The leaky bucket, by QEMU's rules and with no lock, clock or bio: whoever
 * calls passes the time. A request is poured in whole and the bucket leaks at
 * the limit; a request may go while the bucket is not more than full, and is
 * poured in afterwards, so that one of any size goes and those behind it wait.
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
 * With a burst length above one second a second bucket stands beside it, of
 * size max / 10 and leaking at max, so that a burst has a rate, too.
 *
 * Arithmetic: a level is a whole number of units * 10^9 * 2^13 in 128 bits.
 * Then "rate * nanoseconds" is one multiplication without a division and
 * exact: no level, limit or time that is allowed can overflow or be rounded.
 * Only iops-size makes fractions, which are cut at 10^-13 of an operation.
 */
#ifndef QDM_BUCKET_H
#define QDM_BUCKET_H

#include "pure.h"

#define QT_VALUE_MAX	1000000000000000ULL
#define QT_LENGTH_MAX	4294967295ULL

/* Six buckets, in the order in which QEMU validates them. */
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
 * struct qt_limit - what a person sets for one bucket
 * @avg: units per second, bytes or operations; 0 is unlimited
 * @max: units per second in a burst; 0 is unset
 * @length: how long a burst at @max may last, in seconds
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
 * @level: what is in it
 * @size: above this, requests wait
 * @gate: @size and what leaks in a nanosecond. QEMU waits whole nanoseconds,
 *	rounded down, so a request waits from here on
 * @rate: what leaks per nanosecond; 0 if there is no such level
 * @when: the time at which @level was true
 */
struct qt_level {
	qt_wide level;
	qt_wide size;
	qt_wide gate;
	u64 rate;
	u64 when;
};

/**
 * struct qt_throttle - the six buckets at work
 * @pool: the buckets
 * @burst: the second buckets, for those with a burst length above 1 s
 * @bps: per direction, the bucket of bytes that applies, or QT_NONE. Totals
 *	and limits of one direction exclude each other, so it is one at most
 * @ops: the same for operations
 * @op_size: as in struct qt_limits
 */
struct qt_throttle {
	struct qt_level pool[QT_BUCKETS];
	struct qt_level burst[QT_BUCKETS];
	enum qt_bucket bps[QT_DIRS];
	enum qt_bucket ops[QT_DIRS];
	u64 op_size;
};

void qt_limits_init(struct qt_limits *limits);
const char *qt_limits_check(const struct qt_limits *limits);
bool qt_limits_enabled(const struct qt_limits *limits);

void qt_config(struct qt_throttle *throttle, const struct qt_limits *limits,
	       u64 now);
u64 qt_wait(struct qt_throttle *throttle, enum qt_dir dir, u64 now,
	    enum qt_bucket *full);
void qt_account(struct qt_throttle *throttle, enum qt_dir dir, u64 bytes,
		u64 now);
bool qt_admit(struct qt_throttle *throttle, enum qt_dir dir, u64 bytes,
	      u64 now);

/* The scale of a level, for tests that look inside. */
#define QT_RATE_SCALE	8192ULL
#define QT_UNIT		(1000000000ULL * QT_RATE_SCALE)

#endif /* QDM_BUCKET_H */
