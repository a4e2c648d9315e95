// SPDX-License-Identifier: GPL-2.0-only
/*
 * The option table. Names, units, defaults and the text for lengths out of
 * range are those of QEMU's ThrottleLimits; a value too large for a rate is
 * left to qt_limits_check(), which has the text for it.
 */
#include <linux/kernel.h>

#include "group.h"
#include "options.h"

#define LIMIT(word, which, field, low, high, dflt, text) {		\
		.name = word,						\
		.offset = offsetof(struct qt_options,			\
				   limits.bucket[which].field),		\
		.min = low, .max = high, .def = dflt,			\
		.range_text = text,					\
	}

#define LENGTH_TEXT(word)						\
	word "-max-length value must be in the range [0, 4294967295]"

/* The average, the burst rate and the burst length of one bucket. */
#define BUCKET(word, which)						\
	LIMIT(word, which, avg, 0, U64_MAX, 0,				\
	      "bps/iops/max values must be within [0, 1000000000000000]"), \
	LIMIT(word "-max", which, max, 0, U64_MAX, 0,			\
	      "bps/iops/max values must be within [0, 1000000000000000]"), \
	LIMIT(word "-max-length", which, length, 0, QT_LENGTH_MAX, 1,	\
	      LENGTH_TEXT(word))

static const char * const urgent_words[] = { "pass", "wait", NULL };

static const struct qdm_opt options[] = {
	BUCKET("bps-total", QT_BPS_TOTAL),
	BUCKET("bps-read", QT_BPS_READ),
	BUCKET("bps-write", QT_BPS_WRITE),
	BUCKET("iops-total", QT_OPS_TOTAL),
	BUCKET("iops-read", QT_OPS_READ),
	BUCKET("iops-write", QT_OPS_WRITE),
	{
		.name = "iops-size",
		.offset = offsetof(struct qt_options, limits.op_size),
		.max = S64_MAX,
	}, {
		.name = "weight",
		.offset = offsetof(struct qt_options, weight),
		.min = QT_WEIGHT_MIN,
		.max = QT_WEIGHT_MAX,
		.def = QT_WEIGHT_DEFAULT,
	}, {
		.name = "urgent",
		.offset = offsetof(struct qt_options, urgent),
		.words = urgent_words,
	},
};

const struct qdm_opt_table qt_limit_table = { options, QT_NR_LIMITS };
const struct qdm_opt_table qt_option_table = { options, ARRAY_SIZE(options) };
