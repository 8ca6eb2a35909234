// SPDX-License-Identifier: BSD-3-Clause
/* The plug-in as packetdrill uses it: loaded, its table driven from one thread that moves time and
 * one that blocks. */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "packetdrill/interface.h"
#include "wire/ipv6.h"
#include "wire/wire.h"

#define LOCAL  0xc0a80001u /* 192.168.0.1 */
#define REMOTE 0xc0000201u /* 192.0.2.1 */
#define PORT   8080
#define US_MS  1000ll

static void (*init)(const char *, struct packetdrill_interface *);
static struct packetdrill_interface pd;
static const struct flow as_peer = {.lport = 40000, .rport = PORT};

static int load(void **state)
{
	void *so = dlopen(PLUGIN, RTLD_NOW | RTLD_LOCAL);
	void *sym = so ? dlsym(so, "packetdrill_interface_init") : NULL;

	(void)state;
	if (!sym)
		fprintf(stderr, "%s\n", dlerror());
	assert_non_null(sym);
	memcpy(&init, &sym, sizeof(init));
	return 0;
}

static int begin(void **state)
{
	(void)state;
	init("quick_acks=0,timestamps=0,sack=0,wscale=0", &pd);
	return 0;
}

static int end(void **state)
{
	(void)state;
	pd.free(pd.userdata);
	return 0;
}

/* ---- packets ---- */

static struct flow peer_flow(void)
{
	struct flow f = as_peer;

	f.local = ip_from_v4(REMOTE);
	f.remote = ip_from_v4(LOCAL);
	return f;
}

static void send_seg(const struct flow *f, struct tcp_seg s, const char *payload)
{
	uint8_t p[2048];
	bool v4 = ip_is_v4(&f->local);
	size_t at = v4 ? IPV4_HLEN : IPV6_HLEN, hdr = tcp_hdr_len(&s);
	struct ip_hdr ip = {.src = f->local, .dst = f->remote, .proto = IP_TCP, .ttl = 64};

	memcpy(p + at + hdr, payload, s.len);
	tcp_build(p + at, f, &s);
	ip.payload_len = (uint16_t)(hdr + s.len);
	if (v4)
		ipv4_build(p, &ip);
	else
		ipv6_build(p, &ip);
	assert_int_equal(pd.netdev_send(pd.userdata, p, at + hdr + s.len), 0);
}

/* The next segment and when it left; false: none comes. */
static bool recv_seg(struct tcp_seg *s, struct flow *f, long long *at)
{
	static uint8_t p[2048];
	size_t len = sizeof(p);
	struct ip_hdr ip;
	uint16_t sport, dport;

	assert_int_equal(pd.netdev_receive(pd.userdata, p, &len, at), 0);
	if (!len)
		return false;
	assert_int_equal(p[0] >> 4 == 6 ? ipv6_parse(p, len, &ip) : ipv4_parse(p, len, 0, &ip),
			 WIRE_OK);
	assert_int_equal(tcp_parse(&ip, 0, &sport, &dport, s), WIRE_OK);
	*f = (struct flow){.local = ip.dst, .remote = ip.src, .lport = dport, .rport = sport};
	return true;
}

static long long now_us(void)
{
	struct timeval tv;

	assert_int_equal(pd.gettimeofday(pd.userdata, &tv, NULL), 0);
	return tv.tv_sec * 1000000ll + tv.tv_usec;
}

/* Virtual time. */
static void pass(useconds_t us)
{
	int (*let_pass)(void *, useconds_t) = pd.usleep;

	assert_int_equal(let_pass(pd.userdata, us), 0);
}

static struct sockaddr_in address(uint32_t v4, uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(v4)};
}

/* A listening socket. */
static int listening(void)
{
	struct sockaddr_in a = address(LOCAL, PORT);
	int fd = pd.socket(pd.userdata, AF_INET, SOCK_STREAM, IPPROTO_TCP);

	assert_true(fd >= 0);
	assert_int_equal(pd.bind(pd.userdata, fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(pd.listen(pd.userdata, fd, 5), 0);
	return fd;
}

/* A connection that the peer opened with sequence number 0; *iss is ours. */
static int accepted(int lfd, uint32_t *iss)
{
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	struct flow f = peer_flow(), back;
	struct tcp_seg s;
	long long at;
	int fd;

	send_seg(&f,
		 (struct tcp_seg){.flags = TCPF_SYN, .wnd = 60000, .opts = TCPO_MSS, .mss = 1000},
		 "");
	assert_true(recv_seg(&s, &back, &at));
	assert_int_equal(s.flags, TCPF_SYN | TCPF_ACK);
	assert_int_equal(s.ack.v, 1);
	*iss = s.seq.v;
	send_seg(&f,
		 (struct tcp_seg){.seq = {1}, .ack = {*iss + 1}, .flags = TCPF_ACK, .wnd = 60000},
		 "");
	fd = pd.accept(pd.userdata, lfd, (struct sockaddr *)&from, &len);
	assert_true(fd >= 0);
	assert_int_equal(ntohs(from.sin_port), as_peer.lport);
	assert_int_equal(ntohl(from.sin_addr.s_addr), REMOTE);
	return fd;
}

/* ---- a thread that blocks, as packetdrill has one ---- */

struct blocked {
	pthread_t thread;
	pid_t tid;
	int fd;
	ssize_t result;
	int error;
	long long done_at;
	void (*call)(struct blocked *);
	char buf[64];
};

static void *blocked_main(void *arg)
{
	struct blocked *b = arg;

	__atomic_store_n(&b->tid, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
	b->call(b);
	b->error = errno;
	b->done_at = now_us();
	return NULL;
}

/* Returns when the call sleeps: a call that spun would keep this test from going on. */
static void block(struct blocked *b)
{
	char path[64], state = '?', line[256];
	pid_t tid;

	assert_int_equal(pthread_create(&b->thread, NULL, blocked_main, b), 0);
	while ((tid = __atomic_load_n(&b->tid, __ATOMIC_ACQUIRE)) == 0)
		sched_yield();
	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	while (state != 'S') {
		FILE *f = fopen(path, "r");

		assert_non_null(f);
		assert_non_null(fgets(line, sizeof(line), f));
		fclose(f);
		state = strrchr(line, ')')[2];
		sched_yield();
	}
}

static void call_read(struct blocked *b)
{
	b->result = pd.read(pd.userdata, b->fd, b->buf, sizeof(b->buf));
}

static void call_connect(struct blocked *b)
{
	struct sockaddr_in a = address(REMOTE, PORT);

	b->result = pd.connect(pd.userdata, b->fd, (struct sockaddr *)&a, sizeof(a));
}

static void call_poll(struct blocked *b)
{
	struct pollfd p = {.fd = b->fd, .events = POLLIN};

	b->result = pd.poll(pd.userdata, &p, 1, 250);
}

static void join(struct blocked *b)
{
	assert_int_equal(pthread_join(b->thread, NULL), 0);
}

/* ---- cases ---- */

static void test_passive_open_and_data(void **state)
{
	struct flow f = peer_flow(), back;
	int lfd = listening(), fd;
	struct tcp_seg s;
	long long sent_at, at;
	char buf[16];
	uint32_t iss;

	(void)state;
	fd = accepted(lfd, &iss);
	assert_true(fcntl(fd, F_GETFD) >= 0); /* a real descriptor */
	sent_at = now_us();
	send_seg(&f,
		 (struct tcp_seg){
			 .seq = {1}, .ack = {iss + 1}, .flags = TCPF_ACK, .wnd = 60000, .len = 5},
		 "hello");
	assert_true(recv_seg(&s, &back, &at)); /* the delayed ACK, at its time */
	assert_int_equal(s.ack.v, 6);
	assert_in_range(at - sent_at, 40 * US_MS - 10, 41 * US_MS);
	assert_int_equal(pd.read(pd.userdata, fd, buf, sizeof(buf)), 5);
	assert_memory_equal(buf, "hello", 5);
	assert_int_equal(pd.write(pd.userdata, fd, "world", 5), 5);
	assert_true(recv_seg(&s, &back, &at));
	assert_int_equal(s.len, 5);
	assert_int_equal(s.seq.v, iss + 1);
	assert_memory_equal(s.payload, "world", 5);
	sent_at = at;
	assert_true(recv_seg(&s, &back, &at)); /* nobody answers: again after the timeout */
	assert_int_equal(s.seq.v, iss + 1);
	assert_in_range(at - sent_at, 1, 3000 * US_MS);
	assert_int_equal(pd.close(pd.userdata, fd), 0);
	assert_int_equal(pd.close(pd.userdata, lfd), 0);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static void test_blocking_read_wakes(void **state)
{
	struct flow f = peer_flow();
	int lfd = listening();
	struct blocked b = {.call = call_read};
	long long at;
	uint32_t iss;

	(void)state;
	b.fd = accepted(lfd, &iss);
	block(&b);
	pass(5000);
	at = now_us();
	send_seg(&f,
		 (struct tcp_seg){
			 .seq = {1}, .ack = {iss + 1}, .flags = TCPF_ACK, .wnd = 60000, .len = 3},
		 "abc");
	pass(100000);
	join(&b);
	assert_int_equal(b.result, 3);
	assert_in_range(b.done_at - at, 0,
			50); /* at the segment's instant, not when the sleep ended */
}

static void test_blocking_connect(void **state)
{
	struct blocked b = {.call = call_connect};
	struct flow back;
	struct tcp_seg s;
	long long at;

	(void)state;
	b.fd = pd.socket(pd.userdata, AF_INET, SOCK_STREAM, 0);
	block(&b);
	assert_true(recv_seg(&s, &back, &at));
	assert_int_equal(s.flags, TCPF_SYN);
	send_seg(&back,
		 (struct tcp_seg){.seq = {900},
				  .ack = {s.seq.v + 1},
				  .flags = TCPF_SYN | TCPF_ACK,
				  .wnd = 1000},
		 "");
	assert_true(recv_seg(&s, &back, &at));
	assert_int_equal(s.flags, TCPF_ACK);
	assert_int_equal(s.ack.v, 901);
	join(&b);
	assert_int_equal(b.result, 0);
}

static void test_refused_connect(void **state)
{
	struct blocked b = {.call = call_connect};
	struct flow back;
	struct tcp_seg s;
	long long at;

	(void)state;
	b.fd = pd.socket(pd.userdata, AF_INET, SOCK_STREAM, 0);
	block(&b);
	assert_true(recv_seg(&s, &back, &at));
	send_seg(&back, (struct tcp_seg){.ack = {s.seq.v + 1}, .flags = TCPF_RST | TCPF_ACK}, "");
	join(&b);
	assert_int_equal(b.result, -1);
	assert_int_equal(b.error, ECONNREFUSED);
}

static void test_poll_times_out(void **state)
{
	struct blocked b = {.call = call_poll, .fd = listening()};
	long long at = now_us();

	(void)state;
	block(&b);
	pass(1000000);
	join(&b);
	assert_int_equal(b.result, 0);
	assert_in_range(b.done_at - at, 250 * US_MS, 251 * US_MS);
}

static void test_silence_is_told(void **state)
{
	struct tcp_seg s;
	struct flow f;
	long long at;

	(void)state;
	(void)listening();
	assert_false(recv_seg(&s, &f, &at));
}

static void test_nonblocking_and_the_mover(void **state)
{
	int lfd = listening();

	(void)state;
	assert_int_equal(pd.accept(pd.userdata, lfd, NULL, NULL), -1);
	assert_int_equal(errno, EDEADLK); /* nobody else moves time: it would wait for ever */
	assert_int_equal(pd.fcntl(pd.userdata, lfd, F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(pd.accept(pd.userdata, lfd, NULL, NULL), -1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(pd.close(pd.userdata, 999), -1);
	assert_int_equal(errno, EBADF);
}

static void test_epoll_and_splice(void **state)
{
	struct flow f = peer_flow(), back;
	int lfd = listening(), ep = pd.epoll_create(pd.userdata, 1), fd, pipes[2];
	struct epoll_event ev = {.events = EPOLLIN | EPOLLET, .data.u32 = 7};
	struct tcp_seg s;
	long long at;
	uint32_t iss;

	(void)state;
	fd = accepted(lfd, &iss);
	assert_int_equal(pd.epoll_ctl(pd.userdata, ep, EPOLL_CTL_ADD, fd, &ev), 0);
	assert_int_equal(pd.epoll_wait(pd.userdata, ep, &ev, 1, 0), 0);
	send_seg(&f,
		 (struct tcp_seg){
			 .seq = {1}, .ack = {iss + 1}, .flags = TCPF_ACK, .wnd = 60000, .len = 3},
		 "abc");
	assert_int_equal(pd.epoll_wait(pd.userdata, ep, &ev, 1, 0), 1);
	assert_int_equal(ev.data.u32, 7);
	assert_int_equal(pd.epoll_wait(pd.userdata, ep, &ev, 1, 0), 0); /* an edge is told once */
	assert_int_equal(pd.pipe(pd.userdata, pipes), 0);
	assert_int_equal(pd.splice(pd.userdata, fd, NULL, pipes[1], NULL, 100, 0), 3);
	assert_int_equal(pd.splice(pd.userdata, pipes[0], NULL, fd, NULL, 100, 0), 3);
	assert_true(recv_seg(&s, &back, &at));
	assert_int_equal(s.len, 3);
	assert_memory_equal(s.payload, "abc", 3);
}

static void test_options(void **state)
{
	int fd = listening(), value = 1, got = 0;
	socklen_t len = sizeof(got);
	char cc[16] = "";

	(void)state;
	assert_int_equal(
		pd.setsockopt(pd.userdata, fd, IPPROTO_TCP, 1 /* NODELAY */, &value, sizeof(value)),
		0);
	assert_int_equal(pd.getsockopt(pd.userdata, fd, IPPROTO_TCP, 1, &got, &len), 0);
	assert_int_equal(got, 1);
	assert_int_equal(
		pd.setsockopt(pd.userdata, fd, IPPROTO_TCP, 13 /* CONGESTION */, "reno", 4), 0);
	len = sizeof(cc);
	assert_int_equal(pd.getsockopt(pd.userdata, fd, IPPROTO_TCP, 13, cc, &len), 0);
	assert_string_equal(cc, "reno");
	assert_int_equal(pd.setsockopt(pd.userdata, fd, IPPROTO_TCP, 13, "none", 4), -1);
	assert_int_equal(errno, ENOENT);
}

/* Linux's struct tcp_info, and bytes in both queues. */
static void test_info_and_queues(void **state)
{
	struct tcp_info i;
	struct flow f = peer_flow();
	socklen_t len = sizeof(i);
	uint32_t iss;
	int lfd = listening(), fd, n = -1;

	(void)state;
	assert_int_equal(pd.getsockopt(pd.userdata, lfd, IPPROTO_TCP, TCP_INFO, &i, &len), 0);
	assert_int_equal(i.tcpi_unacked, 0);
	fd = accepted(lfd, &iss);
	assert_int_equal(pd.write(pd.userdata, fd, "12345", 5), 5);
	len = sizeof(i);
	assert_int_equal(pd.getsockopt(pd.userdata, fd, IPPROTO_TCP, TCP_INFO, &i, &len), 0);
	assert_int_equal(len, sizeof(i));
	assert_int_equal(i.tcpi_state, 1);
	assert_int_equal(i.tcpi_unacked, 1);
	assert_int_equal(pd.ioctl(pd.userdata, fd, SIOCOUTQ, &n), 0);
	assert_int_equal(n, 5);
	send_seg(&f,
		 (struct tcp_seg){
			 .seq = {1}, .ack = {iss + 6}, .flags = TCPF_ACK, .wnd = 1000, .len = 3},
		 "abc");
	assert_int_equal(pd.ioctl(pd.userdata, fd, SIOCOUTQ, &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(pd.ioctl(pd.userdata, fd, SIOCINQ, &n), 0);
	assert_int_equal(n, 3);
	assert_int_equal(pd.ioctl(pd.userdata, lfd, SIOCINQ, &n), -1);
}

/* ---- IPv6 ---- */
static int begin_v6(void **state)
{
	(void)state;
	init("local_ip=fd3d:fa7b:d17d::1", &pd);
	return 0;
}

static void test_ipv6(void **state)
{
	struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_port = htons(PORT)}, got;
	struct flow f = as_peer, back;
	socklen_t len = sizeof(got);
	struct tcp_seg s;
	long long at;
	int fd = pd.socket(pd.userdata, AF_INET6, SOCK_STREAM, 0);

	(void)state;
	inet_pton(AF_INET6, "fd3d:fa7b:d17d::1", f.remote.b);
	inet_pton(AF_INET6, "2001:db8::1", f.local.b);
	assert_int_equal(pd.bind(pd.userdata, fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(pd.listen(pd.userdata, fd, 5), 0);
	send_seg(&f, (struct tcp_seg){.flags = TCPF_SYN, .wnd = 1000}, "");
	assert_true(recv_seg(&s, &back, &at));
	assert_int_equal(s.flags, TCPF_SYN | TCPF_ACK);
	assert_true(ip_eq(&back.remote, &f.remote));
	send_seg(&f,
		 (struct tcp_seg){.seq = {1}, .ack = {s.seq.v + 1}, .flags = TCPF_ACK, .wnd = 1000},
		 "");
	assert_true(pd.accept(pd.userdata, fd, (struct sockaddr *)&got, &len) >= 0);
	assert_int_equal(got.sin6_family, AF_INET6);
	assert_memory_equal(&got.sin6_addr, f.local.b, 16);
}

/* ---- fast open (RFC 7413) ---- */
static int begin_fastopen(void **state)
{
	(void)state;
	init("fastopen=3,timestamps=0,sack=0,wscale=0", &pd);
	return 0;
}

/* The first connection asks for a cookie; the second sends its data with it. */
static void test_fastopen(void **state)
{
	struct sockaddr_in a = address(REMOTE, PORT);
	struct flow back;
	struct tcp_seg s;
	long long at;
	int fd;

	(void)state;
	fd = pd.socket(pd.userdata, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	assert_int_equal(pd.sendto(pd.userdata, fd, "data", 4, MSG_FASTOPEN, (struct sockaddr *)&a,
				   sizeof(a)),
			 -1);
	assert_int_equal(errno, EINPROGRESS);
	assert_true(recv_seg(&s, &back, &at));
	assert_int_equal(s.flags, TCPF_SYN);
	assert_true((s.opts & TCPO_FASTOPEN) && s.cookie_len == 0 && s.len == 0);
	send_seg(&back,
		 (struct tcp_seg){.seq = {0},
				  .ack = {s.seq.v + 1},
				  .flags = TCPF_SYN | TCPF_ACK,
				  .wnd = 1000,
				  .opts = TCPO_MSS | TCPO_FASTOPEN,
				  .mss = 1460,
				  .cookie_len = 8,
				  .cookie = (const uint8_t[8]){1, 2, 3, 4, 5, 6, 7, 8}},
		 "");
	while (recv_seg(&s, &back, &at) && s.flags != TCPF_ACK)
		;
	fd = pd.socket(pd.userdata, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	assert_int_equal(pd.sendto(pd.userdata, fd, "data", 4, MSG_FASTOPEN, (struct sockaddr *)&a,
				   sizeof(a)),
			 4);
	assert_true(recv_seg(&s, &back, &at));
	assert_int_equal(s.flags & TCPF_SYN, TCPF_SYN);
	assert_int_equal(s.cookie_len, 8);
	assert_int_equal(s.len, 4);
}

/* Exit status of init with these flags. */
static int init_status(const char *flags)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		if (!freopen("/dev/null", "w", stderr))
			_exit(99);
		init(flags, &pd);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WEXITSTATUS(status);
}

static void test_flags(void **state)
{
	(void)state;
	assert_int_equal(init_status(NULL), 0);
	assert_int_equal(init_status("local_ip=10.1.2.3,rto_min_ms=1000,wscale=0,init_cwnd=4"), 0);
	assert_int_equal(init_status("no_such=1"), 2);
	assert_int_equal(init_status("rto_min_ms"), 2);
	assert_int_equal(init_status("rto_min_ms=0"), 2);
	assert_int_equal(init_status("rto_min_ms=9x"), 2);
	assert_int_equal(init_status("local_ip=10.1.2"), 2);
	assert_int_equal(init_status("ecn=2,syn_cookies=0,fastopen=1"), 0);
	assert_int_equal(init_status("ecn=3"), 2);
}

#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_passive_open_and_data),
		T(test_blocking_read_wakes),
		T(test_blocking_connect),
		T(test_refused_connect),
		T(test_poll_times_out),
		T(test_silence_is_told),
		T(test_epoll_and_splice),
		T(test_nonblocking_and_the_mover),
		T(test_options),
		T(test_info_and_queues),
		cmocka_unit_test_setup_teardown(test_ipv6, begin_v6, end),
		cmocka_unit_test_setup_teardown(test_fastopen, begin_fastopen, end),
		cmocka_unit_test(test_flags),
	};

	return cmocka_run_group_tests(tests, load, NULL);
}
