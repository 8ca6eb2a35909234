// SPDX-License-Identifier: BSD-3-Clause
/* The wire inside the process: frames, queues, back-pressure, and no buffer lost. */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>

#include "nic_test.h"

static uint64_t seed = 1;
static const uint8_t a_flow[12] = {10, 0, 0, 1, 10, 0, 0, 2, 0x30, 0x39, 0, 80};

static void open_wire(struct nic *a, struct nic *b, uint16_t na, uint16_t nb)
{
	struct nic_params pa = small("ring:t:0", na), pb = small("ring:t:1", nb);

	open_ok(&pa, a);
	open_ok(&pb, b);
}

static void close_wire(struct nic *a, struct nic *b)
{
	nic_driver.close(a);
	nic_driver.close(b);
}

static void test_frames_pass_both_ways(void **state)
{
	struct nic a, b, *const end[2] = {&a, &b};
	struct nic_pkt p[8];

	(void)state;
	open_wire(&a, &b, 1, 1);
	assert_int_equal(a.mtu, 1500);
	assert_true(a.rss_known && b.rss_known);
	assert_memory_not_equal(a.mac, b.mac, 6);
	assert_int_equal(a.mac[0] & 3, 2);
	for (uint16_t len = 60; len <= 1514; len = (uint16_t)(len + 727)) {
		for (unsigned from = 0; from < 2; from++) {
			uint8_t sent[1514];

			assert_int_equal(alloc(end[from], 0, p, 1), 1);
			make_frame(&p[0], a_flow, len, len);
			memcpy(sent, p[0].data, len);
			assert_int_equal(tx(end[from], 0, p, 1), 1);
			assert_int_equal(rx(end[from], 0, p, 8), 0);
			assert_int_equal(rx(end[!from], 0, p, 8), 1);
			assert_int_equal(p[0].len, len);
			assert_memory_equal(p[0].data, sent, len);
			release(end[!from], 0, p, 1);
		}
	}
	assert_int_equal(free_bufs(&a, 0), TEST_BUFS);
	assert_int_equal(free_bufs(&b, 0), TEST_BUFS);
	close_wire(&a, &b);
}

/* As long a name and as many queues as are promised, at both ends, twice. */
static void test_the_largest_wire(void **state)
{
	static struct nic a, b;

	(void)state;
	for (unsigned again = 0; again < 2; again++) {
		struct nic_params pa = small("ring:abcdefghij-klmnopqrs:0", NIC_MAX_QUEUES);
		struct nic_params pb = small("ring:abcdefghij-klmnopqrs:1", NIC_MAX_QUEUES);

		open_ok(&pa, &a);
		open_ok(&pb, &b);
		assert_int_equal(a.n_queues, NIC_MAX_QUEUES);
		close_wire(&a, &b);
	}
}

/* Refused with the reason, and nothing is kept of it. */
static void test_queues_beyond_dpdks_ports(void **state)
{
	static struct nic a, b, c;
	struct nic_params pa = small("ring:a:0", NIC_MAX_QUEUES);
	struct nic_params pb = small("ring:a:1", NIC_MAX_QUEUES - 1);
	struct nic_params pc = small("ring:c:0", 2);
	char err[NIC_ERR_LEN] = "";

	(void)state;
	open_ok(&pa, &a);
	open_ok(&pb, &b);
	for (unsigned again = 0; again < 2; again++) {
		assert_int_equal(nic_driver.open(&pc, &c, err), -ENODEV);
		assert_non_null(strstr(err, "no port left"));
	}
	pc.n_queues = 1;
	open_ok(&pc, &c);
	nic_driver.close(&c);
	nic_driver.close(&b);
	pc.n_queues = 14; /* with the other end open, too, its shape is free */
	open_ok(&pc, &c);
	pb = small("ring:c:1", 14);
	assert_int_equal(nic_driver.open(&pb, &b, err), -ENODEV);
	pb.n_queues = 2;
	open_ok(&pb, &b);
	nic_driver.close(&c);
	close_wire(&a, &b);
}

/* The stack may put headers into the headroom or cut the front off: data and len count. */
static void test_data_may_move(void **state)
{
	struct nic_pkt p;
	struct nic a, b;

	(void)state;
	open_wire(&a, &b, 1, 1);
	assert_int_equal(alloc(&a, 0, &p, 1), 1);
	make_frame(&p, a_flow, 80, 7);
	p.data += 20;
	p.len = 60;
	assert_int_equal(tx(&a, 0, &p, 1), 1);
	assert_int_equal(rx(&b, 0, &p, 1), 1);
	assert_int_equal(p.len, 60);
	assert_int_equal(p.data[59], (uint8_t)(7 + 79));
	p.data -= 20; /* and back, on the way to the sender */
	p.len = 80;
	assert_int_equal(tx(&b, 0, &p, 1), 1);
	assert_int_equal(rx(&a, 0, &p, 1), 1);
	assert_int_equal(p.len, 80);
	release(&a, 0, &p, 1);
	close_wire(&a, &b);
}

static unsigned fill(struct nic *n, uint16_t queue, unsigned most)
{
	struct nic_pkt p[100];
	unsigned sent = 0;

	while (sent < most) {
		uint16_t want = (uint16_t)(most - sent < 100 ? most - sent : 100), k;
		uint16_t got = alloc(n, queue, p, want);

		for (uint16_t i = 0; i < got; i++)
			make_frame(&p[i], a_flow, 60, sent + i);
		k = tx(n, queue, p, got);
		sent += k;
		if (k < got || got == 0) {
			release(n, queue, p + k, (uint16_t)(got - k));
			break;
		}
	}
	return sent;
}

static unsigned empty(struct nic *n, uint16_t queue, uint32_t *next)
{
	struct nic_pkt p[100];
	unsigned sum = 0;
	uint16_t got;

	while ((got = rx(n, queue, p, 100)) > 0) {
		for (uint16_t i = 0; i < got; i++) {
			uint32_t seq;

			memcpy(&seq, p[i].data + 38, 4);
			assert_int_equal(seq, (*next)++);
		}
		release(n, queue, p, got);
		sum += got;
	}
	return sum;
}

/* A full wire takes a part, then nothing, and goes on where it stopped. */
static void full(uint16_t n_peer_queues)
{
	uint32_t next = 0;
	struct nic a, b;
	unsigned sent;
	uint16_t at = 0;

	open_wire(&a, &b, 1, n_peer_queues);
	sent = fill(&a, 0, 100000);
	assert_int_equal(sent, 1023);
	assert_int_equal(fill(&a, 0, 100), 0);
	while (n_peer_queues > 1 && at < n_peer_queues - 1) {
		struct nic_pkt p;

		if (rx(&b, at, &p, 1)) {
			memcpy(&next, p.data + 38, 4);
			assert_int_equal(next++, 0);
			release(&b, at, &p, 1);
			sent--;
			break;
		}
		at++;
	}
	assert_int_equal(empty(&b, at, &next), sent);
	assert_int_equal(free_bufs(&a, 0), TEST_BUFS);
	next = 0;
	assert_int_equal(fill(&a, 0, 200), 200);
	assert_int_equal(empty(&b, at, &next), 200);
	nic_driver.stats(&a);
	assert_int_equal(a.tx_errors, 0);
	close_wire(&a, &b);
}

static void test_full_wire_takes_a_part(void **state)
{
	(void)state;
	full(1);
	full(5);
}

static void random_flow(struct rng *r, uint8_t flow[12])
{
	for (int i = 0; i < 12; i++)
		flow[i] = (uint8_t)rng_next(r);
}

static void test_flows_spread_over_queues(void **state)
{
	static struct toeplitz t;
	enum { FLOWS = 30000 };
	struct rng r;

	(void)state;
	print_message("seed %llu\n", (unsigned long long)seed);
	rng_seed(&r, seed);
	for (uint16_t n = 2; n <= NIC_MAX_QUEUES; n = (uint16_t)(n + 7)) {
		unsigned count[NIC_MAX_QUEUES] = {0}, most = 0;
		struct nic a, b;

		open_wire(&a, &b, 2, n);
		assert_int_equal(b.n_queues, n);
		toeplitz_init(&t, b.rss_key);
		for (unsigned i = 0; i < FLOWS; i++) {
			uint8_t flow[12];
			struct nic_pkt p;
			uint32_t hash;
			uint16_t q;

			random_flow(&r, flow);
			hash = toeplitz_hash(&t, flow, 12);
			q = nic_rx_queue(&b, hash);
			assert_int_equal(q, rss_queue(hash, n));
			assert_int_equal(alloc(&a, i % 2, &p, 1), 1);
			make_frame(&p, flow, 60, i);
			assert_int_equal(tx(&a, i % 2, &p, 1), 1);
			assert_int_equal(rx(&b, q, &p, 1), 1);
			assert_true(p.flags & NIC_RX_RSS);
			assert_int_equal(p.rss, hash);
			release(&b, q, &p, 1);
			count[q]++;
		}
		for (uint16_t q = 0; q < n; q++)
			most = count[q] > most ? count[q] : most;
		assert_true(most * n < FLOWS * 1.1);
		close_wire(&a, &b);
	}
}

/* A VLAN's tag changes nothing about the queue. */
static void test_tagged_flows_spread_alike(void **state)
{
	static const uint8_t tag[4] = {0x81, 0, 0, 5};
	static struct toeplitz t;
	unsigned by[4] = {0};
	struct nic a, b;
	struct rng r;

	(void)state;
	rng_seed(&r, seed);
	open_wire(&a, &b, 2, 4);
	toeplitz_init(&t, b.rss_key);
	for (unsigned i = 0; i < 1000; i++) {
		uint8_t flow[12];
		struct nic_pkt p;
		uint16_t q;

		random_flow(&r, flow);
		q = rss_queue(toeplitz_hash(&t, flow, 12), 4);
		assert_int_equal(alloc(&a, i % 2, &p, 1), 1);
		make_frame(&p, flow, 60, i);
		memmove(p.data + 16, p.data + 12, 60 - 12);
		memcpy(p.data + 12, tag, sizeof(tag));
		p.len = 64;
		assert_int_equal(tx(&a, i % 2, &p, 1), 1);
		assert_int_equal(rx(&b, q, &p, 1), 1);
		release(&b, q, &p, 1);
		by[q]++;
	}
	for (unsigned q = 0; q < 4; q++)
		assert_true(by[q] > 150);
	close_wire(&a, &b);
}

/* With as many queues at both ends, an answer comes to the queue that the request was sent from. */
static void test_a_flow_stays_on_queues_of_one_number(void **state)
{
	static struct toeplitz t;
	struct nic a, b;
	struct rng r;

	(void)state;
	print_message("seed %llu\n", (unsigned long long)seed);
	rng_seed(&r, seed);
	open_wire(&a, &b, 7, 7);
	toeplitz_init(&t, a.rss_key);
	for (unsigned i = 0; i < 1000; i++) {
		uint8_t flow[12], back[12];
		struct nic_pkt p;
		uint16_t q;

		random_flow(&r, flow);
		memcpy(back, flow + 4, 4);
		memcpy(back + 4, flow, 4);
		memcpy(back + 8, flow + 10, 2);
		memcpy(back + 10, flow + 8, 2);
		q = nic_rx_queue(&a, toeplitz_hash(&t, back, 12));
		assert_int_equal(alloc(&a, q, &p, 1), 1);
		make_frame(&p, flow, 60, i);
		assert_int_equal(tx(&a, q, &p, 1), 1);
		assert_int_equal(rx(&b, q, &p, 1), 1);
		release(&b, q, &p, 1);
	}
	close_wire(&a, &b);
}

/* Frames without ports, and cut-off ones, go somewhere without being read beyond their end. */
static void test_odd_frames_are_harmless(void **state)
{
	struct nic a, b;
	struct rng r;

	(void)state;
	rng_seed(&r, seed);
	open_wire(&a, &b, 1, 16);
	for (unsigned i = 0; i < 5000; i++) {
		unsigned got = 0;
		struct nic_pkt p;

		assert_int_equal(alloc(&a, 0, &p, 1), 1);
		p.len = (uint16_t)rng_below(&r, 100);
		for (uint16_t k = 0; k < p.len; k++)
			p.data[k] = (uint8_t)rng_next(&r);
		if (p.len > 13 && i % 3)
			memcpy(p.data + 12, i % 3 == 1 ? "\x08\x00" : "\x86\xdd", 2);
		assert_int_equal(tx(&a, 0, &p, 1), 1);
		for (uint16_t q = 0; q < 16; q++) {
			uint16_t k = rx(&b, q, &p, 1);

			release(&b, q, &p, k);
			got += k;
		}
		assert_int_equal(got, 1);
	}
	assert_int_equal(free_bufs(&a, 0), TEST_BUFS);
	close_wire(&a, &b);
}

static void test_unplugged_end_loses_frames(void **state)
{
	struct nic_params p = small("ring:alone:1", 1);
	struct nic a;

	(void)state;
	open_ok(&p, &a);
	assert_int_equal(fill(&a, 0, 5000), 5000);
	nic_driver.stats(&a);
	assert_int_equal(a.tx_errors, 5000);
	assert_int_equal(free_bufs(&a, 0), TEST_BUFS);
	nic_driver.close(&a);
}

static void test_ends_open_and_close_in_any_order(void **state)
{
	struct nic_params pa = small("ring:t:0", 1), pb = small("ring:t:1", 1);
	struct nic_params other = small("ring:t:0", 2);
	uint32_t next = 0;
	struct nic a, b;

	(void)state;
	open_ok(&pb, &b);
	open_ok(&pa, &a);
	open_fails(&pa, -EBUSY, "ring:t:1");
	assert_int_equal(fill(&a, 0, 50), 50);
	nic_driver.close(&a); /* its frames are still on the wire, in its buffers */
	assert_int_equal(empty(&b, 0, &next), 50);
	open_fails(&other, -EBUSY, "both ends");
	open_ok(&pa, &a);
	assert_int_equal(free_bufs(&a, 0), TEST_BUFS);
	assert_int_equal(fill(&b, 0, 50), 50);
	nic_driver.close(&b);
	nic_driver.close(&a); /* with frames under way */
	open_wire(&a, &b, 2, 3);
	close_wire(&b, &a);
}

struct side {
	struct nic *nic;
	uint16_t queue;
	unsigned to_send;
	atomic_uint *received, *senders;
	int entered;
};

/* Sends its share in bursts of random length while receiving what the others send. */
static void *run_side(void *arg)
{
	struct side *s = arg;
	struct nic_pkt out[64], in[64];
	struct rng r;
	uint16_t k;

	s->entered = nic_driver.thread_enter();
	rng_seed(&r, seed + s->queue);
	while (s->to_send > 0 || atomic_load(s->senders) > 0) {
		uint16_t want = (uint16_t)(1 + rng_below(&r, 64));

		want = (uint16_t)(want < s->to_send ? want : s->to_send);
		want = alloc(s->nic, s->queue, out, want);
		for (uint16_t i = 0; i < want; i++) {
			uint8_t flow[12];

			random_flow(&r, flow);
			make_frame(&out[i], flow, 60, i);
		}
		k = tx(s->nic, s->queue, out, want);
		release(s->nic, s->queue, out + k, (uint16_t)(want - k));
		s->to_send -= k;
		if (k > 0 && s->to_send == 0)
			atomic_fetch_sub(s->senders, 1);
		k = rx(s->nic, s->queue, in, 64);
		release(s->nic, s->queue, in, k);
		atomic_fetch_add(s->received, k);
		if (k == 0)
			sched_yield();
	}
	while ((k = rx(s->nic, s->queue, in, 64)) > 0) {
		release(s->nic, s->queue, in, k);
		atomic_fetch_add(s->received, k);
	}
	nic_driver.thread_leave();
	return NULL;
}

/* Two queues on each end, each on its own thread: everything arrives, and every buffer is back
 * although other threads freed it. Sending to a queue that another thread fills at the same moment
 * may lose frames; those are counted. */
static void test_threads_lose_no_buffer(void **state)
{
	enum { EACH = 40000 };
	struct side side[4];
	pthread_t thread[4];
	atomic_uint received, senders;
	struct nic nic[2];

	(void)state;
	for (unsigned round = 0; round < 2; round++) {
		uint16_t n = (uint16_t)(round + 1);

		open_wire(&nic[0], &nic[1], n, n);
		atomic_init(&received, 0);
		atomic_init(&senders, 2u * n);
		for (unsigned i = 0; i < 2u * n; i++) {
			side[i] = (struct side){&nic[i % 2], (uint16_t)(i / 2), EACH,
						&received,   &senders,		-1};
			assert_int_equal(pthread_create(&thread[i], NULL, run_side, &side[i]), 0);
		}
		for (unsigned i = 0; i < 2u * n; i++) {
			pthread_join(thread[i], NULL);
			assert_int_equal(side[i].entered, 0);
		}
		for (unsigned i = 0; i < 2u * n; i++)
			assert_int_equal(free_bufs(side[i].nic, side[i].queue), TEST_BUFS);
		nic_driver.stats(&nic[0]);
		nic_driver.stats(&nic[1]);
		assert_int_equal(atomic_load(&received) + nic[0].tx_errors + nic[1].tx_errors,
				 2u * n * EACH);
		if (n == 1)
			assert_int_equal(atomic_load(&received), 2u * EACH);
		print_message("%u of %u frames lost to a race for room\n",
			      (unsigned)(nic[0].tx_errors + nic[1].tx_errors), 2u * n * EACH);
		close_wire(&nic[0], &nic[1]);
	}
}

struct receiver {
	struct nic *nic;
	uint16_t queue;
	atomic_bool *stop;
	unsigned received;
	int entered;
};

static void *run_receiver(void *arg)
{
	struct receiver *r = arg;
	struct nic_pkt p[64];
	bool last;
	uint16_t k;

	r->entered = nic_driver.thread_enter();
	do {
		last = atomic_load(r->stop);
		k = rx(r->nic, r->queue, p, 64);
		release(r->nic, r->queue, p, k);
		r->received += k;
		if (k == 0)
			sched_yield();
	} while (k > 0 || !last);
	nic_driver.thread_leave();
	return NULL;
}

/* Frames of any flows, until so many are sent or it takes too long. */
static unsigned send_flows(struct nic *n, unsigned most)
{
	time_t until = time(NULL) + 20;
	struct nic_pkt p[64];
	unsigned sent = 0;
	struct rng r;

	rng_seed(&r, seed);
	while (sent < most && time(NULL) < until) {
		uint16_t got = alloc(n, 0, p, (uint16_t)(most - sent < 64 ? most - sent : 64)), k;

		for (uint16_t i = 0; i < got; i++) {
			uint8_t flow[12];

			random_flow(&r, flow);
			make_frame(&p[i], flow, 60, i);
		}
		k = tx(n, 0, p, got);
		release(n, 0, p + k, (uint16_t)(got - k));
		sent += k;
		if (k == 0)
			sched_yield();
	}
	return sent;
}

/* Each receives a part of what the first of n queues sends, and may keep some of its buffers. */
static void receivers(uint16_t n, uint16_t n_receivers, uint32_t n_bufs)
{
	enum { FRAMES = 40000 };
	struct nic_params pa = small("ring:t:0", n), pb = small("ring:t:1", n_receivers);
	struct receiver r[NIC_MAX_QUEUES];
	pthread_t thread[NIC_MAX_QUEUES];
	unsigned sent, received = 0;
	atomic_bool stop;
	struct nic a, b;

	pa.n_bufs = pb.n_bufs = n_bufs;
	open_ok(&pa, &a);
	open_ok(&pb, &b);
	atomic_init(&stop, false);
	for (uint16_t i = 0; i < n_receivers; i++) {
		r[i] = (struct receiver){&b, i, &stop, 0, -1};
		assert_int_equal(pthread_create(&thread[i], NULL, run_receiver, &r[i]), 0);
	}
	assert_int_equal(nic_driver.thread_enter(), 0);
	sent = send_flows(&a, FRAMES);
	atomic_store(&stop, true);
	for (uint16_t i = 0; i < n_receivers; i++) {
		pthread_join(thread[i], NULL);
		assert_int_equal(r[i].entered, 0);
		received += r[i].received;
	}
	assert_int_equal(free_bufs(&a, 0), n_bufs);
	nic_driver.thread_leave();
	close_wire(&a, &b);
	assert_int_equal(sent, FRAMES);
	assert_int_equal(received, FRAMES);
}

static void test_many_receivers_leave_the_sender_its_buffers(void **state)
{
	(void)state;
	receivers(1, 8, TEST_BUFS);
	receivers(8, 8, TEST_BUFS); /* flows that its own stack would not have chosen */
	receivers(1, 2, 1024);
}

static void *count_free(void *arg)
{
	struct nic *n = arg;

	return (void *)(uintptr_t)free_bufs(n, 0);
}

/* What lies on the wire when an end is closed goes back to where every thread gets at it. */
static void test_who_closes_keeps_no_buffer(void **state)
{
	void *left = NULL;
	struct nic a, b;
	pthread_t other;

	(void)state;
	open_wire(&a, &b, 1, 1);
	assert_int_equal(fill(&a, 0, 100000), 1023);
	assert_int_equal(nic_driver.thread_enter(), 0); /* with a cache from here on */
	nic_driver.close(&b);
	assert_int_equal(pthread_create(&other, NULL, count_free, &a), 0);
	pthread_join(other, &left);
	nic_driver.thread_leave();
	nic_driver.close(&a);
	assert_int_equal((uintptr_t)left, TEST_BUFS);
}

static void test_enter_and_leave_nest(void **state)
{
	uint32_t next;
	struct nic a, b;

	(void)state;
	open_wire(&a, &b, 1, 1);
	for (int i = 0; i < 300; i++) { /* more often than there are lcores */
		assert_int_equal(nic_driver.thread_enter(), 0);
		assert_int_equal(nic_driver.thread_enter(), 0);
		next = 0;
		assert_int_equal(fill(&a, 0, 10), 10);
		assert_int_equal(empty(&b, 0, &next), 10);
		nic_driver.thread_leave();
		nic_driver.thread_leave();
	}
	nic_driver.thread_leave(); /* once too often: nothing */
	close_wire(&a, &b);
}

/* Opening a device pins, renames and masks nobody. */
static void test_caller_is_left_alone(void **state)
{
	struct nic_params p = small("ring:first:0", 1);
	cpu_set_t before, after;
	char name[16], name_after[16];
	sigset_t mask, mask_after;
	struct nic a;

	(void)state;
	sched_getaffinity(0, sizeof before, &before);
	prctl(PR_GET_NAME, name);
	pthread_sigmask(SIG_BLOCK, NULL, &mask);
	open_ok(&p, &a);
	sched_getaffinity(0, sizeof after, &after);
	prctl(PR_GET_NAME, name_after);
	pthread_sigmask(SIG_BLOCK, NULL, &mask_after);
	assert_true(CPU_EQUAL(&before, &after));
	assert_string_equal(name, name_after);
	for (int sig = 1; sig < SIGRTMAX; sig++)
		assert_int_equal(sigismember(&mask, sig), sigismember(&mask_after, sig));
	nic_driver.close(&a);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_caller_is_left_alone), /* first: it starts the EAL */
		cmocka_unit_test(test_frames_pass_both_ways),
		cmocka_unit_test(test_the_largest_wire),
		cmocka_unit_test(test_queues_beyond_dpdks_ports),
		cmocka_unit_test(test_data_may_move),
		cmocka_unit_test(test_full_wire_takes_a_part),
		cmocka_unit_test(test_flows_spread_over_queues),
		cmocka_unit_test(test_tagged_flows_spread_alike),
		cmocka_unit_test(test_a_flow_stays_on_queues_of_one_number),
		cmocka_unit_test(test_odd_frames_are_harmless),
		cmocka_unit_test(test_unplugged_end_loses_frames),
		cmocka_unit_test(test_ends_open_and_close_in_any_order),
		cmocka_unit_test(test_threads_lose_no_buffer),
		cmocka_unit_test(test_many_receivers_leave_the_sender_its_buffers),
		cmocka_unit_test(test_who_closes_keeps_no_buffer),
		cmocka_unit_test(test_enter_and_leave_nest),
	};

	if (argc == 3 && strcmp(argv[1], "--seed") == 0)
		seed = strtoull(argv[2], NULL, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
