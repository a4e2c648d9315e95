/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by qdm group, throttle and threshold. */
#ifndef QDM_CLI_VERB_LIMIT_H
#define QDM_CLI_VERB_LIMIT_H

#include <json-c/json.h>

/* verb-limit.c */
struct json_object *named_args(const char *key, const char *value);

#endif /* QDM_CLI_VERB_LIMIT_H */
