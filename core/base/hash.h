/* SPDX-License-Identifier: BSD-3-Clause */
/* Keyed hashes. SipHash-2-4 (Aumasson & Bernstein 2012) for what an attacker must not predict;
 * Toeplitz (as NICs compute it for RSS) for choosing a receive queue. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

struct siphash_key {
	uint64_t k0, k1;
};

uint64_t siphash(const struct siphash_key *, const void *data, size_t len);

#define RSS_KEY_LEN  40
#define RSS_RETA_LEN 512 /* entries of the software indirection table; a power of two */

/* Toeplitz by byte: lut[i][b] is what value b at input byte i adds (36 bytes: IPv6 and ports). */
struct toeplitz {
	uint32_t lut[36][256];
};

/* The key we program: dense and aperiodic, so that queues 1..16 fill evenly. */
extern const uint8_t rss_default_key[RSS_KEY_LEN];

void toeplitz_init(struct toeplitz *, const uint8_t key[RSS_KEY_LEN]);
/* in, network order: source address, destination address, source port, destination port. */
uint32_t toeplitz_hash(const struct toeplitz *, const uint8_t *in, size_t len);
/* Queue of a hash among n queues: entry (hash mod RSS_RETA_LEN) of a table filled round-robin. */
static inline uint16_t rss_queue(uint32_t hash, uint16_t n_queues)
{
	uint32_t entry = hash & (RSS_RETA_LEN - 1);

	if (!(n_queues & (n_queues - 1))) /* spares a division for each frame */
		return (uint16_t)(entry & (n_queues - 1u));
	return (uint16_t)(entry % n_queues);
}

#endif
