// SPDX-License-Identifier: BSD-3-Clause
#include "base/pool.h"

#include <string.h>

#include "base/check.h"

static uint32_t stride(uint32_t obj_size)
{
	uint32_t align = obj_size >= 64 ? 64 : 8;

	check(obj_size > 0 && obj_size <= UINT32_MAX - align);
	return (obj_size + align - 1) & ~(align - 1);
}

size_t pool_bytes(uint32_t obj_size, uint32_t capacity)
{
	return (size_t)stride(obj_size) * capacity;
}

void pool_init(struct pool *p, void *mem, uint32_t obj_size, uint32_t capacity)
{
	check(((uintptr_t)mem & 63) == 0 && capacity < POOL_NONE);
	*p = (struct pool){
		.base = mem,
		.obj_size = stride(obj_size),
		.capacity = capacity,
		.free_head = POOL_NONE,
	};
}

void pool_init_apart(struct pool *p, void *mem, uint32_t obj_size, uint32_t capacity)
{
	pool_init(p, mem, obj_size, capacity);
#ifdef MTCP_MALLOC
	p->apart = true;
#endif
}

/* Where a free object's link stands. */
static void *link_of(const struct pool *p, uint32_t id)
{
#ifdef MTCP_MALLOC
	if (p->apart)
		return (void **)(void *)p->base + id;
#endif
	return pool_at(p, id);
}

/* Used objects come back last in, first out: the one freed last is most likely still in cache. */
uint32_t pool_get(struct pool *p)
{
	uint32_t id = p->free_head;

	if (id != POOL_NONE)
		memcpy(&p->free_head, link_of(p, id), sizeof(p->free_head));
	else if (p->n_touched < p->capacity)
		id = p->n_touched++;
	else
		return POOL_NONE;
	p->n_used++;
#ifdef MTCP_MALLOC
	if (p->apart)
		apart_get(p->base, id, p->obj_size);
#endif
	return id;
}

void pool_put(struct pool *p, uint32_t id)
{
	check(id < p->n_touched && p->n_used > 0);
#ifdef MTCP_MALLOC
	if (p->apart)
		apart_put(p->base, id);
#endif
	memcpy(link_of(p, id), &p->free_head, sizeof(p->free_head));
	p->free_head = id;
	p->n_used--;
}
