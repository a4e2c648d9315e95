// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The table of commands, printed as the reference page, which therefore always matches
 * the checks, and as the templates for completion.
 */
#include <string.h>

#include "qmp/command.h"
#include "qmp/reference.h"

static const char header[] =
	".. SPDX-License-Identifier: GPL-2.0-or-later\n"
	"..\n"
	"   Written by ``qdm reference`` from the table of commands: change it there.\n"
	"\n"
	"===================\n"
	"QMP commands of qdm\n"
	"===================\n"
	"\n"
	"Each argument is listed with its name, type and meaning. An argument without\n"
	"``=`` after its type is mandatory; the default, if there is one, follows ``=``.\n"
	"Sizes are in bytes. An unknown argument, or one of another type, is an error\n"
	"before anything is changed.\n";

static void print_title(FILE *out, const char *text, char line)
{
	size_t i;

	fprintf(out, "\n%s\n", text);
	for (i = 0; i < strlen(text); i++)
		putc(line, out);
	putc('\n', out);
}

static void print_words(FILE *out, const struct arg *arg)
{
	const char * const *word;

	for (word = arg->words; *word; word++)
		fprintf(out, "%s``%s``", word == arg->words ? "" : " | ",
			*word);
}

static void print_type(FILE *out, const struct arg *arg)
{
	if (arg->words && arg->type == ARG_LIST)
		fputs("array of ", out);
	if (arg->words)
		print_words(out, arg);
	else if (arg->type == ARG_SIZE && arg->max)
		fprintf(out, "integer, at most %llu",
			(unsigned long long)arg->max);
	else
		fputs(arg_type_name(arg), out);
	if (!arg->must)
		fprintf(out, " =%s%s", arg->def ? " " : "",
			arg->def ? arg->def : "");
}

static void print_args(FILE *out, const struct arg *args, int depth);

static void print_arg(FILE *out, const struct arg *arg, int depth)
{
	const struct arg_case *one;

	fprintf(out, "%*s- ``%s``: ", 2 * depth, "", arg->name);
	print_type(out, arg);
	if (arg->what)
		fprintf(out, "; %s", arg->what);
	putc('\n', out);
	if (arg->members) {
		putc('\n', out);
		print_args(out, arg->members, depth + 1);
		putc('\n', out);
	}
	for (one = arg->cases; one && one->word; one++) {
		if (!one->args || !one->args->name)
			continue;
		fprintf(out, "\n%*s- with ``%s``:\n\n", 2 * (depth + 1), "",
			one->word);
		print_args(out, one->args, depth + 2);
		putc('\n', out);
	}
}

static void print_args(FILE *out, const struct arg *args, int depth)
{
	const struct arg *arg;

	for (arg = args; arg->name; arg++)
		print_arg(out, arg, depth);
}

static void print_entry(FILE *out, const char *name, const char *what,
			const struct arg *args)
{
	print_title(out, name, '-');
	fprintf(out, "\n%s\n", what);
	if (!args->name)
		return;
	putc('\n', out);
	print_args(out, args, 0);
}

void reference_print(FILE *out)
{
	size_t i;

	fputs(header, out);
	print_title(out, "Commands", '=');
	for (i = 0; i < commands_nr; i++)
		print_entry(out, commands[i].name, commands[i].what,
			    commands[i].args);
	print_title(out, "Events", '=');
	for (i = 0; i < event_types_nr; i++)
		print_entry(out, event_types[i].name, event_types[i].what,
			    event_types[i].data);
}

static void print_man_entry(FILE *out, const struct command *command)
{
	const struct arg *arg;

	fprintf(out, ".It Cm %s", command->name);
	for (arg = command->args; arg->name; arg++)
		if (arg->must)
			fprintf(out, " Ar %s", arg->name);
	fprintf(out, "\n%s\n", command->what);
}

void reference_print_man(FILE *out)
{
	size_t i;

	fputs(".\\\" Written by \"qdm reference --man\" from the table of commands.\n"
	      ".Sh QMP COMMANDS\n"
	      "With the mandatory arguments; the others are listed by\n"
	      ".Nm\n.Cm reference .\n.Bl -tag -width Ds\n", out);
	for (i = 0; i < commands_nr; i++)
		print_man_entry(out, &commands[i]);
	fputs(".El\n.Sh QMP EVENTS\n.Bl -tag -width Ds\n", out);
	for (i = 0; i < event_types_nr; i++)
		fprintf(out, ".It Ql %s\n%s\n", event_types[i].name,
			event_types[i].what);
	fputs(".El\n", out);
}

static const char *placeholder(const struct arg *arg)
{
	static const char * const values[] = {
		[ARG_STRING] = "\"\"", [ARG_INT] = "0", [ARG_SIZE] = "0",
		[ARG_BOOL] = "false", [ARG_WORD] = "\"\"",
		[ARG_OBJECT] = "{}", [ARG_LIST] = "[]", [ARG_ANY] = "{}",
	};

	return values[arg->type];
}

static void print_template(FILE *out, const struct command *command)
{
	const struct arg *arg;
	int nr = 0;

	fprintf(out, "{\"execute\":\"%s\"", command->name);
	for (arg = command->args; arg->name; arg++)
		if (arg->must)
			fprintf(out, "%s\"%s\":%s",
				nr++ ? "," : ",\"arguments\":{", arg->name,
				placeholder(arg));
	fputs(nr ? "}}\n" : "}\n", out);
}

void reference_templates(FILE *out)
{
	size_t i;

	for (i = 0; i < commands_nr; i++)
		print_template(out, &commands[i]);
}
