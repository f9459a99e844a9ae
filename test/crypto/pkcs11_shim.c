/* SPDX-License-Identifier: MIT */

/*
 * A PKCS#11 module before another one: it passes everything on, counts, and at
 * a chosen call says what a token would say that was pulled out.
 *
 *   SHIM_MODULE  the real one
 *   SHIM_FAIL    "sign:2:0x32": the second C_Sign, and everything after it, returns 0x32
 *   SHIM_GONE    while there is a file of this name, the token is pulled out
 *   SHIM_FLAGS   flags that every token shows besides its own ("0x40000": PIN locked)
 *   SHIM_LOG     a line for each call that is counted
 */

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef unsigned long Result;
typedef Result (*Call)(void *, void *, void *, void *, void *, void *);

enum {
	N_CALLS = 68,
	SLOT_LIST = 4,
	TOKEN_INFO = 6,
	CLOSE_ALL = 14,
	TOKEN_FLAGS_AT = 96,
	REMOVED = 0x32
};

typedef struct {
	unsigned char version[2];
	Call calls[N_CALLS];
} Table;

static Table *real, table;
static Result gone;
static int counts[N_CALLS];

static const struct {
	const char *name;
	int at;
} counted[] = {
	{ "initialize", 0 }, { "finalize", 1 }, { "open", 12 },
	{ "login", 18 },     { "find", 26 },    { "sign", 43 },
	{ "decrypt", 34 },   { "derive", 62 },  { "sign-init", 42 },
};

static int is_chosen(const char *name, int count)
{
	const char *rule = getenv("SHIM_FAIL");
	size_t size = strlen(name);

	if (!rule || strncmp(rule, name, size) || rule[size] != ':')
		return 0;
	if (atoi(rule + size + 1) != count)
		return 0;
	gone = strtoul(strchr(rule + size + 1, ':') + 1, NULL, 0);
	return 1;
}

static Result count(const char *name, int at)
{
	const char *log = getenv("SHIM_LOG");
	FILE *file = log ? fopen(log, "a") : NULL;

	if (file) {
		fprintf(file, "%s\n", name);
		fclose(file);
	}
	is_chosen(name, ++counts[at]);
	return gone;
}

/* When it is plugged in again, nothing is open and nobody is logged in. */
static int is_pulled(void)
{
	static int was_pulled;
	const char *mark = getenv("SHIM_GONE");
	unsigned long slots[64], n = 64;

	if (mark && access(mark, F_OK) == 0)
		return was_pulled = 1;
	if (was_pulled && !real->calls[SLOT_LIST]((void *)1, slots, &n, NULL, NULL, NULL))
		while (n--)
			real->calls[CLOSE_ALL]((void *)slots[n], NULL, NULL, NULL, NULL, NULL);
	return was_pulled = 0;
}

static Result pass(int at, void *a, void *b, void *c, void *d, void *e, void *f)
{
	for (size_t i = 0; i < sizeof(counted) / sizeof(*counted); i++)
		if (counted[i].at == at)
			count(counted[i].name, at);
	if (gone && at > 3)
		return gone;
	if (at > 3 && is_pulled()) {
		if (at == SLOT_LIST && a)
			*(unsigned long *)c = 0;
		return at == SLOT_LIST && a ? 0 : REMOVED;
	}

	Result result = real->calls[at](a, b, c, d, e, f);
	if (at == TOKEN_INFO && result == 0 && getenv("SHIM_FLAGS"))
		*(unsigned long *)((char *)b + TOKEN_FLAGS_AT) |=
			strtoul(getenv("SHIM_FLAGS"), NULL, 0);
	return result;
}

/* clang-format off */
#define PASS(at) \
	static Result pass_##at(void *a, void *b, void *c, void *d, void *e, void *f) \
	{ return pass(at, a, b, c, d, e, f); }
PASS(0)
PASS(1)
PASS(4)
PASS(5)
PASS(6)
PASS(12)
PASS(13)
PASS(15)
PASS(18)
PASS(24)
PASS(26)
PASS(27)
PASS(33)
PASS(34)
PASS(42)
PASS(43)
PASS(62)
/* clang-format on */

__attribute__((visibility("default"))) Result C_GetFunctionList(Table **to);

Result C_GetFunctionList(Table **to)
{
	const char *path = getenv("SHIM_MODULE");
	void *library = path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
	Result (*get)(Table **) =
		library ? (Result(*)(Table **))dlsym(library, "C_GetFunctionList") : NULL;

	if (!get || get(&real))
		return 5;
	table = *real;
	table.calls[0] = pass_0;
	table.calls[1] = pass_1;
	table.calls[4] = pass_4;
	table.calls[5] = pass_5;
	table.calls[6] = pass_6;
	table.calls[12] = pass_12;
	table.calls[13] = pass_13;
	table.calls[15] = pass_15;
	table.calls[18] = pass_18;
	table.calls[24] = pass_24;
	table.calls[26] = pass_26;
	table.calls[27] = pass_27;
	table.calls[33] = pass_33;
	table.calls[34] = pass_34;
	table.calls[42] = pass_42;
	table.calls[43] = pass_43;
	table.calls[62] = pass_62;
	*to = &table;
	return 0;
}
