/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * VLAN tags (IEEE 802.1Q), taken off where a frame comes in and put on where one goes out, so that
 * nothing between knows of them but by sc->vlan: the VLAN of the frame being answered or built, 0:
 * untagged.
 *
 * stack_config.vlan 0: a frame is taken with any tag and answered in kind. A connection and a
 * neighbour belong to the VLAN they were first heard in; what this host opens by itself is
 * untagged. An address stands for one host whatever the VLAN, so VLANs that do not trust each other
 * want a stack each. Else: only that VLAN; frames of others, and untagged ones, are dropped
 * (drop_vlan). Priority tags (VLAN 0) count as untagged. A second tag is not understood.
 */
#ifndef STACK_VLAN_H
#define STACK_VLAN_H

#include "wire/bytes.h"
#include "wire/wire.h"

struct nic_pkt;

/* Without the tag the frame begins VLAN_HLEN bytes later. True: *vlan is its VLAN. */
bool vlan_strip(struct nic_pkt *, uint16_t *vlan);
/* The frame has room for VLAN_HLEN more bytes. */
void vlan_insert(struct nic_pkt *, uint16_t vlan);

static inline bool vlan_tagged(const uint8_t *frame)
{
	return get_be16(frame + 12) == ETH_VLAN;
}

#endif
