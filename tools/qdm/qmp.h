/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QMP commands; see qmp.c. */
#ifndef QDM_QMP_H
#define QDM_QMP_H

#include <stdbool.h>
#include <stdio.h>
#include <json-c/json.h>

#define QDM_VERSION_MAJOR	0
#define QDM_VERSION_MINOR	1
#define QDM_VERSION_MICRO	0

/*
 * Carries out one command given as text and returns the reply. With @script
 * set nothing is changed; a script that would do it is written there instead,
 * and NULL is returned for a command that changes something.
 */
struct json_object *qmp_execute(const char *text, size_t len, FILE *script);
bool qmp_is_error(struct json_object *reply);
void qmp_print(struct json_object *reply, FILE *out);

#endif /* QDM_QMP_H */
