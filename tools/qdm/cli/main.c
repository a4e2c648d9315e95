// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The command line: a table of verbs with their functions. Exit status: 0 done, 1
 * refused or failed (the reason is printed), 2 the command line itself is wrong.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "cli/help.h"
#include "cli/options.h"
#include "cli/shell.h"
#include "cli/tree.h"
#include "cli/verbs.h"
#include "cli/words.h"
#include "graph/describe.h"
#include "kernel/limits.h"
#include "plan/log.h"
#include "qmp/execute.h"
#include "qmp/reference.h"
#include "server/server.h"

enum { DONE, FAILED, MISUSED };

static int failed(const struct error *error)
{
	fprintf(stderr, "qdm: %s\n", error->text);
	return FAILED;
}

__attribute__((format(printf, 1, 2)))
static int misused(const char *fmt, ...)
{
	va_list args;

	fputs("qdm: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputs("; see qdm --help\n", stderr);
	return MISUSED;
}

/* 0 if the verb has these options and no more than @words words, else its exit status. */
static int read_line(struct options *options, int argc, char **argv,
		     const char *known, size_t words)
{
	struct error error = { 0 };

	if (options_read(options, argc, argv, known, &error))
		return misused("%s: %s", argv[0], error.text);
	if (options->nr > words)
		return misused("%s: '%s' is unexpected", argv[0],
			       options->word[words]);
	return DONE;
}

static int run_tree(int argc, char **argv)
{
	struct error error = { 0 };
	struct options options;
	struct graph graph;

	if (read_line(&options, argc, argv, "--json", 0))
		return MISUSED;
	if (graph_read(&graph, &error))
		return failed(&error);
	if (options.json)
		tree_print_json(&graph, stdout);
	else
		tree_print(&graph, stdout);
	graph_free(&graph);
	return DONE;
}

static int show_member(struct json_object *node, const char *key, bool json)
{
	struct json_object *value;

	if (!key) {
		qmp_print(node, stdout);
		return DONE;
	}
	if (!json_object_object_get_ex(node, key, &value)) {
		fprintf(stderr, "qdm: node '%s' has no '%s'; it has:",
			json_string(node, "node-name", ""), key);
		json_object_object_foreach(node, name, ignored) {
			(void)ignored;
			fprintf(stderr, " %s", name);
		}
		fputc('\n', stderr);
		return FAILED;
	}
	puts(json ? json_object_to_json_string(value) :
		    json_object_get_string(value));
	return DONE;
}

static int run_show(int argc, char **argv)
{
	struct error error = { 0 };
	struct json_object *shown;
	struct graph graph;
	struct options options;
	struct node *node;
	char *name;
	int result;

	if (read_line(&options, argc, argv, "--json", 2))
		return MISUSED;
	if (!options.nr)
		return misused("show: give a node, and at most one key");
	if (graph_read(&graph, &error))
		return failed(&error);
	name = people_node(&graph, options.word[0]);
	node = graph_find(&graph, name);
	free(name);
	if (node) {
		shown = describe_node(&graph, node);
		result = show_member(shown, options.word[1], options.json);
		json_object_put(shown);
	} else {
		refuse(&error, "Node '%s' not found", options.word[0]);
		result = failed(&error);
	}
	graph_free(&graph);
	return result;
}

static char *read_stdin(size_t *len)
{
	char *text = NULL;
	int next;

	*len = 0;
	while (*len <= JSON_MAX_BYTES && (next = getchar()) != EOF) {
		text = more(text, *len, 1);
		text[(*len)++] = next;
	}
	return text;
}

static int execute(const char *text, size_t len, FILE *script)
{
	enum qmp_mode mode = QMP_FREE;
	struct json_object *reply = qmp_execute(text, len, &mode, script);
	int result = reply && qmp_is_error(reply) ? FAILED : DONE;

	if (reply)
		qmp_print(reply, stdout);
	json_object_put(reply);
	return result;
}

/* A reply is JSON in any case, so --json changes nothing. */
static int run_exec(int argc, char **argv)
{
	struct options options;
	const char *command;
	FILE *script;
	size_t len;
	char *text;
	int result;

	if (read_line(&options, argc, argv, "--dry-run --json", 1))
		return MISUSED;
	if (!options.nr)
		return misused("exec: give a command as JSON, or - to read it from standard input");
	script = options.dry_run ? stdout : NULL;
	command = options.word[0];
	if (strcmp(command, "-"))
		return execute(command, strlen(command), script);
	text = read_stdin(&len);
	result = execute(text ? text : "", len, script);
	free(text);
	return result;
}

static int run_qmp(int argc, char **argv)
{
	struct error error = { 0 };
	struct options options;
	int result;

	if (read_line(&options, argc, argv, "--stdio --socket", 0))
		return MISUSED;
	if (options.stdio && options.socket)
		return misused("qmp: give --stdio or --socket, not both");
	if (options.stdio)
		result = server_on_stdio(&error);
	else
		result = server_on_socket(options.socket ? options.socket :
					  SERVER_SOCKET, &error);
	return result ? failed(&error) : DONE;
}

static int run_reference(int argc, char **argv)
{
	struct options options;

	if (read_line(&options, argc, argv, "--man", 0))
		return MISUSED;
	if (options.man)
		reference_print_man(stdout);
	else
		reference_print(stdout);
	return DONE;
}

static int run_complete(int argc, char **argv);

/* The short verbs print their result themselves. */
static int run_people(int argc, char **argv, int (*verb)(int argc, char **argv,
							 struct error *error))
{
	struct error error = { 0 };

	if (!verb(argc, argv, &error))
		return DONE;
	failed(&error);
	return error.class && !strcmp(error.class, ERROR_MISUSE) ? MISUSED :
								   FAILED;
}

#define PEOPLE(name) \
	static int run_##name(int argc, char **argv) \
	{ \
		return run_people(argc, argv, verb_##name); \
	}

PEOPLE(insert)
PEOPLE(remove)
PEOPLE(group)
PEOPLE(throttle)
PEOPLE(threshold)
PEOPLE(grow)
PEOPLE(backup)
PEOPLE(jobs)
PEOPLE(job)
PEOPLE(list)
PEOPLE(watch)
PEOPLE(events)
PEOPLE(put_back)
PEOPLE(doctor)

static int run_version(int argc, char **argv)
{
	if (argc > 1)
		return misused("--version: '%s' is unexpected", argv[1]);
	printf("qdm %d.%d.%d\n", QDM_VERSION_MAJOR, QDM_VERSION_MINOR,
	       QDM_VERSION_MICRO);
	return DONE;
}

static int run_help(int argc, char **argv);
static int run_shell(int argc, char **argv);

static const struct verb verbs[] = {
	{ "tree", "[--json]", "show all devices with the devices beneath",
	  run_tree },
	{ "show", "[--json] NODE [KEY]", "show one node, or one value of it, in JSON",
	  run_show },
	{ "insert", "[--dry-run] [--json] [--node NAME] [--discard WORD] throttle DEVICE LIMIT=VALUE...|--group GROUP",
	  "put a throttle under a device", run_insert },
	{ "insert", "... threshold DEVICE SIZE",
	  "raise an event when a write passes SIZE", run_insert },
	{ "insert", "... [--on-cbw-error POLICY] backup [--force] DEVICE DESTINATION",
	  "copy old data to DESTINATION before it is overwritten", run_insert },
	{ "remove", "[--dry-run] [--json] [--cancel] NODE", "take a filter out and delete it",
	  run_remove },
	{ "list", "[--json]", "one line for each node", run_list },
	{ "throttle", "[--dry-run] [--json] DEVICE [LIMIT=VALUE... [discard=ops|bytes] [--group GROUP] | off]",
	  "limit a device, or show its limits", run_throttle },
	{ "group", "[--json] [show [GROUP]]", "show groups of shared limits",
	  run_group },
	{ "group", "[--dry-run] [--json] add|set GROUP LIMIT=VALUE... | del GROUP",
	  "make, change and delete them", run_group },
	{ "threshold", "[--dry-run] [--json] NODE [SIZE | off]",
	  "set or show a write threshold", run_threshold },
	{ "grow", "[--json]", "show the volumes that grow by themselves, with their state",
	  run_grow },
	{ "grow", "[--dry-run] [--json] [--node NAME] DEVICE [--step SIZE] [--reserve SIZE] [--max SIZE] [--per-hour NUMBER|any] | off",
	  "let a volume and its file system grow by a step when less than the reserve is free",
	  run_grow },
	{ "grow", "--now [DEVICE]", "check now, as after an event, whether it has to grow",
	  run_grow },
	{ "backup", "[--dry-run] [--json] [--force] [--wait [--cancel-on-exit]] [--speed SIZE] [--sync full|none] [--on-cbw-error POLICY] DEVICE DESTINATION",
	  "back up a device in use, as it is now", run_backup },
	{ "jobs", "[--json]", "one line for each backup", run_jobs },
	{ "job", "[--dry-run] [--json] pause|resume|cancel|dismiss JOB | wait [--cancel-on-exit] JOB | speed JOB SIZE",
	  "control a backup, or wait for its end", run_job },
	{ "watch", "[--json] [--once]", "show the I/O of all nodes, each second",
	  run_watch },
	{ "events", "[--json]", "print events as they happen", run_events },
	{ "put-back", "",
	  "put back filters that LVM has dropped, remove those without a device",
	  run_put_back },
	{ "doctor", "[--json] [--repair [--idle] [--dry-run]]",
	  "report faults, and clear the remains of killed commands",
	  run_doctor },
	{ "shell", "", "these verbs, with history and completion", run_shell },
	{ "exec", "[--dry-run] [--json] JSON|-", "carry out one QMP command", run_exec },
	{ "qmp", "[--socket PATH | --stdio]",
	  "serve QMP on a socket (" SERVER_SOCKET "), or on standard input and output",
	  run_qmp },
	{ "reference", "[--man]", "print the reference page of the QMP commands, or the man page's part",
	  run_reference },
	{ "complete", "[VERB [OPTION]]", "print the words that may follow, for the shell's completion",
	  run_complete },
	{ "help", "[VERB]", "print this, or all options of a verb", run_help },
	{ "--help", "", "print this", run_help },
	{ "--version", "", "print the version", run_version },
};

#define VERBS	(sizeof(verbs) / sizeof(*verbs))

static bool verb_option(const char *verb, unsigned int nr, char *text,
			size_t room)
{
	return help_option(verb, nr, verbs, VERBS, text, room);
}

static void print_options(const char *verb)
{
	char option[64];
	unsigned int i;

	for (i = 0; verb_option(verb, i, option, sizeof(option)); i++)
		puts(option);
}

/* One of "full|none" a line; capitals mean any word. */
static void print_values(const char *values)
{
	size_t len;

	for (; *values; values += len + (values[len] == '|')) {
		len = strcspn(values, "|");
		if (*values < 'A' || *values > 'Z')
			printf("%.*s\n", (int)len, values);
	}
}

static int run_complete(int argc, char **argv)
{
	size_t i;

	if (argc > 3)
		return misused("complete: '%s' is unexpected", argv[3]);
	if (argc == 3 && !option_value(argv[2]))
		return misused("complete: '%s' is no option with a value",
			       argv[2]);
	for (i = 0; argc == 1 && i < VERBS; i++)
		if (!i || strcmp(verbs[i].name, verbs[i - 1].name))
			puts(verbs[i].name);
	if (argc == 3)
		print_values(option_value(argv[2]));
	if (argc == 2)
		print_options(argv[1]);
	if (argc == 2 && help_takes_limits(argv[1]))
		for (i = 0; i < LIMITS_NR; i++)
			printf("%s=\n", limit_names[i]);
	if (argc == 2 && !strcmp(argv[1], "exec"))
		reference_templates(stdout);
	return DONE;
}

static int run_help(int argc, char **argv)
{
	if (argc > 2)
		return misused("help: '%s' is unexpected", argv[2]);
	if (argc == 1)
		help_print(stdout, verbs, VERBS);
	else if (!help_print_verb(stdout, argv[1], verbs, VERBS))
		return misused("'%s' is not a verb", argv[1]);
	return DONE;
}

/* An edit is logged with the words of its command line. */
static void note_words(int argc, char **argv)
{
	char *words = copy(""), *longer;
	int i;

	for (i = 2; i < argc; i++) {
		longer = print("%s%s%s", words, *words ? " " : "", argv[i]);
		free(words);
		words = longer;
	}
	log_command(argv[1], words);
	free(words);
}

static const char *long_name(const char *name)
{
	return !strcmp(name, "-h") ? "--help" :
	       !strcmp(name, "-V") ? "--version" : name;
}

static int run(int argc, char **argv)
{
	const char *name;
	size_t i;

	if (argc < 2) {
		help_print_short(stderr, verbs, VERBS);
		return MISUSED;
	}
	note_words(argc, argv);
	name = long_name(argv[1]);
	for (i = 0; i < VERBS && strcmp(verbs[i].name, name);)
		i++;
	if (i == VERBS)
		return misused("'%s' is not a verb", name);
	if (options_ask_help(argc - 1, argv + 1))
		return run_help(2, argv);
	return verbs[i].run(argc - 1, argv + 1);
}

static const char *verb_name(unsigned int nr)
{
	return nr < VERBS ? verbs[nr].name : NULL;
}

/* Does it run until it is interrupted, or its job has ended? */
static bool verb_stays(const char *verb)
{
	return !strcmp(verb, "watch") || !strcmp(verb, "events") ||
	       !strcmp(verb, "backup") || !strcmp(verb, "job");
}

static int run_shell(int argc, char **argv)
{
	const struct shell shell = {
		.run = run, .verb = verb_name, .option = verb_option,
		.stays = verb_stays,
	};

	if (argc > 1)
		return misused("shell: '%s' is unexpected", argv[1]);
	return shell_loop(&shell);
}

/* Output that could not be written is a failure. */
static int end(int status)
{
	int code = fflush(stdout) ? errno : ferror(stdout) ? EIO : 0;

	if (!code)
		return status;
	fprintf(stderr, "qdm: cannot write the answer: %s\n", strerror(code));
	return status ? status : FAILED;
}

int main(int argc, char **argv)
{
	return end(run(argc, argv));
}
