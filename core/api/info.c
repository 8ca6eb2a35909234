// SPDX-License-Identifier: BSD-3-Clause
/* TCP_INFO: the stack's values in the layout of Linux. */
#include "api/ctx.h"

#include <linux/tcp.h> /* netinet/tcp.h has a tcp_seq of its own */
#include <string.h>

#include "runtime/clock.h"
#include "tcp/info.h"

enum { /* the kernel's numbers of states, which no header but its own names them by */
       LINUX_ESTABLISHED = 1,
       LINUX_SYN_SENT,
       LINUX_SYN_RECV,
       LINUX_FIN_WAIT1,
       LINUX_FIN_WAIT2,
       LINUX_TIME_WAIT,
       LINUX_CLOSE,
       LINUX_CLOSE_WAIT,
       LINUX_LAST_ACK,
       LINUX_LISTEN,
       LINUX_CLOSING
};

static uint8_t linux_state(enum tcp_state s)
{
	static const uint8_t by_state[TCPS_COUNT] = {
		[TCPS_CLOSED] = LINUX_CLOSE,	      [TCPS_SYN_SENT] = LINUX_SYN_SENT,
		[TCPS_SYN_RCVD] = LINUX_SYN_RECV,     [TCPS_ESTABLISHED] = LINUX_ESTABLISHED,
		[TCPS_FIN_WAIT_1] = LINUX_FIN_WAIT1,  [TCPS_FIN_WAIT_2] = LINUX_FIN_WAIT2,
		[TCPS_CLOSE_WAIT] = LINUX_CLOSE_WAIT, [TCPS_CLOSING] = LINUX_CLOSING,
		[TCPS_LAST_ACK] = LINUX_LAST_ACK,     [TCPS_TIME_WAIT] = LINUX_TIME_WAIT,
	};

	return by_state[s];
}

static uint8_t linux_options(const struct tcp_info_values *v)
{
	return (uint8_t)((v->timestamps ? TCPI_OPT_TIMESTAMPS : 0) | (v->sack ? TCPI_OPT_SACK : 0) |
			 (v->wscale ? TCPI_OPT_WSCALE : 0) | (v->ecn ? TCPI_OPT_ECN : 0));
}

static uint8_t linux_ca_state(enum tcp_info_phase p)
{
	static const uint8_t by_phase[] = {
		[TCP_INFO_OPEN] = TCP_CA_Open, [TCP_INFO_DISORDER] = TCP_CA_Disorder,
		[TCP_INFO_CWR] = TCP_CA_CWR,   [TCP_INFO_RECOVERY] = TCP_CA_Recovery,
		[TCP_INFO_LOSS] = TCP_CA_Loss,
	};

	return by_phase[p];
}

static void fill(const struct tcp_info_values *v, struct tcp_info *i)
{
	*i = (struct tcp_info){
		.tcpi_state = linux_state(v->state),
		.tcpi_ca_state = linux_ca_state(v->phase),
		.tcpi_retransmits = v->n_retries,
		.tcpi_probes = v->n_probes,
		.tcpi_backoff = v->backoff,
		.tcpi_options = linux_options(v),
		.tcpi_rto = v->rto_us,
		.tcpi_ato = v->ato_us,
		.tcpi_snd_mss = v->snd_mss,
		.tcpi_rcv_mss = v->rcv_mss,
		.tcpi_unacked = v->unacked,
		.tcpi_sacked = v->sacked,
		.tcpi_lost = v->lost,
		.tcpi_last_data_sent = v->last_sent_ms,
		.tcpi_last_ack_recv = v->last_ack_ms,
		.tcpi_rtt = v->srtt_us,
		.tcpi_rttvar = v->rttvar_us,
		.tcpi_snd_ssthresh = v->ssthresh,
		.tcpi_snd_cwnd = v->cwnd,
		.tcpi_advmss = v->adv_mss,
		.tcpi_reordering = 3,
		.tcpi_rcv_space = v->rcv_space,
		.tcpi_pacing_rate = v->pacing_rate ? v->pacing_rate : UINT64_MAX,
		.tcpi_max_pacing_rate = UINT64_MAX,
		.tcpi_notsent_bytes = v->notsent_bytes,
		.tcpi_min_rtt = v->min_rtt_us,
		.tcpi_snd_wnd = v->snd_wnd,
	};
	i->tcpi_snd_wscale = v->snd_wscale & 15u;
	i->tcpi_rcv_wscale = v->rcv_wscale & 15u;
}

void api_info_at(const struct stack_core *sc, uint32_t id, mt_time now, struct tcp_info *i)
{
	struct tcp_info_values v = {.state = TCPS_CLOSED};
	uint32_t mtu = 0;

	if (id != RT_ID_NONE)
		mtu = stack_info(sc, id, now, &v);
	if (v.state == TCPS_CLOSED || v.state == TCPS_TIME_WAIT) {
		*i = (struct tcp_info){.tcpi_state = linux_state(v.state)};
		return;
	}
	fill(&v, i);
	i->tcpi_pmtu = mtu;
}

static void look(const struct stack_core *sc, uint32_t id, void *arg)
{
	api_info_at(sc, id, rt_now(), arg);
}

void api_tcp_info(struct ctx *c, struct fd *f, struct tcp_info *i)
{
	*i = (struct tcp_info){.tcpi_state = LINUX_CLOSE};
	if (f->kind == MTCP_SOCK_LISTENER)
		i->tcpi_state = LINUX_LISTEN;
	else if (f->id != RT_ID_NONE)
		c->core.ops->look(&c->core, f->id, look, i);
}
