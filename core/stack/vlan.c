// SPDX-License-Identifier: BSD-3-Clause
#include "stack/vlan.h"

#include "mtcp/nic.h"

#define MACS_LEN 12u
#define VID	 0x0fffu /* the rest is priority */

bool vlan_strip(struct nic_pkt *p, uint16_t *vlan)
{
	if (p->len < ETH_HLEN + VLAN_HLEN)
		return false;
	*vlan = get_be16(p->data + MACS_LEN + 2) & VID;
	memmove(p->data + VLAN_HLEN, p->data, MACS_LEN);
	p->data += VLAN_HLEN;
	p->len = (uint16_t)(p->len - VLAN_HLEN);
	return true;
}

void vlan_insert(struct nic_pkt *p, uint16_t vlan)
{
	memmove(p->data + MACS_LEN + VLAN_HLEN, p->data + MACS_LEN, p->len - MACS_LEN);
	put_be16(p->data + MACS_LEN, ETH_VLAN);
	put_be16(p->data + MACS_LEN + 2, vlan);
	p->len = (uint16_t)(p->len + VLAN_HLEN);
}
