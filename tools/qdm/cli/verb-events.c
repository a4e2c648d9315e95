// SPDX-License-Identifier: GPL-2.0-or-later
/* qdm events: the events of QMP, one a line. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/size.h"
#include "cli/verbs.h"
#include "cli/words.h"
#include "qmp/command.h"
#include "server/listen.h"

static void print_time(struct json_object *event)
{
	struct json_object *stamp;
	char text[32];
	time_t seconds;
	struct tm tm;

	json_object_object_get_ex(event, "timestamp", &stamp);
	seconds = people_number(stamp, "seconds");
	localtime_r(&seconds, &tm);
	strftime(text, sizeof(text), "%F %T", &tm);
	printf("%s.%03llu", text, people_number(stamp, "microseconds") / 1000);
}

/* Is that member of that event a number of bytes? */
static bool is_size(const char *event, const char *name)
{
	const struct arg *arg;
	size_t i;

	for (i = 0; i < event_types_nr; i++) {
		if (strcmp(event_types[i].name, event))
			continue;
		for (arg = event_types[i].data; arg->name; arg++)
			if (!strcmp(arg->name, name))
				return arg->type == ARG_SIZE;
	}
	return false;
}

static void print_data(const char *event, struct json_object *data)
{
	char text[SIZE_TEXT];

	json_object_object_foreach(data, name, value)
		printf(" %s=%s", name, is_size(event, name) ?
		       size_exact(text, json_object_get_uint64(value)) :
		       json_object_get_string(value));
	putchar('\n');
}

static void print_event(void *context, struct json_object *event)
{
	const struct options *options = context;
	struct json_object *data;

	if (options->json) {
		puts(json_object_to_json_string_ext(event, JSON_C_TO_STRING_NOSLASHESCAPE));
		fflush(stdout);
		return;
	}
	print_time(event);
	printf(" %s", json_string(event, "event", ""));
	json_object_object_get_ex(event, "data", &data);
	print_data(json_string(event, "event", ""), data);
	fflush(stdout);
}

static void look(void *context)
{
	struct error error = { 0 };

	if (events_look(context, &error))
		fprintf(stderr, "qdm: %s\n", error.text);
}

/* Runs until a signal ends it. */
static int follow(struct listener *listener, struct error *error)
{
	sd_event *loop = NULL;
	int code = sd_event_new(&loop);

	if (code < 0)
		return refuse(error, "no event loop: %s", strerror(-code));
	if (!listen_begin(listener, loop, error)) {
		code = sd_event_loop(loop);
		refuse(error, "the event loop has ended: %s", strerror(-code));
	}
	listen_end(listener);
	sd_event_unref(loop);
	return -1;
}

int verb_events(int argc, char **argv, struct error *error)
{
	struct options options;
	struct events events = { .tell = print_event, .context = &options };
	struct listener listener = {
		.events = &events, .woken = look, .context = &events,
	};
	int result = options_read(&options, argc, argv, "--json", error);

	if (!result && options.nr)
		result = misuse(error, "events: '%s' is unexpected",
				options.word[0]);
	if (result)
		return -1;
	result = follow(&listener, error);
	events_free(&events);
	return result;
}
