/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What happened to this device, for people and machines that look later (chapter 10.3).
 *
 * Every event goes to the journal, where stderr is connected to it, and to the [log.<name>]
 * files that want its type. A file that cannot be written is given up with a warning: a log
 * never stands in the way of an update.
 */

#include <glib.h>

#include "model/config.h"

typedef struct EventLog EventLog;

typedef enum { EVENT_BOOT, EVENT_MARK, EVENT_INSTALL, EVENT_SERVICE, EVENT_WRITESLOT } EventType;

typedef struct {
	const char *key, *value; /* value NULL: left out */
} EventField;

typedef struct {
	EventType type;
	const char *message;
	const char *id;      /* MESSAGE_ID; NULL: none */
	bool is_warning;     /* to the journal as one */
	bool id_comes_first; /* where RAUC's JSON has it; see event_log_format() */
	const EventField *fields;
	size_t n_fields;
} Event;

EventLog *event_log_open(const Config *config);
void event_log_close(EventLog *log);
void event_log_write(EventLog *log, const Event *event);

/* The text of one event, newline included. `format` is one of [log.<name>] format. */
char *event_log_format(const Event *event, const char *format, const char *timestamp);
