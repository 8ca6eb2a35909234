// SPDX-License-Identifier: BSD-3-Clause
/* What cores of one device pass on to each other: errors about packets, to the core that sent them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "api_device.h"
#include "runtime/share.h"
#include "stack/vlan.h"
#include "wire/ipv6.h"

#define FLOWS 64

struct world {
	struct nic nic;
	struct share *share;
	char err[NIC_ERR_LEN];
};

static void open_world(struct world *w, bool rss_known)
{
	struct nic_params p = {.device = "fake:w:0", .n_queues = 2};

	assert_int_equal(nic_driver.open(&p, &w->nic, w->err), 0);
	w->nic.rss_known = rss_known;
	w->share = share_open(&w->nic, 2);
	assert_non_null(w->share);
}

static void close_world(struct world *w)
{
	share_close(w->share);
	nic_driver.close(&w->nic);
	assert_int_equal(fake_frames, 0);
}

/* The device gives this frame to the first queue. */
static void give(const uint8_t *frame, size_t len)
{
	struct fake_queue *q = &fake_wire_named("w")->end[0].rx[0];
	struct nic_pkt p;

	assert_int_equal(fake_alloc(NULL, 0, &p, 1), 1);
	memcpy(p.data, frame, len);
	p.len = (uint16_t)len;
	q->pkts[(q->head + q->n++) % FAKE_DEPTH] = p;
}

/* How many frames this core hears; each is the one given. */
static unsigned heard(struct world *w, uint16_t queue, const uint8_t *frame, size_t len)
{
	const struct nic *nic = share_nic(w->share, queue);
	struct nic_pkt p[32];
	unsigned n = 0, got;

	while ((got = nic->ops->rx_burst(nic->dev, queue, p, 32)) > 0) {
		for (unsigned i = 0; i < got; i++) {
			assert_int_equal(p[i].len, len);
			assert_memory_equal(p[i].data, frame, len);
		}
		nic->ops->release(nic->dev, queue, p, (uint16_t)got);
		n += got;
	}
	return n;
}

/* The i-th flow as this host sees it. */
static struct flow flow_of(bool v6, unsigned i)
{
	struct flow f = {.lport = (uint16_t)(10000 + 7 * i), .rport = 443};

	f.local = ip_from_v4(0x0a000001u);
	f.remote = ip_from_v4(0xc0000200u + i);
	if (v6) {
		f.local = (struct ip_addr){.b = {0xfd, [15] = 1}};
		f.remote = (struct ip_addr){.b = {0x20, 1, [14] = 2, [15] = (uint8_t)i}};
	}
	return f;
}

/* A TCP segment of the flow, from the remote or to it. */
static size_t segment(uint8_t *p, const struct flow *f, bool to_us)
{
	struct ip_hdr ip = {.src = to_us ? f->remote : f->local,
			    .dst = to_us ? f->local : f->remote,
			    .payload_len = TCP_HLEN,
			    .proto = IP_TCP,
			    .ttl = 64};
	struct flow back = {f->remote, f->local, f->rport, f->lport};
	struct tcp_seg s = {.flags = TCPF_ACK};
	size_t len = ip_is_v4(&f->local) ? ipv4_build(p, &ip) : ipv6_build(p, &ip);

	return len + tcp_build(p + len, to_us ? &back : f, &s);
}

static size_t ether(uint8_t *p, bool v6)
{
	struct eth_hdr h = {.dst = {{2, 0, 0, 0, 0, 1}}, .type = v6 ? ETH_IPV6 : ETH_IPV4};

	return eth_build(p, &h);
}

/* What a router says of that segment. */
static size_t long_error(uint8_t *p, const struct flow *f, uint8_t type, uint16_t padding)
{
	uint8_t quote[1200] = {0};
	bool v6 = !ip_is_v4(&f->local);
	struct icmp_msg m = {.type = type, .code = v6 ? 0 : ICMP_FRAG_NEEDED, .payload = quote};
	struct ip_hdr ip = {.src = v6 ? f->remote : ip_from_v4(0x0a0000feu),
			    .dst = f->local,
			    .proto = v6 ? IP_ICMPV6 : IP_ICMP,
			    .ttl = 64};
	size_t len = ether(p, v6);

	m.payload_len = (uint16_t)(segment(quote, f, false) + padding);
	ip.payload_len = (uint16_t)(8 + m.payload_len);
	len += v6 ? ipv6_build(p + len, &ip) : ipv4_build(p + len, &ip);
	return len + (v6 ? icmp6_build(p + len, &ip.src, &ip.dst, &m) : icmp_build(p + len, &m));
}

static size_t error(uint8_t *p, const struct flow *f, uint8_t type)
{
	return long_error(p, f, type, 0);
}

/* The queue that the device would give the remote's segments to. */
static uint16_t owner_of(const struct flow *f)
{
	bool v6 = !ip_is_v4(&f->local);
	uint8_t frame[128];
	struct nic_pkt p = {.data = frame};
	size_t len = ether(frame, v6);

	p.len = (uint16_t)(len + segment(frame + len, f, true));
	return fake_queue_of(&p, 2);
}

static size_t tagged(uint8_t *p, size_t len)
{
	struct nic_pkt pkt = {.data = p, .len = (uint16_t)len};

	vlan_insert(&pkt, 5);
	return pkt.len;
}

static void errors(bool v6, uint8_t type, bool tag)
{
	struct world w;
	unsigned by[2] = {0, 0};
	uint8_t frame[512];

	open_world(&w, true);
	for (unsigned i = 0; i < FLOWS; i++) {
		struct flow f = flow_of(v6, i);
		uint16_t to = owner_of(&f);
		size_t len = error(frame, &f, type);

		len = tag ? tagged(frame, len) : len;
		give(frame, len);
		assert_int_equal(heard(&w, 0, frame, len), to == 0);
		assert_int_equal(heard(&w, 1, frame, len), to == 1);
		by[to]++;
	}
	assert_true(by[0] > FLOWS / 4 && by[1] > FLOWS / 4);
	close_world(&w);
}

static void test_errors_reach_the_owner(void **state)
{
	(void)state;
	for (int tag = 0; tag < 2; tag++) {
		errors(false, ICMP_UNREACHABLE, tag);
		errors(true, ICMP6_UNREACHABLE, tag);
		errors(true, ICMP6_TOO_BIG, tag);
	}
}

/* The device's own table decides, however short. */
static void test_the_table_of_the_device(void **state)
{
	struct world w;
	uint8_t frame[512];

	(void)state;
	open_world(&w, true);
	w.nic.reta_len = 1; /* all flows are the first queue's */
	for (unsigned i = 0; i < FLOWS; i++) {
		struct flow f = flow_of(false, i);
		size_t len = error(frame, &f, ICMP_UNREACHABLE);

		give(frame, len);
		assert_int_equal(heard(&w, 0, frame, len), 1);
		assert_int_equal(heard(&w, 1, frame, len), 0);
	}
	close_world(&w);
}

static struct flow flow_of_the_second(void)
{
	unsigned i = 0;
	struct flow f;

	do {
		f = flow_of(false, i++);
	} while (owner_of(&f) != 1);
	return f;
}

/* Of what is no such error, or is one that cannot be read, nothing is passed on. */
static void test_others_stay(void **state)
{
	struct world w;
	struct flow f = flow_of_the_second();
	uint8_t frame[512];
	size_t len;

	(void)state;
	open_world(&w, true);
	len = error(frame, &f, ICMP_ECHO_REQUEST);
	give(frame, len);
	assert_int_equal(heard(&w, 0, frame, len), 1);
	len = error(frame, &f, ICMP_UNREACHABLE);
	frame[len - 1] ^= 1; /* the checksum is wrong */
	give(frame, len);
	assert_int_equal(heard(&w, 0, frame, len), 1);
	len = ether(frame, false);
	len += segment(frame + len, &f, true);
	give(frame, len);
	assert_int_equal(heard(&w, 0, frame, len), 1);
	for (len = 0; len < ETH_HLEN + IPV4_HLEN + 40; len++) { /* cut */
		(void)error(frame, &f, ICMP_UNREACHABLE);
		give(frame, len);
		assert_int_equal(heard(&w, 0, frame, len), 1);
	}
	assert_int_equal(heard(&w, 1, frame, 0), 0);
	close_world(&w);
}

/* A frame has room for the MTU: a longer error, of a peer with a larger one, stays. */
static void test_an_error_has_to_fit(void **state)
{
	struct world w;
	struct flow f = flow_of_the_second();
	uint8_t frame[1300];
	size_t len;

	(void)state;
	open_world(&w, true);
	w.nic.mtu = 576;
	len = long_error(frame, &f, ICMP_UNREACHABLE, 576 - 20 - 8 - 40);
	assert_int_equal(len, ETH_HLEN + 576);
	give(frame, len);
	assert_int_equal(heard(&w, 0, frame, len), 0);
	assert_int_equal(heard(&w, 1, frame, len), 1);
	len = long_error(frame, &f, ICMP_UNREACHABLE, 1000);
	give(frame, len);
	assert_int_equal(heard(&w, 0, frame, len), 1);
	assert_int_equal(heard(&w, 1, frame, len), 0);
	close_world(&w);
}

/* Without a known hash all hear it; whose it is, they know. */
static void test_an_unknown_owner(void **state)
{
	struct world w;
	struct flow f = flow_of(false, 0);
	uint8_t frame[512];
	size_t len = error(frame, &f, ICMP_UNREACHABLE);

	(void)state;
	open_world(&w, false);
	give(frame, len);
	assert_int_equal(heard(&w, 0, frame, len), 1);
	assert_int_equal(heard(&w, 1, frame, len), 1);
	close_world(&w);
}

/* A router's errors go on coming to the queue of a core that has left. */
static void test_errors_at_a_queue_that_was_left(void **state)
{
	struct flow f = flow_of_the_second();
	struct world w;
	uint8_t frame[512];
	size_t len;

	(void)state;
	open_world(&w, true);
	share_enter(w.share, 0);
	share_enter(w.share, 1);
	share_leave(w.share, 0);
	len = error(frame, &f, ICMP_UNREACHABLE);
	give(frame, len);
	assert_int_equal(heard(&w, 1, frame, len), 1);
	len = ether(frame, false);
	len += segment(frame + len, &f, true);
	give(frame, len); /* what it has left of flows ends with it */
	assert_int_equal(heard(&w, 1, frame, len), 0);
	close_world(&w);
}

/* A flood of them holds a ring's worth for a core that does not look; the rest stays, in order to
 * be counted, among what is this core's own. */
static void test_a_flood_is_bounded(void **state)
{
	struct world w;
	struct flow f = flow_of_the_second();
	uint8_t frame[512];
	size_t len = error(frame, &f, ICMP_UNREACHABLE);
	unsigned own, others;

	(void)state;
	open_world(&w, true);
	for (unsigned i = 0; i < 1000; i++)
		give(frame, len);
	for (own = 0; fake_wire_named("w")->end[0].rx[0].n > 0;)
		own += heard(&w, 0, frame, len);
	others = heard(&w, 1, frame, len);
	assert_int_equal(own + others, 1000);
	assert_in_range(others, 30, 300);
	close_world(&w);
}

static unsigned released[2]; /* frames, by queue */

static void counting_release(void *dev, uint16_t queue, struct nic_pkt *pkts, uint16_t n)
{
	released[queue] += n;
	fake_release(dev, queue, pkts, n);
}

/* What a queue's cache is given, its own core gives: also of what came to a queue that was left. */
static void test_frames_go_back_by_the_queue_of_who_took_them(void **state)
{
	struct nic_ops ops = fake_ops;
	struct flow f = flow_of_the_second();
	struct world w;
	uint8_t frame[512];
	size_t len = ether(frame, false);

	(void)state;
	len += segment(frame + len, &f, true);
	ops.release = counting_release;
	open_world(&w, true);
	w.nic.ops = &ops;
	share_enter(w.share, 0);
	share_enter(w.share, 1);
	share_leave(w.share, 0);
	released[0] = released[1] = 0;
	give(frame, len);
	give(frame, len);
	assert_int_equal(heard(&w, 1, frame, len), 0);
	assert_int_equal(released[0], 0);
	assert_int_equal(released[1], 2);
	close_world(&w);
}

static size_t arp_answer(uint8_t *p)
{
	struct eth_hdr h = {.dst = {{2, 0, 0, 0, 0, 1}}, .type = ETH_ARP};
	struct arp_pkt a = {
		.op = ARP_REPLY, .spa = ip_from_v4(0x0a0000feu), .tpa = ip_from_v4(0x0a000001u)};
	size_t len = eth_build(p, &h);

	return len + arp_build(p + len, &a);
}

/* A core hears what comes from now on, not what was told to its queue while nobody was there. */
static void test_who_enters_hears_no_old_news(void **state)
{
	struct flow f = flow_of_the_second();
	uint8_t frame[512], arp[64];
	size_t len = error(frame, &f, ICMP_UNREACHABLE), arp_len = arp_answer(arp);
	struct world w;

	(void)state;
	open_world(&w, true);
	share_enter(w.share, 0);
	for (unsigned times = 0; times < 2; times++) {
		give(arp, arp_len);
		assert_int_equal(heard(&w, 0, arp, arp_len), 1);
		give(frame, len);
		assert_int_equal(heard(&w, 0, frame, len), 0);
		share_enter(w.share, 1);
		assert_int_equal(heard(&w, 1, arp, arp_len), 0);
		give(arp, arp_len);
		assert_int_equal(heard(&w, 0, arp, arp_len), 1);
		assert_int_equal(heard(&w, 1, arp, arp_len), 1);
		share_leave(w.share, 1);
	}
	close_world(&w);
}

/* Anybody can forge errors; what neighbours answer still finds room behind them. */
static void test_a_flood_leaves_room_for_news(void **state)
{
	struct world w;
	struct flow f = flow_of_the_second();
	uint8_t frame[512], arp[64];
	size_t len = error(frame, &f, ICMP_UNREACHABLE), arp_len = arp_answer(arp);
	const struct nic *nic;
	struct nic_pkt p[32];
	unsigned n_arp = 0, got;

	(void)state;
	open_world(&w, true);
	for (unsigned i = 0; i < 1000; i++)
		give(frame, len);
	while (fake_wire_named("w")->end[0].rx[0].n > 0)
		heard(&w, 0, frame, len);
	for (unsigned i = 0; i < 20; i++)
		give(arp, arp_len);
	assert_int_equal(heard(&w, 0, arp, arp_len), 20);
	nic = share_nic(w.share, 1);
	while ((got = nic->ops->rx_burst(nic->dev, 1, p, 32)) > 0) {
		for (unsigned i = 0; i < got; i++)
			n_arp += p[i].len == arp_len;
		nic->ops->release(nic->dev, 1, p, (uint16_t)got);
	}
	assert_int_equal(n_arp, 20);
	close_world(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_errors_reach_the_owner),
		cmocka_unit_test(test_others_stay),
		cmocka_unit_test(test_an_error_has_to_fit),
		cmocka_unit_test(test_an_unknown_owner),
		cmocka_unit_test(test_a_flood_is_bounded),
		cmocka_unit_test(test_a_flood_leaves_room_for_news),
		cmocka_unit_test(test_the_table_of_the_device),
		cmocka_unit_test(test_who_enters_hears_no_old_news),
		cmocka_unit_test(test_errors_at_a_queue_that_was_left),
		cmocka_unit_test(test_frames_go_back_by_the_queue_of_who_took_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
