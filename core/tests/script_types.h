/* SPDX-License-Identifier: BSD-3-Clause */
/* What a script of segments (script.h) is made of. */
#ifndef TESTS_SCRIPT_TYPES_H
#define TESTS_SCRIPT_TYPES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tcp/fastopen.h"
#include "tcp/own.h"
#include "tcp/tcb.h"
#include "tcp/tcp.h"

#pragma GCC diagnostic ignored "-Woverride-init"

#define MS	   MT_MS
#define SCRIPT_LOG 2048
#define SCRIPT_MSS 1000
#define SCRIPT_T0  script_t0
#define OUR_TSOFF  0xfffff000u
#define PEER_TSOFF 0xffffff00u

static mt_time script_t0 = 1000 * MT_SEC; /* time 0 of every script */

struct sent {
	mt_time at;
	enum tcp_tx list;
	bool again;
	struct tcp_seg seg;
};

struct script {
	struct tcp_config cfg;
	struct tcp_open open;
	struct tcb t;
	struct tcp_own own;
	struct tcp_cold cold;
	bool no_own;  /* out of memory for what a connection has of its own */
	bool no_cold; /* the same of cold objects */
	bool hold;    /* nothing leaves */
	tcp_seq iss, irs;
	mt_time now;
	struct tcp_events ev; /* of the last IN, or of the last timer */
	uint32_t all_events;  /* flags of all, ORed */
	uint32_t peer_opts;   /* what the peer offers in its SYN */
	uint8_t peer_flags;   /* ECE and CWR of it */
	uint16_t peer_mss;
	uint8_t peer_wscale;
	uint32_t n_log, n_seen;
	struct sent log[SCRIPT_LOG];
	uint64_t trace; /* hash over all that came out */
};

#define ACK_ALL INT64_MIN /* everything sent so far */

struct in_seg { /* everything 0 but what the script names */
	int64_t seq, ack;
	uint16_t len;
	int flags;	      /* default ACK */
	int wnd;	      /* raw; default 60000 */
	int64_t tsval, tsecr; /* TS option: -1 by the clocks; tsval -2: none */
	uint16_t mss;
	int n_sack;
	uint32_t sack[8]; /* relative, pairs */
	unsigned opts;	  /* further TCPO_ */
	int wscale;
	int ecn; /* IP codepoint */
};

#define IN(s, at, ...)                                                                             \
	script_in(s, __LINE__, at,                                                                 \
		  (struct in_seg){.flags = TCPF_ACK,                                               \
				  .wnd = 60000,                                                    \
				  .tsval = -1,                                                     \
				  .tsecr = -1,                                                     \
				  .ack = ACK_ALL,                                                  \
				  __VA_ARGS__})

#endif
