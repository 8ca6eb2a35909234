// SPDX-License-Identifier: BSD-3-Clause
#include "oracle/run.h"

#include <inttypes.h>
#include <stdarg.h>

#include "script_states.h"

struct run {
	const struct gen_script *g;
	struct script s; /* the connection, its options and clocks: as a CASE has them */
	struct tcp_tw tw;
	FILE *trace;
	const char *wrong;
	struct run_result *result;
};

static struct model model; /* large */

static __attribute__((format(printf, 2, 3))) void disagree(struct run *r, const char *format, ...)
{
	static char text[200];
	va_list args;

	if (r->wrong)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	r->wrong = text;
}

static void complain(struct run *r, const char *wrong)
{
	if (wrong && !r->wrong)
		disagree(r, "%s", wrong);
}

static uint64_t now_ms(const struct run *r)
{
	return r->s.now / MS;
}

static long long at_ms(const struct run *r)
{
	return (long long)((r->s.now - SCRIPT_T0) / MS);
}

/* ---- what leaves ---- */

static void print_out(const struct run *r, const struct tcp_seg *g)
{
	if (!r->trace)
		return;
	fprintf(r->trace, "\t/* %lld ms: out seq %u ack %u len %u flags %#x wnd %u", at_ms(r),
		g->seq.v - r->s.iss.v, g->ack.v - r->s.irs.v, g->len, g->flags, g->wnd);
	if (g->opts & TCPO_TS)
		fprintf(r->trace, " ts %u %u", g->ts_val, g->ts_ecr);
	fprintf(r->trace, " */\n");
}

static bool needs_time(const struct run *r)
{
	return r->s.t.state != TCPS_CLOSED && r->s.t.state != TCPS_TIME_WAIT &&
	       model.una < model.end + model.shut;
}

static void flush(struct run *r)
{
	struct tcp_seg g;

	for (unsigned n = 0;; n++) {
		enum tcp_tx list = tcp_pending(&r->s.t, r->s.now);
		bool any = tcp_output(&r->s.t, r->s.now, &g);

		if (any != (list != TCP_TX_NONE))
			disagree(r, "tcp_pending said %d, tcp_output %d", list, any);
		if (n == 2000)
			disagree(r, "sends without end");
		if (!any || r->wrong)
			break;
		print_out(r, &g);
		complain(r, model_sent(&model, &g));
	}
	if (needs_time(r) && tcp_deadline(&r->s.t, r->s.now) == MT_NEVER)
		disagree(r, "a silent stall: something is due and nothing is timed");
}

static void compare(struct run *r)
{
	const struct tcb *t = &r->s.t;

	if (t->state != model.state)
		disagree(r, "state %s, wanted %s", tcp_state_name(t->state),
			 tcp_state_name(model.state));
	if (model.state == TCPS_CLOSED || model.state == TCPS_SYN_SENT)
		return;
	if (t->rcv_nxt.v != model.irs + (uint32_t)model.rcv_nxt)
		disagree(r, "rcv_nxt %u, wanted %" PRId64, t->rcv_nxt.v - model.irs, model.rcv_nxt);
	if (t->snd_una.v != model.iss + (uint32_t)model.una)
		disagree(r, "snd_una %u, wanted %" PRId64, t->snd_una.v - model.iss, model.una);
	if (t->snd_nxt.v != model.iss + (uint32_t)model.nxt)
		disagree(r, "snd_nxt %u, wanted %" PRId64, t->snd_nxt.v - model.iss, model.nxt);
	if (t->snd_wnd != model.snd_wnd)
		disagree(r, "snd_wnd %u, wanted %" PRId64, t->snd_wnd, model.snd_wnd);
	if (t->rcv_unread != model.unread)
		disagree(r, "%u bytes unread, wanted %" PRId64, t->rcv_unread, model.unread);
	if (model.ts && t->ts_recent != model.ts_recent && t->ts_recent != model.ts_alt)
		disagree(r, "TS.Recent %u, wanted %u", t->ts_recent, model.ts_recent);
	model.ts_recent = model.ts_alt = t->ts_recent;
}

/* ---- one step: time, a segment, a call ---- */

static void step_end(struct run *r, const struct tcp_events *ev)
{
	if (ev)
		complain(r, model_took(&model, ev));
	flush(r);
	complain(r, model_end(&model));
	compare(r);
	if (!r->wrong && ev && (ev->flags & TCP_EV_TIME_WAIT))
		tcp_tw_init(&r->tw, &r->s.t, r->s.now);
}

static void pass_time(struct run *r, uint32_t ms)
{
	mt_time until = r->s.now + ms * MS;

	while (!r->wrong && model.state != TCPS_CLOSED && model.state != TCPS_TIME_WAIT) {
		mt_time d = tcp_deadline(&r->s.t, r->s.now);
		struct tcp_events ev;

		if (d > until)
			break;
		r->s.now = d > r->s.now ? d : r->s.now;
		model_begin(&model, now_ms(r));
		model_timer(&model);
		script_take(&r->s, tcp_wants_timeout(&r->s.t, r->s.now));
		ev = tcp_timeout(&r->s.t, r->s.now);
		step_end(r, &ev);
	}
	r->s.now = until;
	model_begin(&model, now_ms(r));
	model_timer(&model);
	complain(r, model_end(&model));
}

static void print_in(const struct run *r, const struct tcp_seg *g)
{
	if (!r->trace)
		return;
	fprintf(r->trace, "\tIN(s, %lld * MS, .seq = %uu, .ack = %uu, .len = %u, .flags = %#x",
		at_ms(r), g->seq.v - r->s.irs.v, g->ack.v - r->s.iss.v, g->len, g->flags);
	fprintf(r->trace, ", .wnd = %u, .opts = %#x", g->wnd,
		g->opts & ~(unsigned)(TCPO_TS | TCPO_SACK));
	if (g->opts & TCPO_TS)
		fprintf(r->trace, ", .tsval = %u, .tsecr = %u", g->ts_val, g->ts_ecr);
	else
		fprintf(r->trace, ", .tsval = -2");
	if (g->flags & TCPF_SYN)
		fprintf(r->trace, ", .mss = %u, .wscale = %u", g->mss, g->wscale);
	for (unsigned i = 0; i < g->n_sack; i++)
		fprintf(r->trace, "%s%u, %u", i ? ", " : ", .sack = {",
			g->sack[i].start.v - r->s.iss.v, g->sack[i].end.v - r->s.iss.v);
	if (g->n_sack)
		fprintf(r->trace, "}, .n_sack = %u", g->n_sack);
	fprintf(r->trace, ");%s\n", model.state == TCPS_TIME_WAIT ? " /* in TIME-WAIT */" : "");
}

static void arrive_time_wait(struct run *r, const struct tcp_seg *g)
{
	struct tcp_seg reply;
	enum tcp_tw_verdict verdict = tcp_tw_input(&r->tw, g, r->s.now, &reply);

	if (verdict == TCP_TW_ACK || verdict == TCP_TW_CHALLENGE) {
		print_out(r, &reply);
		complain(r, model_sent(&model, &reply));
	}
	complain(r, model_end(&model));
}

static void arrive(struct run *r, const struct gen_event *e)
{
	struct gen_clock clock = {(uint32_t)now_ms(r), OUR_TSOFF, PEER_TSOFF};
	struct tcp_seg g = gen_segment(r->g, e, &model, &clock);
	struct tcb *t = &r->s.t;
	struct tcp_events ev;

	print_in(r, &g);
	r->result->arrivals[model.state]++;
	model_begin(&model, now_ms(r));
	model_arrives(&model, &g);
	if (t->state == TCPS_TIME_WAIT) {
		arrive_time_wait(r, &g);
		return;
	}
	if (r->g->poor)
		r->s.no_own = r->s.no_cold = true;
	script_take(&r->s, tcp_wants_in(t, &g));
	ev = tcp_input(t, &g, r->s.now);
	(void)tcp_detach_cold(t, false);
	(void)tcp_detach_own(t, false);
	step_end(r, &ev);
}

static void print_verb(const struct run *r, const char *verb, uint32_t n)
{
	if (!r->trace)
		return;
	fprintf(r->trace, "\tapp_%s(s, %lld * MS", verb, at_ms(r));
	if (n)
		fprintf(r->trace, ", %u", n);
	fprintf(r->trace, ");\n");
}

static void move_data(struct run *r, const struct gen_event *e)
{
	struct tcb *t = &r->s.t;
	bool write = e->kind == GEN_WRITE;
	uint32_t most = write ? tcp_snd_room(t) : t->rcv_unread, n = e->n < most ? e->n : most;

	if (n == 0 || model.state == TCPS_TIME_WAIT)
		return;
	print_verb(r, write ? "write" : "read", n);
	if (write) {
		model_write(&model, n);
		tcp_append(t, n, r->s.now);
	} else {
		model_read(&model, n);
		tcp_consumed(t, n, r->s.now);
	}
}

static void call(struct run *r, const struct gen_event *e)
{
	struct tcp_events ev = {0};
	struct tcb *t = &r->s.t;

	model_begin(&model, now_ms(r));
	switch (e->kind) {
	case GEN_SHUTDOWN:
		print_verb(r, "shutdown", 0);
		model_shutdown(&model);
		tcp_shutdown(t, r->s.now);
		break;
	case GEN_CLOSE:
		print_verb(r, "close", 0);
		model_close(&model);
		ev.flags = tcp_close(t, r->s.now) ? TCP_EV_CLOSED : 0;
		break;
	case GEN_ABORT:
		print_verb(r, "abort", 0);
		model_abort(&model);
		if (t->state != TCPS_TIME_WAIT) {
			tcp_abort(t, r->s.now);
			ev.flags = TCP_EV_CLOSED;
		}
		break;
	default:
		move_data(r, e);
		break;
	}
	step_end(r, &ev);
}

/* ---- the script ---- */

static void print_setup(const struct run *r)
{
	const struct gen_script *g = r->g;

	if (!r->trace)
		return;
	fprintf(r->trace, "CASE(oracle_%" PRIu64 ")\n{\n", g->seed);
	fprintf(r->trace, "\ts->cfg.rcvbuf = %u;\n\ts->cfg.quick_acks = %u;\n", g->rcvbuf,
		g->quick_acks);
	fprintf(r->trace, "\ts->cfg.timestamps = %d;\n\ts->cfg.sack = %d;\n\ts->cfg.wscale = %d;\n",
		g->timestamps, g->sack, g->wscale);
	fprintf(r->trace, "\ts->cfg.cc = &cc_%s;\n\ts->no_cold = %d;\n",
		g->cubic ? "cubic" : "newreno", g->poor);
	fprintf(r->trace, "\ts->peer_opts = %#x;\n\ts->peer_mss = %u;\n\ts->peer_wscale = %u;\n",
		g->peer_opts, g->peer_mss, g->peer_wscale);
	fprintf(r->trace, "\tbe_syn_%s(s); /* fast path %s */\n", g->active ? "sent" : "rcvd",
		g->fast ? "on" : "off");
}

static void open_script(struct run *r)
{
	const struct gen_script *g = r->g;
	struct script *s = &r->s;
	struct model_open o = {.active = g->active, .mss = SCRIPT_MSS, .rcvbuf = g->rcvbuf};

	script_init(s, g->fast);
	s->cfg.rcvbuf = g->rcvbuf;
	s->cfg.quick_acks = g->quick_acks;
	s->cfg.timestamps = g->timestamps;
	s->cfg.sack = g->sack;
	s->cfg.wscale = g->wscale;
	s->cfg.cc = g->cubic ? &cc_cubic : &cc_newreno;
	s->peer_opts = g->peer_opts;
	s->peer_mss = g->peer_mss;
	s->peer_wscale = g->peer_wscale;
	o.iss = s->iss.v;
	o.offer = (uint8_t)((g->timestamps ? TCPO_TS : 0) | (g->sack ? TCPO_SACK_PERM : 0) |
			    (g->wscale ? TCPO_WSCALE : 0));
	while (g->wscale && g->rcvbuf >> o.rcv_shift > 65535)
		o.rcv_shift++;
	model_init(&model, &o, now_ms(r));
	model.irs = s->irs.v;
	model.poor = g->poor;
	model_begin(&model, now_ms(r));
	if (g->active) {
		tcp_open_active(&s->t, &s->cfg, &s->open, s->now);
	} else {
		struct tcp_seg syn = peer_syn(s, TCPF_SYN);

		model_listen(&model, &syn);
		tcp_open_passive(&s->t, &s->cfg, &s->open, &syn, s->now);
	}
	step_end(r, NULL);
}

struct run_result run_script(const struct gen_script *g, const bool *skip, FILE *trace)
{
	struct run_result result = {0};
	static struct run r;

	r = (struct run){.g = g, .trace = trace, .result = &result};
	print_setup(&r);
	open_script(&r);
	for (unsigned i = 0; i < g->n && !r.wrong && model.state != TCPS_CLOSED; i++) {
		const struct gen_event *e = &g->e[i];

		if (skip[i])
			continue;
		result.at = i;
		result.n_run++;
		pass_time(&r, e->dt_ms);
		if (r.wrong || model.state == TCPS_CLOSED)
			break;
		if (e->kind == GEN_SEG)
			arrive(&r, e);
		else if (e->kind != GEN_TIME)
			call(&r, e);
	}
	if (trace)
		fprintf(trace, "\t/* %s */\n}\n", r.wrong ? r.wrong : "they agree");
	result.wrong = r.wrong;
	return result;
}
