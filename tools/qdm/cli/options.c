// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Options as in every other program: getopt_long() reads them, before, between and
 * after the words, with their value as the next word or after "=", until "--". All
 * options of all verbs are in a single table, with their help text; each verb names
 * those it accepts.
 */
#include <getopt.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "cli/options.h"

struct option_kind {
	const char *name;
	const char *value;	/* the value's name in help; NULL for a flag */
	size_t offset;		/* of the bool or the const char * in struct options */
	const char *what;
};

#define FLAG(name, member, what) \
	{ name, NULL, offsetof(struct options, member), what }
#define VALUE(name, value, member, what) \
	{ name, value, offsetof(struct options, member), what }

static const struct option_kind kinds[] = {
	FLAG("json", json, "print JSON"),
	FLAG("dry-run", dry_run, "change nothing; print the commands as a script"),
	FLAG("wait", wait, "run until the backup has ended"),
	FLAG("cancel-on-exit", cancel_on_exit, "on SIGINT or SIGTERM cancel the backup"),
	FLAG("once", once, "print one sample"),
	FLAG("repair", repair, "repair the faults that can be repaired"),
	FLAG("force", force, "overwrite a destination that holds data"),
	FLAG("idle", idle, "with --repair: remove unused nodes and groups, too"),
	FLAG("now", now, "check now whether a volume has to grow"),
	FLAG("cancel", cancel, "cancel a running backup first"),
	FLAG("stdio", stdio, "serve one client on standard input and output"),
	FLAG("man", man, "in the format of man pages"),
	FLAG("udev", udev, "as called by udev's rules"),
	VALUE("group", "GROUP", group, "share the limits of that group"),
	VALUE("speed", "SIZE", speed, "copy at most that many bytes per second"),
	VALUE("sync", "full|none", sync, "copy everything (the default), or only overwritten clusters"),
	VALUE("on-cbw-error", "break-snapshot|break-guest-write", on_error,
	      "an error of the copy ends the backup (the default), or fails the write"),
	VALUE("node", "NAME", node, "the name of the new node"),
	VALUE("step", "SIZE", step, "grow by that much"),
	VALUE("reserve", "SIZE", reserve, "grow when less than that is free"),
	VALUE("max", "SIZE", max, "never grow beyond that size"),
	VALUE("per-hour", "NUMBER|any", per_hour, "growths in an hour at most"),
	VALUE("discard", "ops|bytes|ignore|count", discard,
	      "how discards count: ops or bytes for a throttle, ignore or count for a threshold"),
	VALUE("socket", "PATH", socket, "listen on that socket"),
};

#define KINDS	(sizeof(kinds) / sizeof(*kinds))
#define FIRST	256	/* what getopt_long() returns for it; letters are below */

static const struct option_kind *find_kind(const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < KINDS; i++)
		if (!strncmp(kinds[i].name, name, len) && !kinds[i].name[len])
			return &kinds[i];
	return NULL;
}

/* Of "--speed". */
static const struct option_kind *find_option(const char *option)
{
	option += strspn(option, "-");
	return find_kind(option, strlen(option));
}

const char *option_value(const char *option)
{
	const struct option_kind *kind = find_option(option);

	return kind ? kind->value : NULL;
}

const char *option_what(const char *option)
{
	const struct option_kind *kind = find_option(option);

	return kind ? kind->what : "";
}

/* What getopt_long() is to know, ended by zeroes. @longs has room for all. */
static void list_known(const char *known, struct option *longs)
{
	const struct option_kind *kind;
	size_t len, nr = 0;

	for (; *(known += strspn(known, " -")); known += len) {
		len = strcspn(known, " ");
		kind = find_kind(known, len);
		if (kind)
			longs[nr++] = (struct option){
				.name = kind->name,
				.has_arg = kind->value ? required_argument :
							 no_argument,
				.val = FIRST + (kind - kinds),
			};
	}
	longs[nr] = (struct option){ 0 };
}

static int add_word(struct options *options, const char *word,
		    struct error *error)
{
	if (options->nr == WORDS_MAX)
		return misuse(error, "'%s' is one word too many", word);
	options->word[options->nr++] = word;
	return 0;
}

static void set(struct options *options, const struct option_kind *kind,
		const char *value)
{
	void *member = (char *)options + kind->offset;

	if (kind->value)
		*(const char **)member = value;
	else
		*(bool *)member = true;
}

/* getopt_long() has refused it: optopt is set if it is a letter, or an option it knows. */
static int refuse_option(const char *word, const char *known, int code,
			 struct error *error)
{
	const char letter[] = { '-', optopt, '\0' };

	if (code == ':')
		return misuse(error, "%s needs a value", word);
	if (optopt >= FIRST)
		return misuse(error, "'%s': --%s takes no value", word,
			      kinds[optopt - FIRST].name);
	return misuse(error, "'%s' is no option here; known are: %s",
		      optopt ? letter : word, *known ? known : "none");
}

/*
 * "-" keeps words in their order, ":" distinguishes a missing value from an unknown
 * option.
 */
#define IN_ORDER	"-:"

int options_read(struct options *options, int argc, char **argv,
		 const char *known, struct error *error)
{
	struct option longs[KINDS + 1];
	int code;

	*options = (struct options){ 0 };
	list_known(known, longs);
	optind = 0;	/* there may have been a command line before, in the shell */
	while ((code = getopt_long(argc, argv, IN_ORDER, longs, NULL)) != -1) {
		if (code >= FIRST)
			set(options, &kinds[code - FIRST], optarg);
		else if (code != 1)
			return refuse_option(argv[optind - 1], known, code,
					     error);
		else if (add_word(options, optarg, error))
			return -1;
	}
	for (; optind < argc; optind++)
		if (add_word(options, argv[optind], error))
			return -1;
	return 0;
}

bool options_ask_help(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc && strcmp(argv[i], "--"); i++)
		if (!strcmp(argv[i], "-h") || !strcmp(argv[i], "--help"))
			return true;
	return false;
}
