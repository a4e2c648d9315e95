// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A command built from words and carried out as a client's: so the verbs have no
 * abilities beyond QMP, and the same refusals.
 */
#include <string.h>

#include "base/json.h"
#include "qmp/ask.h"
#include "qmp/execute.h"

static void take_error(struct json_object *reply, struct error *error)
{
	struct json_object *body;

	if (json_object_object_get_ex(reply, "error", &body))
		refuse(error, "%s", json_string(body, "desc", "?"));
}

struct json_object *qmp_ask(const char *command, struct json_object *args,
			    FILE *script, struct error *error)
{
	struct json_object *input = json_object_new_object();
	struct json_object *reply, *answer = NULL;
	enum qmp_mode mode = QMP_FREE;
	const char *text;

	json_put_string(input, "execute", command);
	if (args)
		json_object_object_add(input, "arguments", args);
	text = json_object_to_json_string_ext(input, JSON_C_TO_STRING_PLAIN);
	reply = qmp_execute(text, strlen(text), &mode, script);
	if (reply) {
		take_error(reply, error);
		if (json_object_object_get_ex(reply, "return", &answer))
			json_object_get(answer);
		json_object_put(reply);
	}
	json_object_put(input);
	return answer;
}

int qmp_tell(const char *command, struct json_object *args,
	     struct error *error)
{
	json_object_put(qmp_ask(command, args, NULL, error));
	return error->class ? -1 : 0;
}
