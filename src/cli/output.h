/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The way out: results on stdout, complaints on stderr.
 *
 * Nothing is lost in silence: what stdout did not take is an error when the
 * program ends.
 */

#include <glib.h>
#include <stdbool.h>

typedef enum {
	OUTPUT_READABLE,
	OUTPUT_SHELL,
	OUTPUT_JSON,
	OUTPUT_JSON_PRETTY,
	OUTPUT_JSON_2,
} OutputFormat;

/* What the one who reads it can show. */
typedef struct {
	bool has_colour;
	bool has_utf8;
} OutputLook;

/* By its name on the command line; NULL is readable. */
bool output_format_by_name(const char *name, OutputFormat *format);
/* The same of a verb that has only readable, json and json-pretty; false: the others are complained of. */
bool output_take_format(const char *name, OutputFormat *format);

/* Of stdout: colour on a terminal without NO_COLOR, UTF-8 by the locale. */
OutputLook output_look(void);
bool output_is_terminal(void);
unsigned output_width(void); /* of the terminal, 80 where nobody knows */

/* Text for people, in the charset of the locale. */
void output_text(const char *format, ...) G_GNUC_PRINTF(1, 2);
/* Bytes for programs, as they are. */
void output_bytes(const GString *bytes);
/* One or the other, as the format wants it. */
void output_result(OutputFormat format, const GString *text);

/* One line on stderr, whatever is in it. */
void output_complain(const char *format, ...) G_GNUC_PRINTF(1, 2);
/* A second line, "hint: …", where this kind of failure (doc/errors.md) has something to add;
 * where the message itself says it, nothing. Both may be NULL. */
void output_hint(const char *code, const char *hint);

/* The exit code: `code`, or 1 where stdout did not take everything. */
int output_finish(int code);

/* Building blocks of readable output: control characters are shown, not sent. */
void output_append_safe(GString *to, const char *text);
/* ESC[<code>m where there is colour. */
void output_append_style(GString *to, OutputLook look, const char *code);
/* KEY='value' and a newline; NULL is an empty value. */
void output_append_shell(GString *to, const char *key, const char *value);
