// SPDX-License-Identifier: BSD-3-Clause
#include "wrap.h"

static uint16_t pass_alloc(void *dev, uint16_t queue, struct nic_pkt *pkts, uint16_t n)
{
	struct wrap *w = dev;

	return w->inner.ops->alloc(w->inner.dev, queue, pkts, n);
}

static void pass_release(void *dev, uint16_t queue, struct nic_pkt *pkts, uint16_t n)
{
	struct wrap *w = dev;

	w->inner.ops->release(w->inner.dev, queue, pkts, n);
}

static int pass_rx_wait(void *dev, uint16_t queue, bool arm)
{
	struct wrap *w = dev;

	return w->inner.ops->rx_wait(w->inner.dev, queue, arm);
}

void wrap_install(struct nic *nic, struct wrap *w)
{
	w->inner = *nic;
	w->ops.alloc = pass_alloc;
	w->ops.release = pass_release;
	w->ops.rx_wait = nic->ops->rx_wait ? pass_rx_wait : NULL;
	nic->ops = &w->ops;
	nic->dev = w;
}

void wrap_remove(struct nic *nic)
{
	struct wrap *w;

	while ((w = wrap_of(nic)) != NULL) {
		nic->ops = w->inner.ops;
		nic->dev = w->inner.dev;
		w->free(w);
	}
}

const struct nic *wrap_inner(const struct nic *nic)
{
	struct wrap *w;

	while ((w = wrap_of(nic)) != NULL)
		nic = &w->inner;
	return nic;
}
