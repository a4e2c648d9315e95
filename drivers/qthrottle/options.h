/* SPDX-License-Identifier: GPL-2.0-only */
/* The words of a qthrottle line: QEMU's 19 limits and additional ones. */
#ifndef QDM_OPTIONS_H
#define QDM_OPTIONS_H

#include "args.h"
#include "bucket.h"

/**
 * struct qt_options - all options of a line
 * @limits: the group's limits
 * @weight: the device's share of them
 * @urgent: 0 if REQ_META and REQ_SWAP pass, 1 if they wait
 * @discard: 0 if a discard is one operation without bytes, 1 if it has bytes
 */
struct qt_options {
	struct qt_limits limits;
	u64 weight;
	u64 urgent;
	u64 discard;
};

/* The limits alone: the first QT_NR_LIMITS options. */
#define QT_NR_LIMITS	19
extern const struct qdm_opt_table qt_limit_table;
extern const struct qdm_opt_table qt_option_table;

int qt_limits_judge(const struct qt_limits *limits, struct qdm_why *why);

#endif /* QDM_OPTIONS_H */
