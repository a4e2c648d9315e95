// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Arbitrary bytes on a connection: through the cutting, the parser, the
 * argument checker and the handlers, down to a device-mapper made of memory.
 * For libFuzzer; tests/unit/test-qdm-fuzz.c gives it seeded input, too. What
 * must hold, whatever comes: no crash, no leak, bounded memory, and a command
 * that follows is understood.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz-qmp.h"
#include "qdm-case.h"
#include "qdm-fake-dm.h"
#include "server/session.h"

static const char probe[] =
	"\n\xff{\"execute\":\"query-version\",\"id\":\"probe\"}";

static void check_memory(const struct session *session)
{
	if (session->in.room > 2 * JSON_MAX_BYTES)
		abort();
}

/* However many commands there are. */
static void feed(struct session *session, const char *bytes, size_t len)
{
	size_t at = 0;

	while (at < len && !session->closing)
		at += session_feed(session, bytes + at, len - at);
}

static void check_answer(struct session *session)
{
	buffer_clear(&session->out);
	feed(session, probe, sizeof(probe) - 1);
	buffer_add(&session->out, "", 1);
	if (!session->closing &&
	    !strstr(session->out.bytes, "\"id\": \"probe\""))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static const char begin[] = "{\"execute\":\"qmp_capabilities\"}";
	struct session session;

	case_set_up(NULL);
	fake_add("t0", "QDM-threshold-t0", CASE_SECTORS, "wthreshold",
		 "4000:16 0");
	fake_add("target", "", CASE_SECTORS, "linear", "4000:32 0");
	session_begin(&session, NULL, NULL);
	feed(&session, begin, sizeof(begin) - 1);
	feed(&session, (const char *)bytes, len);
	check_memory(&session);
	check_answer(&session);
	session_end(&session);
	case_tear_down(NULL);
	return 0;
}
