// SPDX-License-Identifier: BSD-3-Clause
#include "base/pcapng.h"

#include <string.h>

static uint32_t padded(uint32_t len)
{
	return (len + 3) & ~3u;
}

static uint8_t *put32(uint8_t *at, uint32_t v)
{
	memcpy(at, &v, 4);
	return at + 4;
}

static uint8_t *put_bytes(uint8_t *at, const void *data, uint32_t len)
{
	memcpy(at, data, len);
	memset(at + len, 0, padded(len) - len);
	return at + padded(len);
}

static uint8_t *put_option(uint8_t *at, uint16_t code, const void *data, uint16_t len)
{
	memcpy(at, &code, 2);
	memcpy(at + 2, &len, 2);
	return put_bytes(at + 4, data, len);
}

/* Total length, known at the end, stands at both ends of a block. */
static uint8_t *end_block(uint8_t *start, uint8_t *at)
{
	uint32_t len = (uint32_t)(at - start) + 4;

	put32(start + 4, len);
	return put32(at, len);
}

uint8_t *pcapng_section(uint8_t *start)
{
	static const uint16_t version[2] = {1, 0};
	static const uint8_t unknown_length[8] = {255, 255, 255, 255, 255, 255, 255, 255};
	uint8_t *at = put32(start, 0x0a0d0d0a);

	at = put32(at + 4, 0x1a2b3c4d);
	at = put_bytes(at, version, 4);
	at = put_bytes(at, unknown_length, 8);
	at = put_option(at, 4, "mtcp", 4);
	return end_block(start, put32(at, 0));
}

uint8_t *pcapng_interface(uint8_t *start, const char *name, uint32_t snap)
{
	uint8_t *at = put32(start, 1), tsresol = 9;

	at = put32(at + 4, 1); /* Ethernet */
	at = put32(at, snap);
	at = put_option(at, 2, name, (uint16_t)strnlen(name, PCAPNG_NAME_MAX));
	at = put_option(at, 9, &tsresol, 1);
	return end_block(start, put32(at, 0));
}

uint8_t *pcapng_put(uint8_t *start, const struct pcapng_packet *p)
{
	uint32_t len = p->len < p->snap ? p->len : p->snap, dir = p->dir;
	uint8_t *at = put32(start, 6);

	at = put32(at + 4, p->interface);
	at = put32(at, (uint32_t)(p->ns >> 32));
	at = put32(at, (uint32_t)p->ns);
	at = put32(at, len);
	at = put32(at, p->len);
	at = put_bytes(at, p->data, len);
	at = put_option(at, 2, &dir, 4);
	return end_block(start, put32(at, 0));
}
