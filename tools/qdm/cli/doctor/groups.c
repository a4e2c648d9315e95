// SPDX-License-Identifier: GPL-2.0-or-later
/* Throttle groups that were not completed. */
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "cli/doctor/check.h"
#include "cli/verbs.h"
#include "kernel/groups.h"

static void check_group(struct check *check, const char *name)
{
	bool bare = is_bare(name);

	if (group_is_adding(name))
		say(check, mend(check, name, end_adding),
		    bare ? "group '%s' has no limits yet: object-add was killed before it gave it any" :
			   "group '%s' is marked as being made: object-add was killed before it took the mark away",
		    name);
	else if (bare)
		say(check, check->options->idle ?
			   mend(check, name, group_remove) : NOTE,
		    "group '%s' has no limits and no members: it was not given any yet (object-del, or --repair --idle)",
		    name);
}

/* Markers of existing groups have been removed by now, if they are repaired. */
static bool has_group(const char *marker, char **groups, size_t nr)
{
	bool found = false;
	char *wanted;
	size_t i;

	for (i = 0; i < nr && !found; i++) {
		wanted = group_marker(groups[i]);
		found = !strcmp(wanted, marker);
		free(wanted);
	}
	return found;
}

static void check_markers(struct check *check, char **groups, size_t nr_groups)
{
	struct error error = { 0 };
	char **markers;
	size_t nr, i;

	if (groups_markers(&markers, &nr, &error))
		say(check, TROUBLE, "%s", error.text);
	for (i = 0; i < nr; i++) {
		if (!has_group(markers[i], groups, nr_groups))
			say(check, mend(check, markers[i], group_remove),
			    "'%s' in %s is left over: object-add was killed before it made the group",
			    markers[i], groups_dir());
		free(markers[i]);
	}
	free(markers);
}

void check_groups(struct check *check)
{
	struct error error = { 0 };
	char **names;
	size_t nr, i;

	if (groups_list(&names, &nr, &error))
		say(check, TROUBLE, "%s", error.text);
	for (i = 0; i < nr; i++)
		check_group(check, names[i]);
	check_markers(check, names, nr);
	for (i = 0; i < nr; i++)
		free(names[i]);
	free(names);
}
