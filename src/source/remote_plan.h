/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What of a file will be wanted, and was not asked for yet, for source/remote: extents of pieces
 * [first, end). Those with little between them become one. It has no lock.
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct {
	uint64_t first, end;
	uint64_t turn; /* the least was wanted first */
} RemoteExtent;

typedef GArray RemotePlan; /* of RemoteExtent, ascending, apart from each other */

RemotePlan *remote_plan_new(void);
/* Up to `gap` pieces that nobody wanted are taken along rather than asked for around. It is a hint: where there are
 * too many extents already it is forgotten. */
void remote_plan_add(RemotePlan *plan, uint64_t first, uint64_t end, uint64_t gap);
/* The one whose turn it is; false: none. It is out of the plan then. */
bool remote_plan_take_next(RemotePlan *plan, RemoteExtent *extent);
/* The one with `number` in it; what lies more than `lead` pieces before it stays in the plan. */
bool remote_plan_take_at(RemotePlan *plan, uint64_t number, uint64_t lead, RemoteExtent *extent);
/* Nothing of [first, end) is wanted any more. */
void remote_plan_remove(RemotePlan *plan, uint64_t first, uint64_t end);
bool remote_plan_has(const RemotePlan *plan, uint64_t number);
