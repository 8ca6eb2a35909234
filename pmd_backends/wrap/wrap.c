// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>

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

int wrap_parse(const struct wrap_syntax *syntax, const char *device, void *plan, const char **rest,
	       char err[NIC_ERR_LEN])
{
	size_t prefix = strlen(syntax->prefix);
	const char *at = device + prefix;

	*rest = device;
	if (strncmp(device, syntax->prefix, prefix))
		return 0;
	while (*at && *at != '/') {
		size_t len = strcspn(at, ",/");

		if (!syntax->set(plan, at, len)) {
			snprintf(err, NIC_ERR_LEN, "%s '%.*s' is not one of %s", syntax->prefix,
				 (int)(len < 40 ? len : 40), at, syntax->known);
			return -EINVAL;
		}
		at += len + (at[len] == ',');
	}
	if (*at != '/') {
		snprintf(err, NIC_ERR_LEN, "%s the device is missing: %s.../ring:w:0",
			 syntax->prefix, syntax->prefix);
		return -EINVAL;
	}
	*rest = at + 1;
	return 1;
}
