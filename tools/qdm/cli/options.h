/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The options and words of a verb's command line; see options.c. */
#ifndef QDM_CLI_OPTIONS_H
#define QDM_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "kernel/dm.h"

#define WORDS_MAX	24

struct options {
	const char *word[WORDS_MAX];
	size_t nr;
	char name[KDM_NAME_LEN];	/* the node's name of a path in the first word */
	bool json;
	bool dry_run;
	bool wait;
	bool cancel_on_exit;
	bool once;
	bool repair;
	bool force;
	bool idle;
	bool now;
	bool cancel;
	bool stdio;
	bool man;
	bool udev;
	const char *group;
	const char *speed;
	const char *sync;
	const char *on_error;
	const char *node;
	const char *step;
	const char *reserve;
	const char *max;
	const char *per_hour;
	const char *discard;
	const char *socket;
};

/*
 * @known: the options of this verb, as "--json --group". -1 with the class ERROR_MISUSE
 * for another option, or a wrong number of values.
 */
int options_read(struct options *options, int argc, char **argv,
		 const char *known, struct error *error);
/* Is -h or --help among them? */
bool options_ask_help(int argc, char **argv);

/* For help: the name of the option's value, or NULL, and its effect. */
const char *option_value(const char *option);
const char *option_what(const char *option);

#endif /* QDM_CLI_OPTIONS_H */
