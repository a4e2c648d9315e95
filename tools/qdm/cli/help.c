// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Help is built from the tables of verbs and options and the names of the limits. Only
 * the examples are written for it.
 */
#include <stdio.h>
#include <string.h>

#include "base/size.h"
#include "cli/help.h"
#include "cli/options.h"
#include "kernel/limits.h"

static const struct {
	const char *verb;
	const char *line;
} examples[] = {
	{ "tree", "qdm tree" },
	{ "show", "qdm show vg-data write-threshold" },
	{ "insert", "qdm insert throttle vg-data iops-total=500" },
	{ "remove", "qdm remove vg-data-throttle" },
	{ "throttle", "qdm throttle vg-data iops-total=500 bps-write=10M" },
	{ "throttle", "qdm throttle vg-data off" },
	{ "group", "qdm group add slow bps-total=50M" },
	{ "group", "qdm throttle vg-data --group slow" },
	{ "threshold", "qdm threshold vg-data 9G" },
	{ "grow", "qdm grow vg-data --step 1G --reserve 512M" },
	{ "backup", "qdm backup --wait --speed 50M vg-data /dev/vg/copy" },
	{ "job", "qdm job pause vg-data" },
	{ "job", "qdm job speed vg-data 100M" },
	{ "watch", "qdm watch --once --json" },
	{ "doctor", "qdm doctor --repair" },
	{ "exec", "qdm exec \"{'execute': 'query-block'}\"" },
	{ "qmp", "qdm qmp --socket /run/qdm/qmp.sock" },
};

#define EXAMPLES	(sizeof(examples) / sizeof(*examples))

bool help_takes_limits(const char *name)
{
	return !strcmp(name, "throttle") || !strcmp(name, "group") ||
	       !strcmp(name, "insert");
}

bool help_option(const char *name, unsigned int at, const struct verb *verbs,
		 size_t nr, char *text, size_t room)
{
	const char *usage;
	size_t i, len;

	for (i = 0; i < nr; i++) {
		if (strcmp(verbs[i].name, name))
			continue;
		for (usage = verbs[i].usage; (usage = strstr(usage, "--"));
		     usage += len) {
			len = strspn(usage, "-abcdefghijklmnopqrstuvwxyz");
			if (at--)
				continue;
			snprintf(text, room, "%.*s", (int)len, usage);
			return true;
		}
	}
	return false;
}

static bool is_repeated(const char *name, unsigned int at, const char *option,
			const struct verb *verbs, size_t nr)
{
	char other[64];
	unsigned int i;

	for (i = 0; i < at; i++)
		if (help_option(name, i, verbs, nr, other, sizeof(other)) &&
		    !strcmp(other, option))
			return true;
	return false;
}

static void print_options(FILE *out, const char *name,
			  const struct verb *verbs, size_t nr)
{
	char option[64], shown[96];
	const char *value;
	unsigned int i;

	fputs("\nOptions:\n", out);
	for (i = 0; help_option(name, i, verbs, nr, option, sizeof(option));
	     i++) {
		if (is_repeated(name, i, option, verbs, nr))
			continue;
		value = option_value(option);
		snprintf(shown, sizeof(shown), "%s%s%s", option,
			 value ? " " : "", value ? value : "");
		fprintf(out, "  %-24s %s\n", shown, option_what(option));
	}
	fprintf(out, "  %-24s %s\n", "-h, --help", "print this");
}

static void print_limits(FILE *out)
{
	size_t i;

	fputs("\nLimits, bytes and operations per second, 0 for none:\n ", out);
	for (i = 0; i < LIMITS_NR; i++)
		fprintf(out, "%s%s", i && i % 4 == 0 ? "\n  " : " ",
			limit_names[i]);
	fputc('\n', out);
}

static void print_examples(FILE *out, const char *name)
{
	const char *before = "\nExamples:\n";
	size_t i;

	for (i = 0; i < EXAMPLES; i++) {
		if (strcmp(examples[i].verb, name))
			continue;
		fprintf(out, "%s  %s\n", before, examples[i].line);
		before = "";
	}
}

bool help_print_verb(FILE *out, const char *name, const struct verb *verbs,
		     size_t nr)
{
	bool found = false, sizes = help_takes_limits(name);
	size_t i;

	for (i = 0; i < nr; i++) {
		if (strcmp(verbs[i].name, name))
			continue;
		fprintf(out, "%sqdm %s%s%s\n  %s\n", found ? "\n" : "", name,
			*verbs[i].usage ? " " : "", verbs[i].usage,
			verbs[i].what);
		sizes |= !!strstr(verbs[i].usage, "SIZE");
		found = true;
	}
	if (!found)
		return false;
	print_options(out, name, verbs, nr);
	if (help_takes_limits(name))
		print_limits(out);
	if (sizes)
		fputs("\nSizes: " SIZE_UNITS "\n", out);
	print_examples(out, name);
	return true;
}

void help_print(FILE *out, const struct verb *verbs, size_t nr)
{
	size_t i;

	fputs("qdm: filters for block devices (throttle, backup, write threshold), by device-mapper\n\n",
	      out);
	for (i = 0; i < nr; i++)
		fprintf(out, "  qdm %s %s\n\t%s\n", verbs[i].name,
			verbs[i].usage, verbs[i].what);
	fputs("\nqdm help VERB shows a verb's options and values. With --dry-run nothing is\n"
	      "changed, and the dmsetup and configfs commands that would do it are printed as a\n"
	      "script. Exit status: 0 done, 1 refused or failed, 2 wrong command line. See qdm(8).\n",
	      out);
}

void help_print_short(FILE *out, const struct verb *verbs, size_t nr)
{
	size_t i;

	fputs("usage: qdm VERB ...\n\n", out);
	for (i = 0; i < nr; i++)
		if (!i || strcmp(verbs[i].name, verbs[i - 1].name))
			fprintf(out, "  %-10s %s\n", verbs[i].name,
				verbs[i].what);
	fputs("\nqdm help VERB shows the details.\n", out);
}
