// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The edits of a server, each in a child (worker.c). The events of an edit are sent to all
 * clients before its client gets the answer.
 */
#include <malloc.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/json.h"
#include "server/client.h"
#include "server/job-ends.h"
#include "server/listen.h"
#include "server/socket.h"
#include "server/state.h"
#include "server/worker.h"

static struct worker *add_worker(struct server *server)
{
	struct worker *worker = worker_new(&server->work);

	worker->next = server->workers;
	server->workers = worker;
	return worker;
}

void free_worker(struct server *server, struct worker *worker)
{
	struct worker **at = &server->workers;

	while (*at != worker)
		at = &(*at)->next;
	*at = worker->next;
	worker_free(worker);
}

static void try_later(struct server *server)
{
	if (!jobs_wait_to_go())
		return;
	sd_event_source_set_time_relative(server->again, SECOND);
	sd_event_source_set_enabled(server->again, SD_EVENT_ONESHOT);
}

/* Begins the deletion of a concluded job with auto-dismiss. */
static void tidy(struct server *server)
{
	struct error error = { 0 };
	struct worker *worker = add_worker(server);

	while ((worker->node = job_to_tidy(worker))) {
		if (worker_tidy(worker, server->loop, &error)) {
			jobs_let_go(worker, true);
			break;
		}
		worker = add_worker(server);
	}
	free_worker(server, worker);
	try_later(server);
}

void look_and_tidy(struct server *server)
{
	look_for_events(server);
	tidy(server);
}

static void answer(struct client *client, struct json_object *reply)
{
	struct buffer text = { 0 };

	json_write(&text, reply);
	client_answer(client, text.bytes, text.len);
	buffer_free(&text);
	json_object_put(reply);
}

void on_edit(void *context, struct client *client, const char *text,
	     size_t len)
{
	struct server *server = context;
	struct error error = { 0 };
	struct worker *worker;

	if (server->ending) {
		refuse(&error, "the server ends");
		answer(client, qmp_failure(text, len, &error));
		return;
	}
	worker = add_worker(server);
	worker->client = client;
	if (!worker_edit(worker, server->loop, text, len, &error))
		return;
	free_worker(server, worker);
	answer(client, qmp_failure(text, len, &error));
}

/* Its process was killed, and its guard has completed or undone the edit. */
static void give_no_answer(struct worker *worker)
{
	struct error error = { 0 };

	refuse(&error, "the process of this edit was killed; see what there is, and ask qdm doctor");
	answer(worker->client, qmp_failure(worker->text.bytes, worker->text.len,
					   &error));
}

bool any_waits(const struct server *server)
{
	const struct worker *worker = server->workers;

	while (worker && !worker->client)
		worker = worker->next;
	return worker;
}

void on_ended(void *context, struct worker *worker)
{
	struct server *server = context;
	bool failed = !worker->answered || worker->failed;

	look_for_events(server);
	if (worker->client && worker->answered)
		client_answer(worker->client, worker->answer.bytes,
			      worker->answer.len);
	else if (worker->client)
		give_no_answer(worker);
	else if (worker->node && failed)
		fprintf(stderr, "qdm: the backup '%s' is over, but: %.*s\n",
			worker->node, (int)worker->answer.len,
			worker->answer.len ? worker->answer.bytes : "");
	jobs_let_go(worker, failed);
	free_worker(server, worker);
	tidy(server);
	if (server->ending && !any_waits(server))
		sd_event_exit(server->loop, 0);
}

int on_again(sd_event_source *source, uint64_t now, void *context)
{
	(void)source;
	(void)now;
	look_and_tidy(context);
	return 0;
}

/* In a child. */
void drop_inherited(void *context)
{
	struct server *server = context;
	struct worker *worker;
	struct client *client;

	for (client = server->clients; client; client = client->next) {
		close(client->in);
		close(client->out);
	}
	for (worker = server->workers; worker; worker = worker->next)
		close(worker->fd);
	close(server->listener.kernel);
	listening_drop(&server->socket);
}
