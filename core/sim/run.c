// SPDX-License-Identifier: BSD-3-Clause
/* The network of a scenario, its changes, its rows. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/num.h"
#include "sim/internal.h"
#include "sim/run_internal.h"
#include "tcp/info.h"

#define FIRST_V4    0x0a000001u
#define BUF_MAX	    (256u << 20) /* buffer memory of a host; untouched memory costs nothing */
#define DRAIN_MOST  (600 * MT_SEC)
#define SPARE_CONNS 64u

/* ---- building ---- */

/* fd00::1 or 10.0.0.1 is host 0. */
static struct ip_addr address_of(const struct scenario *s, uint32_t index)
{
	struct ip_addr a = {.b = {0xfd}};

	index++;
	if (s->family == 4)
		return ip_from_v4(FIRST_V4 - 1 + index);
	a.b[14] = (uint8_t)(index >> 8);
	a.b[15] = (uint8_t)index;
	return a;
}

static uint32_t conns_of(const struct scenario *s, uint32_t kind)
{
	uint64_t n = SPARE_CONNS;

	for (uint32_t i = 0; i < s->n_flows; i++) {
		const struct scn_flow *f = &s->flows[i];
		uint64_t each = f->every > 0 ? 4096 : f->parallel;

		if (f->from_host == kind)
			n += each;
		if (f->to_host == kind)
			n += 2 * each * s->hosts[f->from_host].count;
	}
	return (uint32_t)(n < 2 * SCN_MAX_CONNS ? n : 2 * SCN_MAX_CONNS);
}

static void build_host(struct run *r, struct host *h, const struct stack_neigh_entry *neighs,
		       uint32_t index)
{
	const struct scenario *s = r->scn;
	const struct scn_host *sh = &s->hosts[h->kind];
	struct stack_config cfg = stack_config_default;
	struct sim_host_config hc = {.stack = &cfg, .mtu = sh->mtu};
	uint64_t buf = 0;

	h->run = r;
	h->addr = (struct stack_addr){address_of(s, index), s->family == 4 ? 8 : 64};
	cfg.n_conns = conns_of(s, h->kind);
	cfg.n_time_wait = cfg.n_conns * 4;
	cfg.n_neigh = r->n_hosts + 16;
	cfg.time_wait_ms = (uint32_t)(s->time_wait / MT_MS);
	cfg.tcp = s->tcp;
	buf = (uint64_t)cfg.n_conns * (max_u32(cfg.tcp.sndbuf, cfg.tcp.sndbuf_max) +
				       max_u32(cfg.tcp.rcvbuf, cfg.tcp.rcvbuf_max));
	cfg.buf_bytes = buf < BUF_MAX ? (size_t)buf : BUF_MAX;
	cfg.addrs = &h->addr;
	cfg.n_addrs = 1;
	cfg.neighs = neighs;
	cfg.n_neighs = (uint16_t)r->n_hosts;
	h->node = sim_host(r->sim, &hc);
	sim_place(h->node, sh->at_switch);
	sim_link(h->node, SIM_UP, &sh->pipes[SIM_UP]);
	sim_link(h->node, SIM_DOWN, &sh->pipes[SIM_DOWN]);
	sim_set_app(h->node, flow_app, h);
}

/* Neighbours are known: what ARP does to the first packet is no matter of a scenario. */
static void build_hosts(struct run *r)
{
	const struct scenario *s = r->scn;
	struct stack_neigh_entry *neighs;
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->n_hosts; i++)
		r->n_hosts += s->hosts[i].count;
	r->hosts = sim_alloc(r->n_hosts, sizeof(*r->hosts));
	neighs = sim_alloc(r->n_hosts, sizeof(*neighs));
	for (uint32_t i = 0; i < r->n_hosts; i++)
		neighs[i] = (struct stack_neigh_entry){address_of(s, i), sim_mac_of(i)};
	for (uint32_t i = 0; i < s->n_hosts; i++) {
		for (uint32_t k = 0; k < s->hosts[i].count; k++, n++) {
			struct host *h = &r->hosts[n];

			h->kind = i;
			if (s->hosts[i].count > 1)
				snprintf(h->name, sizeof(h->name), "%s%" PRIu32, s->hosts[i].name,
					 k);
			else
				snprintf(h->name, sizeof(h->name), "%s", s->hosts[i].name);
			build_host(r, h, neighs, n);
		}
	}
	free(neighs);
}

static void build_flow(struct run *r, uint32_t i)
{
	struct traffic *f = &r->flows[i];

	*f = (struct traffic){.run = r, .cfg = &r->scn->flows[i], .result = &r->result->flows[i]};
	f->n_sources = r->scn->hosts[f->cfg->from_host].count;
	f->sources = sim_alloc(f->n_sources, sizeof(*f->sources));
	for (uint32_t k = 0, n = 0; k < r->n_hosts; k++) {
		struct host *h = &r->hosts[k];

		if (h->kind == f->cfg->from_host)
			f->sources[n++] = (struct source){.flow = f, .node = h->node};
		if (h->kind == f->cfg->to_host) {
			f->to_node = h->node;
			f->to = (struct ip_endpoint){.addr = h->addr.addr,
						     .port = (uint16_t)(FLOW_PORT + i)};
		}
	}
	flow_start(f);
}

static void start_capture(struct run *r)
{
	const char **names;

	if (r->opt->capture == NULL)
		return;
	names = sim_alloc(r->n_hosts, sizeof(*names));
	for (uint32_t i = 0; i < r->n_hosts; i++)
		names[i] = r->hosts[i].name;
	sim_capture(r->sim, r->opt->capture, r->scn->snap, names);
	free(names);
}

static void build(struct run *r)
{
	const struct scenario *s = r->scn;

	r->sim = sim_create(r->opt->seed);
	r->start = sim_now(r->sim);
	r->pattern = flow_pattern();
	for (uint32_t i = 0; i < s->n_trunks; i++) {
		sim_add_switch(r->sim);
		sim_trunk(r->sim, i, SIM_UP, &s->trunks[i].pipes[SIM_UP]);
		sim_trunk(r->sim, i, SIM_DOWN, &s->trunks[i].pipes[SIM_DOWN]);
	}
	build_hosts(r);
	start_capture(r);
	for (uint32_t i = 0; i < s->n_flows; i++)
		build_flow(r, i);
}

/* ---- changes ---- */

static void change_pipe(struct run *r, const struct scn_event *e, const struct sim_node *node,
			enum sim_dir dir, struct sim_pipe *pipe)
{
	uint32_t trunk = e->host - SCN_TRUNK;

	*pipe = node != NULL ? *sim_link_config(node, dir) : *sim_trunk_config(r->sim, trunk, dir);
	memcpy((char *)pipe + e->key->offset, &e->value, e->key->size);
	if (pipe->rate_bps == 0)
		pipe->queue_bytes = pipe->ecn_bytes = 0;
}

static void apply(struct run *r, const struct scn_event *e)
{
	struct sim_pipe pipe;

	for (enum sim_dir d = SIM_UP; d <= SIM_DOWN; d++) {
		if (!(e->dirs & 1u << d))
			continue;
		if (e->host >= SCN_TRUNK) {
			change_pipe(r, e, NULL, d, &pipe);
			sim_trunk(r->sim, e->host - SCN_TRUNK, d, &pipe);
			continue;
		}
		for (uint32_t i = 0; i < r->n_hosts; i++) {
			if (r->hosts[i].kind != e->host)
				continue;
			change_pipe(r, e, r->hosts[i].node, d, &pipe);
			sim_link(r->hosts[i].node, d, &pipe);
		}
	}
}

/* ---- rows ---- */

/* Of the end that sends most; goodput is what the other one has got since the last row. */
static void row(struct run *r, const struct traffic *f, struct end *client)
{
	struct end *tx = client, *rx = client->peer;
	struct tcp_info_values v;
	uint64_t got;

	if (rx == NULL)
		return; /* not yet accepted, or on its way out */
	if (f->cfg->response > f->cfg->bytes) {
		tx = rx;
		rx = client;
	}
	got = rx->got - rx->got_sampled;
	rx->got_sampled = rx->got;
	stack_info(sim_core(tx->node, 0), tx->id, sim_now(r->sim), &v);
	fprintf(r->opt->rows, "%.6f,%s,%" PRIu64 ",%" PRIu64 ",", (double)run_time(r) / 1e9,
		f->cfg->name, client->number, (uint64_t)v.cwnd * v.snd_mss);
	if (v.ssthresh != INT32_MAX)
		fprintf(r->opt->rows, "%" PRIu64, (uint64_t)v.ssthresh * v.snd_mss);
	fprintf(r->opt->rows, ",%.3f,%" PRIu64 ",%.0f,%" PRIu64 "\n", v.srtt_us / 1e3,
		(uint64_t)v.unacked * v.snd_mss, (double)got * 8e9 / (double)r->scn->sample,
		stack_stats(sim_core(tx->node, 0))->retransmits);
}

static void rows(struct run *r)
{
	if (r->opt->rows == NULL)
		return;
	for (uint32_t i = 0; i < r->scn->n_flows; i++)
		for (struct end *e = r->flows[i].clients; e != NULL; e = e->next)
			row(r, &r->flows[i], e);
}

/* ---- running ---- */

static bool all_over(void *ctx)
{
	const struct run *r = ctx;

	for (uint32_t i = 0; i < r->scn->n_flows; i++)
		if (!flow_is_over(&r->flows[i]))
			return false;
	return true;
}

/* The next instant at which the run itself has something to do. */
static mt_time next_stop(const struct run *r, mt_time sample, uint32_t event)
{
	mt_time at = mt_min(r->scn->duration, sample);

	if (event < r->scn->n_events)
		at = mt_min(at, r->scn->events[event].at);
	for (uint32_t i = 0; i < r->scn->n_flows; i++)
		if (!r->flows[i].stopped)
			at = mt_min(at, r->scn->flows[i].stop);
	return at;
}

static void run_all(struct run *r)
{
	const struct scenario *s = r->scn;
	mt_time sample = s->sample, at = 0;
	uint32_t event = 0;

	while (at < s->duration && !all_over(r)) {
		at = next_stop(r, sample, event);
		sim_run(r->sim, all_over, r, r->start + at);
		if (run_time(r) < at)
			break;
		for (; event < s->n_events && s->events[event].at <= at; event++)
			apply(r, &s->events[event]);
		for (uint32_t i = 0; i < s->n_flows && at < s->duration; i++)
			if (!r->flows[i].stopped && s->flows[i].stop <= at)
				flow_stop(&r->flows[i]);
		if (at < sample)
			continue;
		rows(r);
		sample += s->sample;
		if (r->opt->watch != NULL && r->opt->watch(r->opt->ctx, r->result))
			break;
	}
}

static bool is_empty(void *ctx)
{
	const struct run *r = ctx;

	for (uint32_t i = 0; i < r->n_hosts; i++) {
		struct stack_usage u;

		stack_usage(sim_core(r->hosts[i].node, 0), &u);
		if (u.conns || u.time_wait || u.buf_bytes || u.cold || u.half_open ||
		    u.pkts_held != sim_bufs_held(r->hosts[i].node))
			return false;
	}
	return true;
}

static bool drain(struct run *r)
{
	r->draining = true;
	for (uint32_t i = 0; i < r->scn->n_flows; i++)
		flow_stop(&r->flows[i]);
	return sim_run(r->sim, is_empty, r, sim_now(r->sim) + DRAIN_MOST);
}

/* ---- results ---- */

struct fairness {
	double n, sum, squares;
};

static void add_flow(struct run *r, struct traffic *f, struct fairness *fair)
{
	mt_time from = f->cfg->start > r->scn->warmup ? f->cfg->start : r->scn->warmup;
	mt_time to = run_time(r);

	if (f->clients == NULL && f->ended_at > r->start + from)
		to = f->ended_at - r->start;
	f->result->goodput_bps =
		to > from ? (double)f->result->bytes * 8e9 / (double)(to - from) : 0;
	if (f->cfg->bytes > 0)
		return;
	for (struct end *e = f->servers; e != NULL; e = e->next) {
		double x = (double)e->got_measured;

		fair->n++;
		fair->sum += x;
		fair->squares += x * x;
	}
}

static void collect(struct run *r)
{
	struct scn_result *res = r->result;
	struct fairness fair = {0};

	res->ran = run_time(r);
	res->n_flows = r->scn->n_flows;
	for (uint32_t i = 0; i < r->scn->n_flows; i++)
		add_flow(r, &r->flows[i], &fair);
	res->jain = fair.squares > 0 ? fair.sum * fair.sum / (fair.n * fair.squares) : 1;
	for (uint32_t i = 0; i < r->n_hosts; i++) {
		const struct mtcp_stats *st = stack_stats(sim_core(r->hosts[i].node, 0));

		res->frames += sim_link_stats(r->hosts[i].node, SIM_UP)->frames;
		res->retransmits += st->retransmits;
		res->timeouts += st->rto_fired;
	}
	for (uint32_t i = 0; i < r->scn->n_trunks; i++)
		for (enum sim_dir d = SIM_UP; d <= SIM_DOWN; d++)
			res->trunks[i][d] = *sim_trunk_stats(r->sim, i, d);
}

struct scn_result *scn_run(const struct scenario *s, const struct scn_run_options *opt)
{
	struct scn_result *result =
		sim_alloc(1, sizeof(*result) + s->n_flows * sizeof(result->flows[0]));
	struct run *r = sim_alloc(1, sizeof(*r));

	r->scn = s;
	r->opt = opt;
	r->result = result;
	if (opt->rows != NULL)
		fprintf(opt->rows, "time,flow,connection,cwnd,ssthresh,rtt_ms,in_flight,goodput_"
				   "bps,retransmits\n");
	build(r);
	run_all(r);
	collect(r);
	result->drained = opt->drain && drain(r);
	for (uint32_t i = 0; i < s->n_flows; i++)
		flow_free(&r->flows[i]);
	sim_destroy(r->sim);
	free(r->hosts);
	free(r->pattern);
	free(r);
	return result;
}
