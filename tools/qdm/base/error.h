/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The reason of a refusal: a QMP class and one sentence. A function that can fail fills
 * it in at the place that detects the failure, so callers only pass it up; cli/main.c
 * and qmp/execute.c alone print it.
 */
#ifndef QDM_BASE_ERROR_H
#define QDM_BASE_ERROR_H

#define ERROR_GENERIC		"GenericError"
#define ERROR_NOT_FOUND		"DeviceNotFound"
#define ERROR_NOT_ACTIVE	"DeviceNotActive"
#define ERROR_NO_COMMAND	"CommandNotFound"
#define ERROR_MISUSE		"CommandLine"	/* never in QMP */

struct error {
	const char *class;
	char text[512];
};

/* Both return -1, so that a check can end with `return refuse(...)`. */
__attribute__((format(printf, 2, 3)))
int refuse(struct error *error, const char *fmt, ...);
__attribute__((format(printf, 3, 4)))
int refuse_as(struct error *error, const char *class, const char *fmt, ...);

#define misuse(error, ...)	refuse_as(error, ERROR_MISUSE, __VA_ARGS__)

#endif /* QDM_BASE_ERROR_H */
