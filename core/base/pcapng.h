/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Blocks of a capture file (draft-ietf-opsawg-pcapng), in this machine's byte order, which the section header
 * declares; Ethernet, nanoseconds. Builders write to `at` and return the end of what they wrote; no I/O here.
 * A file is one section header, one block per interface (numbered from 0 in their order), then packets.
 */
#ifndef BASE_PCAPNG_H
#define BASE_PCAPNG_H

#include <stdint.h>

#define PCAPNG_NAME_MAX	   63u	/* of an interface; the rest of a longer name is left out */
#define PCAPNG_HEAD_MAX	   128u /* bytes of a section or an interface block, at most */
#define PCAPNG_PACKET_OVER 44u	/* bytes of a packet block besides the frame and its padding to 4 */

enum pcapng_dir { PCAPNG_IN = 1, PCAPNG_OUT = 2 };

struct pcapng_packet {
	const uint8_t *data;
	uint32_t len;
	uint32_t snap; /* the frame is cut here */
	uint32_t interface;
	uint64_t ns;
	enum pcapng_dir dir;
};

uint8_t *pcapng_section(uint8_t *at);
uint8_t *pcapng_interface(uint8_t *at, const char *name, uint32_t snap);
uint8_t *pcapng_put(uint8_t *at, const struct pcapng_packet *);

#endif
