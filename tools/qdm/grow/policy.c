// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * When a volume has to grow. Two cases must be prevented: a writer that reaches the end
 * while the group has free space, and a volume that grows although it is not being
 * filled.
 *
 * Where a file system is mounted, only the file system has its free space: mkfs,
 * resize2fs and the placement of directories write at the very end of an empty one. So
 * it is queried, and the volume grows when less than the reserve is free. The threshold
 * only triggers the query: the free space below the offset "free - reserve" is at most
 * that much, so using up more than that requires a write beyond it. Writes that use up
 * no space may pass it, too; so after an event that required no growth, the threshold
 * is set again only after the time in which at most half of the free space beyond the
 * reserve can be written, where the reserve is two seconds' worth of writing.
 *
 * Elsewhere, under a virtual machine for instance, the mark is used: the volume grows
 * when a write has reached the reserve. But it does not while it has a file system that
 * is not mounted, nor for the programs that make or repair one, which read the device's
 * length and write within it: then any later write causes a check, and so does a mount.
 *
 * Remaining runaway growth is limited per hour: it counts growths between which less
 * than half a step was written.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/size.h"
#include "grow/policy.h"

#define DEFAULT_STEP	(1ull << 30)
#define NO_MAXIMUM	(1ull << 62)
#define SLACK		(8ull << 20)	/* the last block group may be too small to be used */
#define WAIT_MIN	200
#define WAIT_MAX	60000
#define WAIT_FOR_MOUNT	1000

static int read_word(const char *word, const char *where, uint64_t def,
		     uint64_t *value, struct error *error)
{
	if (!word || !strcmp(word, "-")) {
		*value = def;
		return 0;
	}
	if (read_size(word, value))
		return 0;
	return refuse(error, "%s: '%s' is no size: " SIZE_UNITS, where, word);
}

static int read_per_hour(const char *word, const char *where, int *value,
			 struct error *error)
{
	uint64_t number;

	*value = PER_HOUR_UNPAID;
	if (!word || !strcmp(word, "-"))
		return 0;
	*value = PER_HOUR_ANY;
	if (!strcmp(word, "any"))
		return 0;
	if (strspn(word, "0123456789") != strlen(word) ||
	    !read_size(word, &number) || !number || number > 100000)
		return refuse(error, "%s: '%s' is no number of growths per hour: 1 to 100000, or any",
			      where, word);
	*value = number;
	return 0;
}

int grow_check(const struct grow_policy *policy, const char *node,
	       const char *where, struct error *error)
{
	if (!policy->step)
		return refuse(error, "%s: the step for %s must be above 0",
			      where, node);
	if (!policy->reserve)
		return refuse(error, "%s: the reserve for %s must be above 0",
			      where, node);
	return 0;
}

static int read_words(char **word, const char *node, const char *where,
		      struct grow_policy *policy, struct error *error)
{
	if (word[4])
		return refuse(error, "%s: the line for %s has more than five words: node, step, maximum, reserve, growths per hour",
			      where, node);
	if (read_word(word[0], where, DEFAULT_STEP, &policy->step, error) ||
	    read_word(word[1], where, NO_MAXIMUM, &policy->maximum, error) ||
	    read_word(word[2], where, (policy->step + 1) / 2, &policy->reserve,
		      error) ||
	    read_per_hour(word[3], where, &policy->per_hour, error))
		return -1;
	return grow_check(policy, node, where, error);
}

int grow_read(const char *words, const char *node, const char *where,
	      struct grow_policy *policy, struct error *error)
{
	char *text = copy(words), *save = NULL;
	char *word[5] = { NULL };
	int result;
	int i;

	text[strcspn(text, "#")] = '\0';
	word[0] = strtok_r(text, " \t\r\n", &save);
	for (i = 1; i < 5 && word[i - 1]; i++)
		word[i] = strtok_r(NULL, " \t\r\n", &save);
	result = read_words(word, node, where, policy, error);
	free(text);
	return result;
}

char *grow_write(const struct grow_policy *policy)
{
	char maximum[24] = "-", per_hour[24] = "-";

	if (policy->maximum != NO_MAXIMUM)
		snprintf(maximum, sizeof(maximum), "%llu",
			 (unsigned long long)policy->maximum);
	if (policy->per_hour == PER_HOUR_ANY)
		snprintf(per_hour, sizeof(per_hour), "any");
	else if (policy->per_hour != PER_HOUR_UNPAID)
		snprintf(per_hour, sizeof(per_hour), "%d", policy->per_hour);
	return print("%llu %s %llu %s", (unsigned long long)policy->step,
		     maximum, (unsigned long long)policy->reserve, per_hour);
}

static struct grow_step arm(uint64_t threshold, uint64_t wait)
{
	if (wait > WAIT_MAX)
		wait = WAIT_MAX;
	return (struct grow_step){
		.act = GROW_ARM, .wait = wait,
		.threshold = threshold ? threshold : 1, /* 0 is off */
	};
}

bool grow_is_short(const struct grow_view *view,
		   const struct grow_policy *policy)
{
	uint64_t slack = policy->step / 2 < SLACK ? policy->step / 2 : SLACK;

	return view->has_fs && !view->fitted &&
	       view->fs_size + slack < view->size;
}

static struct grow_step decide_mounted(const struct grow_view *view,
				       const struct grow_policy *policy)
{
	uint64_t spare, wait;

	if (grow_is_short(view, policy))
		return (struct grow_step){ .act = GROW_FS };
	if (view->free < policy->reserve)
		return (struct grow_step){ .act = GROW_VOLUME };
	spare = view->free - policy->reserve;
	wait = (uint64_t)((double)spare / policy->reserve * 1000);
	return arm(spare, wait < WAIT_MIN ? WAIT_MIN : wait);
}

/* For a volume without a mounted file system. */
static struct grow_step decide_by_mark(const struct grow_view *view,
				       const struct grow_policy *policy)
{
	uint64_t place = view->size > policy->reserve ?
			 view->size - policy->reserve : 0;
	bool passed = view->mark > place;

	if (view->has_fs && view->users < USERS_UNSEEN)
		return arm(1, WAIT_FOR_MOUNT);
	if (passed && view->users != USERS_FITTING)
		return (struct grow_step){ .act = GROW_VOLUME };
	return arm(place, passed ? WAIT_MIN : 0);
}

struct grow_step grow_decide(const struct grow_view *view,
			     const struct grow_policy *policy)
{
	if (view->volume > view->size)
		return (struct grow_step){ .act = GROW_NODE };
	return view->mounted ? decide_mounted(view, policy) :
			       decide_by_mark(view, policy);
}

/* A count below the earlier one belongs to a node that was made again. */
bool grow_is_paid(const struct growth *last, uint64_t written,
		  const struct grow_policy *policy)
{
	return !last || written < last->written ||
	       written - last->written >= policy->step / 2;
}

uint64_t grow_pause(const struct growth *growth, size_t nr, uint64_t now,
		    bool paid, const struct grow_policy *policy)
{
	bool unpaid_only = policy->per_hour == PER_HOUR_UNPAID;
	size_t limit = unpaid_only ? GROW_UNPAID : policy->per_hour;

	if (policy->per_hour == PER_HOUR_ANY || (unpaid_only && paid))
		return 0;
	/* The latest are at the end: the first one to leave the hour is counted last. */
	while (nr-- && growth[nr].at + GROW_HOUR > now) {
		if (unpaid_only && growth[nr].paid)
			continue;
		if (!--limit)
			return growth[nr].at + GROW_HOUR - now;
	}
	return 0;
}
