// SPDX-License-Identifier: BSD-3-Clause
#include "accept_queue.h"

#include <errno.h>
#include <stdlib.h>

int accept_queue_init(struct accept_queue *q)
{
	q->head = q->tail = 0;
	q->at = malloc(ACCEPT_QUEUE_LEN * sizeof(*q->at));
	if (q->at == NULL)
		return -ENOMEM;
	return -pthread_mutex_init(&q->lock, NULL);
}

void accept_queue_free(struct accept_queue *q)
{
	if (q->at == NULL)
		return;
	pthread_mutex_destroy(&q->lock);
	free(q->at);
}

void accept_queue_put(struct accept_queue *q, struct accepted a)
{
	pthread_mutex_lock(&q->lock);
	q->at[q->tail++ % ACCEPT_QUEUE_LEN] = a;
	pthread_mutex_unlock(&q->lock);
}

bool accept_queue_get(struct accept_queue *q, struct accepted *out)
{
	bool any;

	pthread_mutex_lock(&q->lock);
	any = q->head != q->tail;
	if (any)
		*out = q->at[q->head++ % ACCEPT_QUEUE_LEN];
	pthread_mutex_unlock(&q->lock);
	return any;
}

struct accept_share *accept_share_create(uint32_t n_workers)
{
	struct accept_share *s = calloc(1, sizeof(*s) + n_workers * sizeof(*s->own));
	int ret;

	if (s == NULL)
		return NULL;
	s->own = (struct accept_queue *)(s + 1);
	s->n_workers = n_workers;
	ret = accept_queue_init(&s->all);
	for (uint32_t i = 0; i < n_workers && ret == 0; i++)
		ret = accept_queue_init(&s->own[i]);
	if (ret == 0)
		return s;
	accept_share_free(s);
	return NULL;
}

void accept_share_free(struct accept_share *s)
{
	if (s == NULL)
		return;
	accept_queue_free(&s->all);
	for (uint32_t i = 0; i < s->n_workers; i++)
		accept_queue_free(&s->own[i]);
	free(s);
}

int accept_share_next(struct accept_share *s, uint32_t worker, unsigned *most)
{
	struct accepted a;

	while (*most > 0 && accept_queue_get(&s->all, &a)) {
		(*most)--;
		if (a.worker == worker)
			return a.fd;
		accept_queue_put(&s->own[a.worker], a);
	}
	return accept_queue_get(&s->own[worker], &a) ? a.fd : -1;
}
