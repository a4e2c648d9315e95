/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The reply to query-qmp-schema; see schema.c. */
#ifndef QDM_QMP_SCHEMA_H
#define QDM_QMP_SCHEMA_H

#include <json-c/json.h>

struct json_object *schema_build(void);

#endif /* QDM_QMP_SCHEMA_H */
