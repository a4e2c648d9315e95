/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When a volume has to grow; see policy.c. These functions are pure: the input is a
 * view of the state, the output a single step.
 */
#ifndef QDM_GROW_POLICY_H
#define QDM_GROW_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define GROW_HOUR	3600
#define GROW_UNPAID	16	/* growths an hour with too little written */

enum { PER_HOUR_ANY = 0, PER_HOUR_UNPAID = -1 };

/* A line's words: step, maximum, reserve, limit. */
struct grow_policy {
	uint64_t step;
	uint64_t maximum;
	uint64_t reserve;
	int per_hour;		/* a number of all growths, or one of those above */
};

/* The writers of a device that is not mounted. */
enum grow_users {
	USERS_NONE,
	USERS_FITTING,		/* programs like mkfs, which never write past the end */
	USERS_UNSEEN,		/* the kernel: another device, an export, a hidden mount */
	USERS_WRITING,
};

struct grow_view {
	uint64_t volume;	/* bytes of the volume, */
	uint64_t size;		/* and of the threshold's node */
	uint64_t mark;		/* the highest offset written */
	enum grow_users users;
	bool mounted;
	bool has_fs;		/* a known file system, mounted or not */
	bool fitted;		/* it was just grown to its possible size */
	uint64_t fs_size;
	uint64_t free;		/* if it is mounted */
};

enum grow_act {
	GROW_ARM,		/* only the threshold */
	GROW_NODE,		/* the volume is longer already */
	GROW_FS,
	GROW_VOLUME,
};

struct grow_step {
	enum grow_act act;
	uint64_t threshold;	/* of GROW_ARM, */
	unsigned int wait;	/* and the ms until the next check */
};

struct growth {
	uint64_t at;		/* seconds since the boot */
	uint64_t written;	/* total bytes written by then */
	bool paid;
};

/* Parses the words after the node's name: step, maximum, reserve, per hour. */
int grow_read(const char *words, const char *node, const char *where,
	      struct grow_policy *policy, struct error *error);
/* The inverse, for the caller to free. */
char *grow_write(const struct grow_policy *policy);
int grow_check(const struct grow_policy *policy, const char *node,
	       const char *where, struct error *error);

struct grow_step grow_decide(const struct grow_view *view,
			     const struct grow_policy *policy);
/* Is the file system so much shorter than its device that growing it is worthwhile? */
bool grow_is_short(const struct grow_view *view,
		   const struct grow_policy *policy);
/* Has enough been written since the last growth to justify this one? */
bool grow_is_paid(const struct growth *last, uint64_t written,
		  const struct grow_policy *policy);
/* Seconds until the limit allows another growth; 0 means now. */
uint64_t grow_pause(const struct growth *growth, size_t nr, uint64_t now,
		    bool paid, const struct grow_policy *policy);

#endif /* QDM_GROW_POLICY_H */
