// SPDX-License-Identifier: GPL-2.0-or-later
/* qdm events: what a QMP client would be told, as lines. */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "events.h"
#include "json.h"
#include "people.h"
#include "verbs.h"

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
	json_object_object_foreach(data, name, value)
		printf(" %s=%s", name, json_object_get_string(value));
	putchar('\n');
	fflush(stdout);
}

int verb_events(int argc, char **argv, struct error *error)
{
	struct options options;
	struct events events = { .tell = print_event, .context = &options };
	struct pollfd wait = { .events = POLLIN };
	int result = options_read(&options, argc, argv, "--json", error);

	if (result || kdm_open(error))
		return -1;
	wait.fd = kdm_poll_open(error);
	if (wait.fd < 0)
		return -1;
	while (!result) {
		result = kdm_poll_arm(wait.fd, error) ||
			 events_look(&events, error);
		if (!result)
			poll(&wait, 1, -1);
	}
	close(wait.fd);
	events_free(&events);
	return -1;
}
