/* SPDX-License-Identifier: BSD-3-Clause */
/* TCP segments for the tests of checksums. */
#ifndef NIC_SEGMENT_H
#define NIC_SEGMENT_H

#include "base/csum.h"
#include "nic_test.h"

enum shape { V4, V4_TAGGED, V6, N_SHAPES };

static const size_t l3_at[N_SHAPES] = {14, 18, 14};
static const size_t ip_len[N_SHAPES] = {20, 20, 40};

/* A TCP segment of n_data bytes with the checksum left out; with it, if full. */
static inline uint16_t segment(uint8_t *f, enum shape shape, uint16_t n_data, bool full)
{
	uint8_t *ip = f + l3_at[shape], *tcp = ip + ip_len[shape];
	uint16_t len = (uint16_t)(32 + n_data), csum;
	uint8_t pseudo[40] = {[36] = (uint8_t)(len >> 8), [37] = (uint8_t)len, [39] = 6};

	memset(f, 0, 200);
	memcpy(f + 12, shape == V4_TAGGED ? "\x81\x00\x00\x07\x08\x00" : "\x08\x00",
	       shape == V4_TAGGED ? 6 : 2);
	if (shape == V6) {
		memcpy(f + 12, "\x86\xdd\x60\x00\x00\x00\x00\x00\x06\x40", 10);
		ip[5] = (uint8_t)len;
		memset(ip + 8, 0x20, 32);
		memcpy(pseudo, ip + 8, 32);
	} else {
		memcpy(ip,
		       "\x45\x00\x00\x00\x00\x00\x40\x00\x40\x06\x00\x00\x0a\x00\x00\x01\x0a\x00"
		       "\x00\x02",
		       20);
		ip[3] = (uint8_t)(20 + len);
		memcpy(pseudo, ip + 12, 8);
	}
	for (uint16_t i = 0; i < len; i++)
		tcp[i] = (uint8_t)(i * 7 + 1);
	tcp[12] = 0x80;
	memset(tcp + 16, 0, 2);
	csum = csum_fold(csum_add(csum_add(0, pseudo, sizeof pseudo), tcp, len));
	if (full)
		memcpy(tcp + 16, &csum, 2);
	return (uint16_t)(l3_at[shape] + ip_len[shape] + len);
}

#endif
