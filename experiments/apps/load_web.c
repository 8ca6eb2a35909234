// SPDX-License-Identifier: BSD-3-Clause
/* Files of a set: which is asked for, and whether it is what comes back. */
#include <string.h>

#include "load_worker.h"
#include "util.h"

#define NAME_AT 4u  /* behind "GET " */
#define SAMPLE	64u /* bytes that are looked at, of what each read brings */

void web_slot_request(struct load_worker *w, struct load_slot *s)
{
	char name[WEBSET_NAME_LEN + 1];

	webset_name(w->https[s - w->slots].file, name);
	memcpy(w->request + NAME_AT, name, WEBSET_NAME_LEN);
}

bool web_slot_check(struct load_worker *w, struct load_slot *s, uint32_t len, uint32_t n_head)
{
	struct load_http *h = &w->https[s - w->slots];
	const char *body = w->scratch + n_head;
	uint32_t n = len - n_head, sample = min_u32(n, SAMPLE);
	uint32_t phase = webset_phase(h->file) + h->body_got;

	if (!h->response.in_body)
		return true;
	h->body_got += n;
	if (h->body_got + h->response.body_left != webset_size(h->file))
		return false;
	/* the first bytes, and the last: what was lost or came twice between shifts them */
	if (memcmp(body, w->set->pattern + phase % WEBSET_PERIOD, sample) != 0)
		return false;
	return memcmp(body + n - sample, w->set->pattern + (phase + n - sample) % WEBSET_PERIOD,
		      sample) == 0;
}
