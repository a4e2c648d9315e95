// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An edit may take long: a device below hangs, or LVM holds its lock. So the server has
 * each edit carried out by a child, which has all it needs in its copy of the memory.
 * The loop continues to answer queries, to send events and to end on a signal, whatever
 * the child waits for.
 *
 *	server	fork ---- queries, events ---- look, reply ------>
 *	child	   \----- "remember" - ioctls -- "reply" -- ends
 *
 * The child sends back messages with a length: the settings of a job to remember, and
 * one reply. A killed child sends no reply; its guard completes the edit
 * (plan/guard.c). Signals that end the server do not end a child, and the child closes
 * the server's descriptors, so that another server can take its place.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/json.h"
#include "graph/job-memory.h"
#include "graph/job.h"
#include "plan/log.h"
#include "qmp/execute.h"
#include "server/job-ends.h"
#include "server/worker.h"

enum { MEMORY, ANSWER, FAILURE };

struct head {
	uint32_t what;
	uint32_t len;
};

/*
 * In the child
 */

/* If the server has ended, the message is not needed. */
static void say(int fd, const void *bytes, size_t len)
{
	const char *at = bytes;
	ssize_t done;

	while (len) {
		done = write(fd, at, len);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return;
		at += done;
		len -= done;
	}
}

static void say_message(int fd, uint32_t what, const void *bytes, size_t len)
{
	const struct head head = { .what = what, .len = len };

	say(fd, &head, sizeof(head));
	say(fd, bytes, len);
}

static void say_memory(void *context, const struct job_memory *memory)
{
	const int *fd = context;

	say_message(*fd, MEMORY, memory, sizeof(*memory));
}

static void say_reply(int fd, struct json_object *reply)
{
	struct buffer text = { 0 };

	json_write(&text, reply);
	say_message(fd, qmp_is_error(reply) ? FAILURE : ANSWER, text.bytes,
		    text.len);
}

/* Standard input and output may belong to a client. */
static void drop_standard(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	close(null);
}

static void become_child(const struct worker *worker, int *fd)
{
	prctl(PR_SET_NAME, "qdm-edit");
	signal(SIGCHLD, SIG_DFL);
	worker->owner->drop(worker->owner->context);
	drop_standard();
	jobs_tell_memory(say_memory, fd);
}

static void edit(int fd, const char *text, size_t len)
{
	enum qmp_mode mode = QMP_COMMANDS;

	say_reply(fd, qmp_execute(text, len, &mode, NULL));
}

static void tidy(int fd, const char *node)
{
	struct error error = { 0 };

	if (job_tidy(node, &error))
		say_message(fd, FAILURE, error.text, strlen(error.text));
	else
		say_message(fd, ANSWER, "", 0);
}

/*
 * In the server
 */

static int on_word(sd_event_source *source, int fd, uint32_t events,
		   void *context)
{
	struct worker *worker = context;

	(void)source;
	(void)fd;
	(void)events;
	worker_hear(worker);
	if (worker->answered || worker->over)
		worker->owner->ended(worker->owner->context, worker);
	return 0;
}

/* Returns 0 in the child, with the child's end of a pipe; else the child's pid. */
static pid_t begin(struct worker *worker, sd_event *loop, int *fd,
		   struct error *error)
{
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC))
		return refuse(error, "no pipe to a process for the edit: %s",
			      strerror(errno));
	worker->fd = ends[0];
	fcntl(worker->fd, F_SETFL, O_NONBLOCK);
	pid = sd_event_add_io(loop, &worker->source, worker->fd, EPOLLIN,
			      on_word, worker);
	if (pid >= 0)
		pid = fork();
	else
		errno = -pid;
	*fd = ends[1];
	if (!pid)
		return 0;
	close(ends[1]);
	return pid > 0 ? pid : refuse(error, "no process for the edit: %s",
				      strerror(errno));
}

int worker_edit(struct worker *worker, sd_event *loop, const char *text,
		size_t len, struct error *error)
{
	int fd;
	pid_t pid;

	buffer_add(&worker->text, text, len);
	pid = begin(worker, loop, &fd, error);
	if (pid)
		return pid < 0 ? -1 : 0;
	become_child(worker, &fd);
	log_client(&worker->client->peer);
	edit(fd, text, len);
	_exit(0);
}

int worker_tidy(struct worker *worker, sd_event *loop, struct error *error)
{
	int fd;
	pid_t pid = begin(worker, loop, &fd, error);

	if (pid)
		return pid < 0 ? -1 : 0;
	become_child(worker, &fd);
	log_command("end of backup", worker->node);
	tidy(fd, worker->node);
	_exit(0);
}

static void take(struct worker *worker, const struct head *head,
		 const char *bytes)
{
	struct job_memory memory;

	if (head->what == MEMORY) {
		memcpy(&memory, bytes, sizeof(memory));
		job_hear_memory(&memory, worker);
		return;
	}
	worker->answered = true;
	worker->failed = head->what == FAILURE;
	buffer_add(&worker->answer, bytes, head->len);
}

static void take_all(struct worker *worker)
{
	struct buffer *in = &worker->in;
	struct head head;

	while (in->len >= sizeof(head)) {
		memcpy(&head, in->bytes, sizeof(head));
		if (in->len < sizeof(head) + head.len)
			return;
		take(worker, &head, in->bytes + sizeof(head));
		buffer_take(in, sizeof(head) + head.len);
	}
}

void worker_hear(struct worker *worker)
{
	char bytes[4096];
	ssize_t got;

	for (;;) {
		got = read(worker->fd, bytes, sizeof(bytes));
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		buffer_add(&worker->in, bytes, got);
	}
	worker->over |= !got;
	take_all(worker);
}

struct worker *worker_new(const struct worker_owner *owner)
{
	struct worker *worker = resize(NULL, sizeof(*worker));

	*worker = (struct worker){ .owner = owner, .fd = -1 };
	return worker;
}

void worker_free(struct worker *worker)
{
	sd_event_source_disable_unref(worker->source);
	if (worker->fd >= 0)
		close(worker->fd);
	buffer_free(&worker->in);
	buffer_free(&worker->answer);
	buffer_free(&worker->text);
	free(worker->node);
	free(worker);
}
