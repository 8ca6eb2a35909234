/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets to flows to a trace: what TCP connections of a capture asked and were answered, and when.
 * The side that sends the SYN is the client (without one, whoever sends data first). A turn begins
 * with a client's bytes after an answer; bytes sent again count once. A turn without an answer gets
 * one byte, one that the server began a request of the least size. The time from the last answer to
 * the end of a connection is kept. Captured bytes are not looked at beyond the headers, and nothing
 * of a file is believed: any content gives a trace, or an error.
 */
#ifndef APPS_TRACE_PCAP_H
#define APPS_TRACE_PCAP_H

#include "trace.h"

struct trace_pcap_counts {
	uint64_t packets, no_tcp, truncated; /* truncated: headers not captured whole */
	uint64_t flows, empty;		     /* empty: connections without data, left out */
};

/* pcap or pcapng, of Ethernet (with VLAN tags), Linux cooked, loopback or raw IP. 0, or -errno with
 * err. The trace is to be freed also then. */
int trace_from_pcap(struct trace *, const char *path, struct trace_pcap_counts *,
		    char err[ERR_LEN]);

#endif
