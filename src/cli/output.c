/* SPDX-License-Identifier: MIT */

#include "cli/output.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/error.h"

static const char *const format_names[] = {
	[OUTPUT_READABLE] = "readable",       [OUTPUT_SHELL] = "shell",   [OUTPUT_JSON] = "json",
	[OUTPUT_JSON_PRETTY] = "json-pretty", [OUTPUT_JSON_2] = "json-2",
};

bool output_format_by_name(const char *name, OutputFormat *format)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(format_names); i++) {
		if (g_str_equal(name ? name : "readable", format_names[i])) {
			*format = i;
			return true;
		}
	}
	return false;
}

bool output_take_format(const char *name, OutputFormat *format)
{
	if (output_format_by_name(name, format) && *format != OUTPUT_SHELL &&
	    *format != OUTPUT_JSON_2)
		return true;
	output_complain("Unknown output format: '%s'.", name);
	output_complain("Supported formats are: readable, json, json-pretty.");
	return false;
}

bool output_is_terminal(void)
{
	return isatty(STDOUT_FILENO) && g_strcmp0(g_getenv("TERM"), "dumb") != 0;
}

OutputLook output_look(void)
{
	const char *no_colour = g_getenv("NO_COLOR");

	return (OutputLook){
		.has_colour = output_is_terminal() && !(no_colour && *no_colour),
		.has_utf8 = g_get_charset(NULL),
	};
}

unsigned output_width(void)
{
	struct winsize size;

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : 80;
}

/* What the charset does not have is '?'. */
static void print_for_people(const char *text)
{
	const char *charset;

	if (g_get_charset(&charset)) {
		fputs(text, stdout);
		return;
	}
	g_autofree char *valid = g_utf8_make_valid(text, -1);
	g_autofree char *converted =
		g_convert_with_fallback(valid, -1, charset, "UTF-8", "?", NULL, NULL, NULL);
	fputs(converted ? converted : valid, stdout);
}

void output_text(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_autofree char *text = g_strdup_vprintf(format, args);
	va_end(args);
	print_for_people(text);
}

void output_bytes(const GString *bytes)
{
	fwrite(bytes->str, 1, bytes->len, stdout);
}

void output_result(OutputFormat format, const GString *text)
{
	if (format == OUTPUT_READABLE)
		print_for_people(text->str);
	else
		output_bytes(text);
}

void output_complain(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_autofree char *text = g_strdup_vprintf(format, args);
	va_end(args);
	g_strdelimit(g_strchomp(text), "\r\n", ' ');

	g_autoptr(GString) safe = g_string_new(NULL);
	output_append_safe(safe, text);
	fflush(stdout); /* so that the two stay in order where they go to one place */
	g_printerr("%s\n", safe->str);
}

void output_hint(const char *code, const char *hint)
{
	static const char *const silent[] = { "config", "not-found", "unsupported", "usage", NULL };

	if (code && hint && *hint && !g_strv_contains(silent, code))
		output_complain("hint: %s", hint);
}

int output_finish(int code)
{
	errno = 0;
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;

	if (errno)
		g_printerr("Failed to write to standard output: %s\n", g_strerror(errno));
	else
		g_printerr("Failed to write to standard output\n");
	return code ? code : 1;
}

void output_append_safe(GString *to, const char *text)
{
	if (!text)
		text = "(null)";
	while (*text) {
		gunichar c = g_utf8_get_char_validated(text, -1);

		if (c == (gunichar)-1 || c == (gunichar)-2) {
			g_string_append_c(to, *text++); /* not UTF-8: a file name, maybe */
			continue;
		}
		if (c == '\n' || c == '\t' || !g_unichar_iscntrl(c))
			g_string_append_unichar(to, c);
		else
			g_string_append_printf(to, "\\x%02x", c);
		text = g_utf8_next_char(text);
	}
}

void output_append_style(GString *to, OutputLook look, const char *code)
{
	if (look.has_colour)
		g_string_append_printf(to, "\033[%sm", code);
}

void output_append_shell(GString *to, const char *key, const char *value)
{
	g_autofree char *quoted = g_shell_quote(value ? value : "");

	g_string_append_printf(to, "%s=%s\n", key, quoted);
}
