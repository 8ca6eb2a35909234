// SPDX-License-Identifier: BSD-3-Clause
/* The last frames, kept as bytes and read only when somebody wants to see them. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sim/internal.h"
#include "stack/trace_print.h"

void sim_log(struct sim *sim, unsigned n)
{
	free(sim->log);
	sim->log = n > 0 ? sim_alloc(n, sizeof(*sim->log)) : NULL;
	sim->log_cap = n;
	sim->n_logged = 0;
}

void log_frame(struct sim *sim, const struct sim_node *node, enum log_what what,
	       const struct frame *f)
{
	if (sim->capture != NULL && (what == LOG_SENT || what == LOG_GOT))
		capture_frame(sim, node, what == LOG_SENT ? PCAPNG_OUT : PCAPNG_IN, f);
	if (sim->log_cap == 0)
		return;
	struct log_entry *e = &sim->log[sim->n_logged++ % sim->log_cap];

	*e = (struct log_entry){.at = sim->now,
				.node = node ? node->index : NODE_TRUNK,
				.len = f->len,
				.what = what};
	memcpy(e->bytes, f->data, f->len < sizeof(e->bytes) ? f->len : sizeof(e->bytes));
}

static uint32_t be(const uint8_t *p, unsigned n)
{
	uint32_t v = 0;

	while (n-- > 0)
		v = v << 8 | *p++;
	return v;
}

/* tcp_parse() would refuse: of a long segment only the headers were kept. */
static void print_tcp(const uint8_t *p, uint32_t ip_payload, FILE *out)
{
	uint32_t hdr = (p[12] >> 4) * 4u;
	char flags[9];

	fprintf(out, "%" PRIu32 " > %" PRIu32 " [%s] seq %" PRIu32 " ack %" PRIu32 " win %" PRIu32,
		be(p, 2), be(p + 2, 2), trace_flags(p[13], flags), be(p + 4, 4), be(p + 8, 4),
		be(p + 14, 2));
	fprintf(out, " len %d opts", (int)ip_payload - (int)hdr);
	for (uint32_t i = 20; i < hdr && i < TCP_HLEN + TCP_OPTS_MAX; i++)
		fprintf(out, " %02x", p[i]);
}

static void print_entry(const struct sim *sim, const struct log_entry *e, FILE *out)
{
	static const char *const what[] = {"sends",	 "lost",    "queue full",
					   "duplicated", "corrupt", "receives",
					   "missed",	 "marked",  "too big"};
	const uint8_t *ip = e->bytes + ETH_HLEN;

	fprintf(out, "%12.6f ", (double)(e->at - sim->start) / 1e9);
	if (e->node == NODE_TRUNK)
		fprintf(out, "trunk  ");
	else
		fprintf(out, "node %" PRIu32 " ", e->node);
	fprintf(out, "%-10s ", what[e->what]);
	if (be(e->bytes + 12, 2) == ETH_ARP)
		fprintf(out, "ARP op %" PRIu32 " %08" PRIx32 " asks %08" PRIx32, be(ip + 6, 2),
			be(ip + 14, 4), be(ip + 24, 4));
	else if (be(e->bytes + 12, 2) == ETH_IPV4 && ip[0] == 0x45 && ip[9] == IP_TCP)
		print_tcp(ip + IPV4_HLEN, be(ip + 2, 2) - IPV4_HLEN, out);
	else
		fprintf(out, "type %04" PRIx32 " len %" PRIu32, be(e->bytes + 12, 2), e->len);
	fputc('\n', out);
}

void sim_log_print(const struct sim *sim, FILE *out)
{
	uint64_t first = sim->n_logged > sim->log_cap ? sim->n_logged - sim->log_cap : 0;

	for (uint64_t i = first; i < sim->n_logged; i++)
		print_entry(sim, &sim->log[i % sim->log_cap], out);
}

void sim_trace_print(const struct sim *sim, FILE *out)
{
	for (uint32_t i = 0; i < sim->n_nodes; i++) {
		const struct sim_node *node = sim->nodes[i];

		for (unsigned k = 0; k < node->n_cores; k++) {
			if (node->cores[k].stack == NULL)
				continue;
			fprintf(out, "node %" PRIu32 " core %u\n", i, k);
			trace_print_all(node->cores[k].stack, out);
		}
	}
}
