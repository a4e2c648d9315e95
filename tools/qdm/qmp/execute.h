/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a command's text to its reply; see execute.c. */
#ifndef QDM_QMP_EXECUTE_H
#define QDM_QMP_EXECUTE_H

#include <stdbool.h>
#include <stdio.h>
#include <json-c/json.h>

#include "base/error.h"

#define QDM_VERSION_MAJOR	0
#define QDM_VERSION_MINOR	2
#define QDM_VERSION_MICRO	0

enum qmp_mode {
	QMP_FREE,	/* no negotiation: qdm exec */
	QMP_NEGOTIATING,
	QMP_COMMANDS,
};

/*
 * Carries out one command given as text and returns the reply. A successful
 * qmp_capabilities changes *@mode. With @script nothing is changed; a script that would
 * make the change is written there instead, and NULL is returned for a command that
 * changes something.
 */
struct json_object *qmp_execute(const char *text, size_t len,
				enum qmp_mode *mode, FILE *script);
/* The reply to text that cannot be parsed. */
struct json_object *qmp_refusal(const char *desc);
/* The reply to a command that was parsed, and could not be carried out. */
struct json_object *qmp_failure(const char *text, size_t len,
				const struct error *error);
struct json_object *qmp_version(void);
struct json_object *qmp_greeting(void);
/* Has a client asked the server to end? */
bool qmp_is_to_quit(void);
/* Is it a command that changes something, or may try to? Then it may take long. */
bool qmp_edits(const char *text, size_t len, enum qmp_mode mode);
bool qmp_is_error(struct json_object *reply);
void qmp_print(struct json_object *reply, FILE *out);

#endif /* QDM_QMP_EXECUTE_H */
