// SPDX-License-Identifier: BSD-3-Clause
#include "api/ctx.h"
#include "stack/trace_print.h"

static void print_one(const struct stack_core *sc, uint32_t id, void *out)
{
	trace_print(sc, id, out);
}

static void print_all(const struct stack_core *sc, uint32_t id, void *out)
{
	(void)id;
	trace_print_all(sc, out);
}

API int mtcp_trace(mctx_t m, int sockid, FILE *out)
{
	API_BOOKED(m, mtcp_trace(m, sockid, out));
	struct ctx *c = ctx_of(m);
	struct fd *f;
	int r = fd_socket(m, sockid, &f);

	if (r < 0 || !out)
		return api_result(r < 0 ? r : -EFAULT);
	if (f->kind != MTCP_SOCK_STREAM || f->id == RT_ID_NONE)
		return api_result(-ENOTCONN);
	c->core.ops->look(&c->core, f->id, print_one, out);
	return 0;
}

API int mtcp_trace_all(mctx_t m, FILE *out)
{
	API_BOOKED(m, mtcp_trace_all(m, out));
	struct ctx *c = ctx_of(m);

	if (!m || !out)
		return api_result(m ? -EFAULT : -EINVAL);
	c->core.ops->look(&c->core, RT_ID_NONE, print_all, out);
	return 0;
}
