/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Scripts for the oracle: random but structured. An event names a segment by where it lies relative
 * to what the connection expects, so that it keeps its meaning when others are left out.
 */
#ifndef ORACLE_GEN_H
#define ORACLE_GEN_H

#include "base/rng.h"
#include "oracle/model.h"

#define GEN_EVENTS 48

enum gen_kind { GEN_SEG, GEN_WRITE, GEN_READ, GEN_SHUTDOWN, GEN_CLOSE, GEN_ABORT, GEN_TIME };

enum gen_seq { SEQ_NXT, SEQ_EDGE, SEQ_IRS, SEQ_TOP, SEQ_FIN, SEQ_FAR, SEQ_ANY };
enum gen_ack { ACK_NXT, ACK_UNA, ACK_OLDEST, ACK_ISS, ACK_FAR, ACK_ANY };
enum gen_ts { TS_CLOCK, TS_MISSING, TS_OLD, TS_SAME, TS_AHEAD, TS_BAD_ECHO };

struct gen_event {
	enum gen_kind kind;
	uint32_t dt_ms;
	uint32_t n; /* bytes, of a verb */
	enum gen_seq seq;
	enum gen_ack ack;
	enum gen_ts ts;
	int32_t seq_off, ack_off, ts_off;
	uint16_t len, wnd;
	bool to_edge; /* len is what the window takes, plus len - 1 */
	uint8_t flags, n_sack;
	uint32_t sack[4]; /* from SND.UNA, pairs */
};

struct gen_script {
	uint64_t seed;
	bool active, fast, cubic, poor;
	bool timestamps, sack, wscale; /* configured */
	uint8_t quick_acks, peer_opts, peer_wscale;
	uint16_t peer_mss;
	uint32_t rcvbuf;
	unsigned n;
	struct gen_event e[GEN_EVENTS];
};

void gen_script(struct gen_script *, uint64_t seed);

/* The two clocks behind the timestamps. */
struct gen_clock {
	uint32_t ms, ours, peers;
};

/* The segment that an event is for a connection as the model has it. */
struct tcp_seg gen_segment(const struct gen_script *, const struct gen_event *,
			   const struct model *, const struct gen_clock *);

#endif
