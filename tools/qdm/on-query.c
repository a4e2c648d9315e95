// SPDX-License-Identifier: GPL-2.0-or-later
/* Commands that ask: about nodes and about the tool. They change nothing. */
#include "describe.h"
#include "handlers.h"
#include "json.h"
#include "qmp.h"
#include "schema.h"

const struct arg no_args[] = { { 0 } };

const struct arg flat_args[] = {
	{ .name = "flat", .type = ARG_BOOL, .def = "false",
	  .what = "taken for QEMU's sake; nothing is ever nested" },
	{ 0 }
};

int query_named_block_nodes(struct call *call, struct error *error)
{
	(void)error;
	call->result = describe_all(&call->graph);
	return 0;
}

int query_version(struct call *call, struct error *error)
{
	(void)error;
	call->result = qmp_version();
	return 0;
}

int query_commands(struct call *call, struct error *error)
{
	struct json_object *one;
	size_t i;

	(void)error;
	call->result = json_object_new_array();
	for (i = 0; i < commands_nr; i++) {
		one = json_object_new_object();
		json_put_string(one, "name", commands[i].name);
		json_object_array_add(call->result, one);
	}
	return 0;
}

int query_qmp_schema(struct call *call, struct error *error)
{
	(void)error;
	call->result = schema_build();
	return 0;
}
