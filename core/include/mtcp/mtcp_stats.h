/* SPDX-License-Identifier: BSD-3-Clause */
/* Counters of one core: plain, written by the core's thread only, never reset while it runs. */
#ifndef MTCP_STATS_H
#define MTCP_STATS_H

#include <stdint.h>

/* X(name, what it counts) */
#define MTCP_STATS(X)                                                                              \
	X(turns, "turns of the loop")                                                              \
	X(idle_turns, "turns in which nothing happened")                                           \
	X(rx_packets, "frames received")                                                           \
	X(rx_bytes, "bytes of frames received")                                                    \
	X(tx_packets, "frames given to the device")                                                \
	X(tx_bytes, "bytes of frames given to the device")                                         \
	X(tx_full, "bursts that the device took only in part")                                     \
	X(tx_no_buffer, "times the device had no packet buffer")                                   \
	X(tx_visits, "connections that the transmit lists looked at")                              \
	X(rx_arp, "ARP packets received")                                                          \
	X(rx_icmp, "ICMP messages received")                                                       \
	X(rx_segs, "TCP segments received for a connection, listener or TIME-WAIT record")         \
	X(tx_segs, "TCP segments sent")                                                            \
	X(rx_data_bytes, "payload bytes delivered in order")                                       \
	X(tx_data_bytes, "payload bytes sent, retransmissions included")                           \
	X(fast_path, "segments that took the fast path")                                           \
	X(retransmits, "segments sent again")                                                      \
	X(rto_fired, "retransmission timeouts")                                                    \
	X(fast_retransmits, "loss recoveries entered by duplicate ACKs or SACK")                   \
	X(tail_loss_probes, "probe timeouts (RFC 8985 7)")                                         \
	X(recoveries_undone, "timeouts and loss recoveries found needless and taken back")         \
	X(mtu_reduced, "path MTUs that routers said to be smaller (RFC 1191)")                     \
	X(mtu_black_holes, "times full segments vanished and were made smaller (RFC 8899)")        \
	X(drop_icmp, "ICMP errors without effect: about nothing in flight, or of no consequence")  \
	X(ecn_reductions, "congestion windows reduced because of ECE (RFC 3168)")                  \
	X(delayed_acks, "ACKs sent by the delayed-ACK timer")                                      \
	X(zero_window_probes, "persist probes sent")                                               \
	X(challenge_acks, "challenge ACKs sent (RFC 5961)")                                        \
	X(resets_sent, "RST segments sent")                                                        \
	X(resets_received, "connections ended by a peer's RST")                                    \
	X(timeouts, "connections ended by a timeout")                                              \
	X(connects, "active opens started")                                                        \
	X(connects_failed, "active opens that failed")                                             \
	X(accepts, "connections put on an accept queue")                                           \
	X(accept_overflow,                                                                         \
	  "SYNs and last ACKs of a handshake dropped because the accept queue was full")           \
	X(syn_overflow, "SYNs dropped because the SYN queue was full")                             \
	X(syn_cookies_sent, "SYNs answered by a cookie (RFC 4987)")                                \
	X(syn_cookies_ok, "connections opened by a cookie")                                        \
	X(fastopen_sent, "SYNs sent with data (RFC 7413)")                                         \
	X(fastopen_taken, "connections opened by a SYN with a fast-open cookie")                   \
	X(syn_cookies_bad, "ACKs refused because the cookie was forged or old")                    \
	X(closed, "connection blocks given back")                                                  \
	X(orphans_displaced, "connections ended early, after close, because all blocks were used") \
	X(time_wait, "TIME-WAIT records made")                                                     \
	X(time_wait_reused, "TIME-WAIT records ended early by a new connection (RFC 6191)")        \
	X(time_wait_overflow, "TIME-WAIT records ended early because all were used")               \
	X(no_port, "connects refused because no source port was free")                             \
	X(no_conn, "opens refused because the connection pool was empty")                          \
	X(no_memory, "segments or writes refused because buffer memory was used up")               \
	X(arp_failed, "packets dropped because a neighbour did not answer")                        \
	X(arp_overflow, "packets dropped because a neighbour's queue or the table was full")       \
	X(duplicate_address, "claims of another station to an IPv6 address of ours")               \
	X(replies_dropped, "RST, ARP and ICMP answers not sent because a turn's room was used up") \
	X(no_route, "packets dropped because no route matched")                                    \
	X(drop_vlan, "frames of another VLAN than ours")                                           \
	X(drop_short, "frames shorter than their headers")                                         \
	X(drop_version, "wrong IP version or header length")                                       \
	X(drop_length, "IP length outside the frame")                                              \
	X(drop_checksum, "wrong checksum")                                                         \
	X(drop_ttl, "TTL 0")                                                                       \
	X(frag_received, "IP fragments taken for reassembly")                                      \
	X(frag_reassembled, "datagrams put together from fragments")                               \
	X(frag_timeout, "datagrams given up because fragments did not come in time")               \
	X(frag_overlap, "datagrams refused because fragments contradicted each other (RFC 5722)")  \
	X(frag_overflow, "datagrams given up for newer ones, or not begun, for want of room")      \
	X(frag_elsewhere,                                                                          \
	  "reassembled TCP segments dropped: another core may have the connection")                \
	X(drop_fragment, "IP fragments impossible, of a refused datagram, or not wanted")          \
	X(drop_address, "impossible source address")                                               \
	X(drop_unsupported, "protocols not spoken")                                                \
	X(drop_options, "malformed TCP header")                                                    \
	X(drop_ext_hdr, "IPv6 extension headers or options that must not be passed over")          \
	X(drop_not_for_us, "frames or packets for another host")                                   \
	X(drop_no_listener, "segments for a port nobody listens on")                               \
	X(drop_seq, "segments outside the receive window")                                         \
	X(drop_ack, "segments with an unacceptable ACK")                                           \
	X(drop_paws, "segments refused by PAWS (RFC 7323 5)")                                      \
	X(drop_rst, "RST segments refused (RFC 5961 3)")                                           \
	X(drop_syn, "SYN inside a connection (RFC 5961 4)")                                        \
	X(drop_state, "segments that make no sense in the connection's state")                     \
	X(drop_ooo_full, "out-of-order segments beyond the reassembly bound")                      \
	X(drop_after_close, "data after the application closed")

struct mtcp_stats {
#define MTCP_STATS_FIELD(name, doc) uint64_t name;
	MTCP_STATS(MTCP_STATS_FIELD)
#undef MTCP_STATS_FIELD
};

/* Cycles of the core, in ticks of a clock of hz. Config key account = turns: by phase of its loop; app
 * has all between two turns, tx the making of frames. calls: rx and tx are the device's, tcp all
 * that is done for a call of the application or by the stack's thread, timers 0; what total has
 * beyond the parts is the change of a pair's threads. */
struct mtcp_cycles {
	uint64_t rx, tcp, app, timers, tx, idle, total;
	uint64_t hz;
};

#endif
