// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The server as its clients meet it, over a socket, on a device-mapper made of
 * memory: several clients, replies in order, events, who is let in, and what
 * is done to those who are silent, too many or do not read. The name of a test
 * may be given, for valgrind.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "qdm-case.h"
#include "qdm-fake-dm.h"
#include "qdm-served.h"
#include "server/server.h"

static void fire(void)
{
	fake_status("w", "fired 0 512 5000 1 4096");
}

static void only_root(void **state)
{
	struct stat info;
	int fd;

	(void)state;
	assert_int_equal(stat(served_path, &info), 0);
	assert_int_equal(info.st_mode & 07777, 0600);
	assert_true(S_ISSOCK(info.st_mode));
	if (geteuid())
		return;
	assert_int_equal(chmod(served_path, 0666), 0);
	assert_int_equal(chmod(case_folder(), 0755), 0);
	assert_int_equal(seteuid(65534), 0);
	fd = served_connect();
	assert_string_equal(served_line(fd), "");
	assert_int_equal(seteuid(0), 0);
	close(fd);
	close(served_client());
}

static void several(void **state)
{
	int a, b, i;
	char text[64], wanted[64];

	(void)state;
	a = served_client();
	b = served_client();
	for (i = 0; i < 20; i++) {
		snprintf(text, sizeof(text), "{'execute':'x','id':%d}", i);
		served_tell(a, text);
		served_tell(b, text);
	}
	for (i = 0; i < 20; i++) {
		snprintf(wanted, sizeof(wanted), "\"id\": %d}\r\n", i);
		assert_non_null(strstr(served_line(a), wanted));
		assert_non_null(strstr(served_line(b), wanted));
	}
	served_answers(a, "{'execute':'object-add','arguments':{'qom-type':'throttle-group','id':'h'}}",
		DONE);
	close(a);
	assert_non_null(strstr(served_line((served_tell(b, "{'execute':'qom-list','arguments':{'path':'/objects'}}"), b)),
			       "\"h\""));
	close(b);
}

static void events_to_all(void **state)
{
	int a, b, mute;

	(void)state;
	a = served_client();
	b = served_client();
	mute = served_connect();
	served_line(mute);
	fire();
	assert_non_null(strstr(served_line(a), "\"event\": \"BLOCK_WRITE_THRESHOLD\", \"data\": {\"node-name\": \"w\", \"amount-exceeded\": 512, \"write-threshold\": 4096}}\r\n"));
	assert_non_null(strstr(served_line(b), "\"timestamp\": {\"seconds\": "));
	served_answers(mute, CAPABILITIES, DONE);
	close(a);
	close(b);
	close(mute);
}

static void too_many(void **state)
{
	struct rlimit files = { 4096, 4096 };
	int idle[1000];
	int fd, i;

	(void)state;
	setrlimit(RLIMIT_NOFILE, &files);
	fd = served_client();
	for (i = 0; i < 1000; i++)
		idle[i] = served_connect();
	served_answers(fd, "{'execute':'qmp_capabilities'}",
		"{\"error\": {\"class\": \"CommandNotFound\", \"desc\": \"Capabilities negotiation is already complete, command ignored\"}}\r\n");
	close(served_client());
	for (i = 0; i < 1000; i++)
		close(idle[i]);
	close(fd);
}

static void too_long(void **state)
{
	static char chunk[65536];
	int fd = served_client();
	ssize_t sent = 1;

	(void)state;
	memset(chunk, 'x', sizeof(chunk));
	served_tell(fd, "{'execute':'");
	while (sent > 0)
		sent = send(fd, chunk, sizeof(chunk), MSG_NOSIGNAL);
	assert_true(errno == EPIPE || errno == ECONNRESET);
	close(fd);
	close(served_client());
}

/* Who asks and never reads is not listened to; the others are. */
static void does_not_read(void **state)
{
	static const char ask[] = "{'execute':'query-qmp-schema'}";
	int fd = served_client();
	int other, sent;

	(void)state;
	fcntl(fd, F_SETFL, O_NONBLOCK);
	for (sent = 0; sent < 100000; sent++)
		if (send(fd, ask, sizeof(ask) - 1, MSG_NOSIGNAL) < 0)
			break;
	assert_int_equal(errno, EAGAIN);
	other = served_client();
	close(other);
	close(fd);
}

static void half_and_gone(void **state)
{
	int fd = served_client();

	(void)state;
	served_tell(fd, "{'execute':'block");
	shutdown(fd, SHUT_WR);
	assert_string_equal(served_line(fd),
			    "{\"error\": {\"class\": \"GenericError\", \"desc\": \"JSON parse error, the command has no end\"}}\r\n");
	assert_string_equal(served_line(fd), "");
	close(fd);
	fd = served_client();
	served_tell(fd, "{'execute':'query-version'}");
	close(fd);
	close(served_client());
}

/* Who begins a command and stays silent is told so and left. */
static void half_and_silent(void **state)
{
	int fd = served_client();
	int other = served_client();

	(void)state;
	served_tell(fd, "{'execute':'quit'");
	served_answers(other, "{'execute':'x'}",
		"{\"error\": {\"class\": \"CommandNotFound\", \"desc\": \"The command x has not been found\"}}\r\n");
	assert_string_equal(served_line(fd),
			    "{\"error\": {\"class\": \"GenericError\", \"desc\": \"JSON parse error, the command has no end\"}}\r\n");
	assert_string_equal(served_line(fd), "");
	close(fd);
	close(other);
}

static void quits(void **state)
{
	int fd = served_client();
	int status;

	(void)state;
	served_answers(fd, "{'execute':'quit'}", DONE);
	assert_string_equal(served_line(fd), "");
	close(fd);
	assert_int_equal(waitpid(served_by, &status, 0), served_by);
	assert_int_equal(status, 0);
	assert_int_equal(access(served_path, F_OK), -1);
	served_by = 0;
}

static void second_server(void **state)
{
	struct error error = { 0 };
	pid_t second;
	int status;

	(void)state;
	close(served_client());	/* the first one listens */
	second = fork();
	if (!second) {
		status = server_on_socket(served_path, &error);
		_exit(status == -1 && strstr(error.text, "another server listens on") ? 0 : 1);
	}
	waitpid(second, &status, 0);
	assert_int_equal(status, 0);
	close(served_client());
}

/* What is there and is no socket is neither taken away nor replaced. */
static void not_a_socket(void **state)
{
	char *name = print("%s/precious", case_folder());
	struct error error = { 0 };
	char wanted[128];

	(void)state;
	fclose(fopen(name, "w"));
	assert_int_equal(server_on_socket(name, &error), -1);
	snprintf(wanted, sizeof(wanted), "'%s' is there and is not a socket", name);
	assert_string_equal(error.text, wanted);
	assert_int_equal(access(name, F_OK), 0);
	free(name);
}

/* What another server has put in its place stays when this one ends. */
static void replaced_socket(void **state)
{
	int status;

	(void)state;
	close(served_client());
	assert_int_equal(unlink(served_path), 0);
	fclose(fopen(served_path, "w"));
	kill(served_by, SIGTERM);
	assert_int_equal(waitpid(served_by, &status, 0), served_by);
	served_by = 0;
	assert_int_equal(access(served_path, F_OK), 0);
}

static void after_a_crash(void **state)
{
	int status;

	kill(served_by, SIGKILL);
	waitpid(served_by, &status, 0);
	assert_int_equal(access(served_path, F_OK), 0);
	case_tear_down(state);
	served_set_up(state);
	close(served_client());
}

/* Standard output may be a file, which nobody can wait for. */
static const char *file_says(const char *name, const char *wanted)
{
	static char text[4096];
	FILE *file;
	int i;

	for (i = 0; i < SERVED_PATIENCE_MS / 10; i++) {
		memset(text, 0, sizeof(text));
		file = fopen(name, "r");
		if (file && fread(text, 1, sizeof(text) - 1, file) > 0 &&
		    strstr(text, wanted)) {
			fclose(file);
			return text;
		}
		if (file)
			fclose(file);
		usleep(10000);
	}
	fail_msg("the file says: %s", text);
	return text;
}

static void serve_files(int in, const char *name)
{
	int out = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	struct error error = { 0 };

	dup2(in, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	close(out);
	exit(!!server_on_stdio(&error));
}

static void into_a_file(void **state)
{
	char name[64];
	int ends[2];
	pid_t child;
	int status;

	(void)state;
	kill(served_by, SIGTERM);	/* it would take the other one's events */
	assert_int_equal(served_end(served_by), 0);
	served_by = 0;
	snprintf(name, sizeof(name), "%s/out", case_folder());
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	child = fork();
	if (!child) {
		close(ends[1]);
		alarm(3 * SERVED_PATIENCE_MS / 1000);
		serve_files(ends[0], name);
	}
	file_says(name, "{\"QMP\": ");
	assert_true(write(ends[1], CAPABILITIES, strlen(CAPABILITIES)) > 0);
	file_says(name, DONE);
	fire();
	file_says(name, "BLOCK_WRITE_THRESHOLD");
	close(ends[0]);
	close(ends[1]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
}

/*
 * A reader that has stopped: the pipe is full, and a signal ends the server all the
 * same. It says that answers are lost.
 */
static void into_a_full_pipe(void **state)
{
	static const char ask[] = "{\"execute\":\"query-qmp-schema\"}\n";
	struct error error = { 0 };
	int in[2], out[2], i;
	pid_t child;

	(void)state;
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	child = fork();
	if (!child) {
		alarm(3 * SERVED_PATIENCE_MS / 1000);
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		close(out[0]);
		exit(!!server_on_stdio(&error));
	}
	close(out[1]);
	assert_true(write(in[1], CAPABILITIES, strlen(CAPABILITIES)) > 0);
	for (i = 0; i < 5; i++)
		assert_true(write(in[1], ask, strlen(ask)) > 0);
	assert_non_null(strstr(served_line(out[0]), "{\"QMP\": "));
	assert_string_equal(served_line(out[0]), DONE);
	usleep(500000);
	kill(child, SIGTERM);
	assert_int_equal(served_end(child), 1);
	close(in[0]);
	close(in[1]);
	close(out[0]);
}

/* As systemd hands a socket over: descriptor 3, and two words about it. */
static void serve_handed(int fd, const char *count)
{
	struct error error = { 0 };
	char pid[16];
	int result;

	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", count, 1);
	dup2(fd, 3);
	dup2(fd, 4);
	result = server_on_socket(served_path, &error);
	fake_reset();
	if (!result)
		exit(0);
	fprintf(stderr, "# handed: %s\n", error.text);
	exit(strcmp(error.text, "one socket is wanted, not 2") ? 2 : 1);
}

/* The socket is systemd's: it is there before the server and after it. */
static void from_systemd(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pid_t child;
	int fd;

	kill(served_by, SIGTERM);
	assert_int_equal(served_end(served_by), 0);
	served_by = 0;
	strcpy(address.sun_path, served_path);
	assert_int_equal(bind(listening, (struct sockaddr *)&address,
			      sizeof(address)), 0);
	assert_int_equal(listen(listening, 8), 0);
	fd = served_connect();	/* the first client comes before the server */
	child = fork();
	if (!child)
		serve_handed(listening, "1");
	assert_non_null(strstr(served_line(fd), "{\"QMP\": "));
	served_answers(fd, CAPABILITIES, DONE);
	served_answers(fd, "{'execute':'quit'}", DONE);
	close(fd);
	assert_int_equal(served_end(child), 0);
	assert_int_equal(access(served_path, F_OK), 0);
	child = fork();
	if (!child)
		serve_handed(listening, "2");
	assert_int_equal(served_end(child), 1);
	close(listening);
	unlink(served_path);
	(void)state;
}

/*
 * What a client's 1,000 commands leave behind is nothing; who says so is the
 * leak check at the server's end, ASan's or valgrind's.
 */
static void thousand(void **state)
{
	static const char * const commands[] = {
		"{'execute':'query-named-block-nodes'}",
		"{'execute':'blockdev-add','arguments':{'driver':'throttle','node-name':'t','throttle-group':'g','file':'vg-lv'}}",
		"{'execute':'block-insert-node','arguments':{'parent':'vg-lv','child':'vg-lv','node':'t'}}",
		"{'execute':'query-blockstats','arguments':{'query-nodes':true}}",
		"{'execute':'block-remove-node','arguments':{'parent':'vg-lv','child':'vg-lv','node':'t'}}",
		"{'execute':'blockdev-del','arguments':{'node-name':'t'}}",
		"{'execute':'qom-set','arguments':{'path':'g','property':'limits','value':{'iops-total':-1}}}",
		"{'execute':'nosuch','id':[1,{'a':null}]}",
		"{'execute':'query-block','arguments':5}",
		"{'execute':'block_set_io_throttle','arguments':{'id':'vg-lv','bps':0,'bps_rd':0,'bps_wr':0,'iops':5,'iops_rd':0,'iops_wr':0}}",
	};
	int fd = served_client();
	const char *reply;
	int i;

	(void)state;
	for (i = 0; i < 1000; i++) {
		served_tell(fd, commands[i % 10]);
		reply = served_line(fd);
		assert_true(strstr(reply, "{\"return\": ") == reply ||
			    strstr(reply, "{\"error\": ") == reply);
		if (i < 6)
			assert_null(strstr(reply, "\"error\""));
	}
	close(fd);
}

#define TEST(name)	cmocka_unit_test_setup_teardown(name, served_set_up, served_tear_down)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(only_root),
		TEST(several),
		TEST(events_to_all),
		TEST(too_many),
		TEST(too_long),
		TEST(does_not_read),
		TEST(half_and_gone),
		TEST(half_and_silent),
		TEST(quits),
		TEST(second_server),
		TEST(not_a_socket),
		TEST(replaced_socket),
		TEST(after_a_crash),
		TEST(into_a_file),
		TEST(into_a_full_pipe),
		TEST(from_systemd),
		TEST(thousand),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);

	return cmocka_run_group_tests_name("qdm-server", tests, NULL, case_end);
}
