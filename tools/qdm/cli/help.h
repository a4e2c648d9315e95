/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Help on the command line; see help.c. */
#ifndef QDM_CLI_HELP_H
#define QDM_CLI_HELP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* One line of usage; a verb with several forms has several, one after the other. */
struct verb {
	const char *name;
	const char *usage;
	const char *what;
	int (*run)(int argc, char **argv);
};

void help_print(FILE *out, const struct verb *verbs, size_t nr);
/* One line a verb, for whom gives none. */
void help_print_short(FILE *out, const struct verb *verbs, size_t nr);
/* Options, values, names of limits and an example; false if there is no such verb. */
bool help_print_verb(FILE *out, const char *name, const struct verb *verbs,
		     size_t nr);
/* Are LIMIT=VALUE among the verb's words? */
bool help_takes_limits(const char *name);
/* The @at-th option in the usage of that verb. */
bool help_option(const char *name, unsigned int at, const struct verb *verbs,
		 size_t nr, char *text, size_t room);

#endif /* QDM_CLI_HELP_H */
