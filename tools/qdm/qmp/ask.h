/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands of QMP given by the tool itself; see ask.c. */
#ifndef QDM_QMP_ASK_H
#define QDM_QMP_ASK_H

#include <stdio.h>
#include <json-c/json.h>

#include "base/error.h"

/*
 * Carries out a QMP command; takes @args. The caller puts the reply; it is NULL on
 * error, or when a script has been printed: into @script, if that is not NULL.
 */
struct json_object *qmp_ask(const char *command, struct json_object *args,
			    FILE *script, struct error *error);
/* For a command without a result. */
int qmp_tell(const char *command, struct json_object *args,
	     struct error *error);

#endif /* QDM_QMP_ASK_H */
