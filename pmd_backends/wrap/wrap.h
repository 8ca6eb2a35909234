/* SPDX-License-Identifier: BSD-3-Clause */
/* A wrap stands between the stack and a device and sees every burst. Wraps nest. */
#ifndef PMD_WRAP_H
#define PMD_WRAP_H

#include <stdbool.h>
#include <stdint.h>

#include "mtcp/nic.h"

struct wrap {
	struct nic_ops ops; /* first: nic.ops points here exactly when nic.dev is a wrap */
	struct nic inner;
	void (*free)(struct wrap *); /* frees the wrap itself too; the inner device is still open */
};

static inline struct wrap *wrap_of(const struct nic *nic)
{
	return (const void *)nic->ops == nic->dev ? nic->dev : NULL;
}

/* Puts w, with rx_burst, tx_burst and free set, in front of nic; the rest is passed through. */
void wrap_install(struct nic *nic, struct wrap *w);
/* Takes all wraps off. */
void wrap_remove(struct nic *nic);
/* The device behind all wraps. */
const struct nic *wrap_inner(const struct nic *nic);

/* Writes the TCP checksum that the frame should have, and withdraws the request for it. A frame
 * without a whole TCP segment stays as it is. */
void csum_complete(struct nic_pkt *);

/* All frames received and sent go to a pcapng file. Writing that fails is reported once and then
 * given up; the traffic goes on. TCP checksums that were left to the device are completed, so that
 * the file shows what a wire would. 0, or -errno with one line in err. */
int capture_wrap(struct nic *nic, const char *path, char err[NIC_ERR_LEN]);

/* "PREFIX:key=value,.../DEVICE": each pair is given to set, which refuses by false; *rest is
 * DEVICE, or `device` itself if the prefix is another. 1: read; 0: another prefix; -EINVAL with one
 * line in err, which tells `known`: the keys. */
struct wrap_syntax {
	const char *prefix, *known;
	bool (*set)(void *plan, const char *text, size_t len);
};
int wrap_parse(const struct wrap_syntax *, const char *device, void *plan, const char **rest,
	       char err[NIC_ERR_LEN]);

/* What happens to received frames, as probabilities. */
struct fault_plan {
	double loss, dup, reorder, corrupt;
	uint64_t seed;
};
/* "fault:loss=0.01,seed=7/DEVICE": the plan, and *rest at DEVICE; other strings: *rest = device. */
int fault_parse(const char *device, struct fault_plan *, const char **rest, char err[NIC_ERR_LEN]);
int fault_wrap(struct nic *nic, const struct fault_plan *, char err[NIC_ERR_LEN]);

/* SYNs that the device sends beside everything else, as its receive side is polled. */
struct flood_plan {
	double rate; /* per second */
	uint8_t to[4];
	uint16_t port;
	uint64_t seed;
	bool away; /* the target's end: no SYNs; answers to them are taken off what it sends */
};
/* "flood:away/DEVICE", or "flood:rate=1000,to=10.0.0.1:80,seed=7/DEVICE": as fault_parse. */
int flood_parse(const char *device, struct flood_plan *, const char **rest, char err[NIC_ERR_LEN]);
/* Says on standard error, when it is taken off, how many were sent. */
int flood_wrap(struct nic *nic, const struct flood_plan *, char err[NIC_ERR_LEN]);

#endif
