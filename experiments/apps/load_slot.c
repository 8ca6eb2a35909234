// SPDX-License-Identifier: BSD-3-Clause
/* A connection's life: connect, request, response, and so on until its messages are done; then
 * close. */
#include <errno.h>
#include <string.h>

#include "load_worker.h"
#include "util.h"

/* The beginning of a request is unlike that of any other now under way, and so is its echo: an
 * answer that was meant for another connection, or comes twice, does not match. */
static uint64_t mark_of(const struct load_worker *w, const struct load_slot *s, uint32_t nth)
{
	return (uint64_t)nth << 32 | slot_id(w, s);
}

static uint32_t key_len(const struct load_worker *w)
{
	return min_u32(w->request_len, ECHO_KEEP);
}

/* key_len() bytes, good until the next one. nth: of the slot's requests, from 1 on. */
static const char *key_of(struct load_worker *w, const struct load_slot *s, uint32_t nth)
{
	uint64_t mark = mark_of(w, s, nth);

	if (mark == w->mark)
		return w->key;
	w->mark = mark;
	if (w->request_len >= sizeof(mark)) /* a length that the compiler knows */
		memcpy(w->key, &mark, sizeof(mark));
	else
		memcpy(w->key, &mark, w->request_len);
	return w->key;
}

/* 1 or 0 */
static uint32_t is_under_way(uint32_t state)
{
	return state == SLOT_CONNECTING || state == SLOT_BUSY;
}

void slot_set(struct load_worker *w, struct load_slot *s, enum slot_state state)
{
	w->n_under_way += is_under_way(state) - is_under_way(s->state);
	s->state = (uint8_t)state;
}

static void slot_close(struct load_worker *w, struct load_slot *s)
{
	if (s->state == SLOT_CONNECTING)
		w->n_connecting--;
	if (w->tls != NULL)
		tls_slot_end(w, s);
	w->ops->close(w->io, s->fd);
	s->fd = -1;
	slot_set(w, s, SLOT_FREE);
	counter_add(&w->n_active, (uint64_t)-1);
}

static void count_failure(struct load_worker *w, int code)
{
	counter_add(&w->total_failed, 1);
	if (w->phase == LOAD_MEASURE)
		w->failures[code > 0 && code < LOAD_N_FAILURES ? code : EIO]++;
}

void slot_fail(struct load_worker *w, struct load_slot *s, int code)
{
	count_failure(w, code);
	slot_close(w, s);
	worker_slot_failed(w, s);
}

/* Nothing was asked: the server closed, or is out of step. The idle list still has the slot. */
void slot_idle_failed(struct load_worker *w, struct load_slot *s)
{
	count_failure(w, LOAD_FAIL_CLOSED);
	slot_close(w, s);
}

void slot_abandon(struct load_worker *w, struct load_slot *s)
{
	if (s->state != SLOT_FREE)
		slot_close(w, s);
}

void slot_open(struct load_worker *w, struct load_slot *s, uint64_t start_at)
{
	struct io_event ev = {.events = IO_IN | IO_OUT | IO_RDHUP | IO_ET, .ptr = s};

	s->start_at = start_at;
	s->n_messages = w->shared->conf->messages;
	s->fd = w->ops->connect(w->io, &w->shared->conf->target);
	if (s->fd < 0) {
		count_failure(w, errno);
		worker_slot_failed(w, s);
		return;
	}
	slot_set(w, s, SLOT_CONNECTING);
	w->n_connecting++;
	counter_add(&w->n_active, 1);
	/* edge-triggered: one call for the connection's whole life, as we always read to the end */
	if (w->ops->ctl(w->io, IO_ADD, s->fd, ev) < 0)
		slot_fail(w, s, errno);
}

/* What cannot be written now is written at the next IO_OUT. */
static void send_more(struct load_worker *w, struct load_slot *s)
{
	const char *from;
	uint32_t n;
	ssize_t put;

	if (w->set != NULL)
		web_slot_request(w, s);
	while (s->sent < w->request_len) {
		uint32_t pos = s->sent % LOAD_BUFFER;

		n = min_u32(LOAD_BUFFER - pos, w->request_len - s->sent);
		from = w->request + pos;
		if (w->https == NULL && s->sent < ECHO_KEEP) {
			const char *key = key_of(w, s, s->n_sent_messages);

			n = min_u32(key_len(w) - s->sent, n);
			from = key + s->sent;
			if (w->request_len > ECHO_KEEP) { /* the rest in the same segment */
				memcpy(w->scratch, w->request,
				       min_u32(w->request_len, LOAD_BUFFER));
				memcpy(w->scratch, key, ECHO_KEEP);
				from = w->scratch + s->sent;
				n = min_u32(LOAD_BUFFER, w->request_len) - s->sent;
			}
		}
		put = w->tls != NULL ? tls_slot_write(w, s, from, n)
				     : w->ops->write(w->io, s->fd, from, n);
		if (put < 0 && errno == EAGAIN)
			return;
		if (put < 0) {
			slot_fail(w, s, errno);
			return;
		}
		s->sent += (uint32_t)put;
	}
}

void slot_request(struct load_worker *w, struct load_slot *s, uint64_t start_at)
{
	slot_set(w, s, SLOT_BUSY);
	s->start_at = start_at;
	s->sent = 0;
	s->got = 0;
	if (w->https != NULL)
		w->https[s - w->slots] = (struct load_http){0};
	if (w->set != NULL)
		w->https[s - w->slots].file = webset_pick(w->set, &w->rng);
	s->n_sent_messages++;
	send_more(w, s);
}

/* There is a way for messages. */
static void begin_messages(struct load_worker *w, struct load_slot *s)
{
	const struct load_conf *conf = w->shared->conf;

	if ((conf->rate > 0 && conf->messages > 1) || worker_holds(w))
		worker_slot_idle(w, s);
	else
		slot_request(w, s, s->start_at);
}

/* TLS: what is under way of the handshake, or of what could not be sent. False: the connection is
 * not to be looked at further. */
static bool go_on(struct load_worker *w, struct load_slot *s)
{
	bool shaken = tls_slot_shaken(w, s);
	ssize_t ret = shaken ? tls_slot_flush(w, s) : tls_slot_shake(w, s);

	if (ret == 0 || (ret < 0 && errno != EAGAIN)) {
		slot_fail(w, s, ret == 0 ? LOAD_FAIL_CLOSED : errno);
		return false;
	}
	if (ret > 0 && !shaken)
		begin_messages(w, s);
	return tls_slot_shaken(w, s) && s->state == SLOT_BUSY;
}

static void on_connected(struct load_worker *w, struct load_slot *s)
{
	w->n_connecting--;
	if (!s->opened) {
		s->opened = true;
		counter_add(&w->n_opened, 1);
	}
	if (w->bulk != NULL) {
		bulk_slot_begin(w, s);
		return;
	}
	if (w->replay != NULL) {
		replay_slot_begin(w, s);
		return;
	}
	if (w->tls == NULL) {
		begin_messages(w, s);
		return;
	}
	s->state = SLOT_BUSY;
	if (tls_slot_begin(w, s) < 0)
		slot_fail(w, s, ENOMEM);
	else
		go_on(w, s);
}

static void count_transaction(struct load_worker *w, const struct load_slot *s)
{
	counter_add(&w->total_transactions, 1);
	if (w->phase != LOAD_MEASURE)
		return;
	w->transactions++;
	w->bytes += w->request_len + (w->https != NULL ? w->https[s - w->slots].got : s->got);
	hdr_record(&w->latency, w->now > s->start_at ? w->now - s->start_at : 0);
}

static void message_done(struct load_worker *w, struct load_slot *s)
{
	const struct load_conf *conf = w->shared->conf;

	count_transaction(w, s);
	if (--s->n_messages == 0 || w->phase == LOAD_DRAIN) {
		slot_close(w, s);
		counter_add(&w->total_connections, 1);
		w->connections += w->phase == LOAD_MEASURE;
		worker_slot_done(w, s);
	} else if (conf->rate > 0) {
		worker_slot_idle(w, s);
	} else {
		slot_request(w, s, w->now);
	}
}

/* 0: more to come; 1: complete; or the failure's code, negative. */
static int check_echo(struct load_worker *w, struct load_slot *s, uint32_t n)
{
	uint64_t want = w->shared->conf->response_bytes;
	uint64_t mark = mark_of(w, s, s->n_sent_messages);
	uint32_t len = key_len(w), part;
	const char *key;

	if (s->sent < w->request_len || (uint64_t)s->got + n > want)
		return -LOAD_FAIL_RESPONSE;
	if (s->got == 0 && n <= len && n >= sizeof(mark)) { /* mostly: the key is not needed */
		if (memcmp(w->scratch, &mark, sizeof(mark)) != 0 ||
		    memcmp(w->scratch + sizeof(mark), w->request + sizeof(mark),
			   n - sizeof(mark)) != 0)
			return -LOAD_FAIL_RESPONSE;
		s->got = n;
		return n == want;
	}
	key = key_of(w, s, s->n_sent_messages);
	for (uint32_t done = 0; done < n; done += part) {
		uint32_t phase = (uint32_t)((s->got + done) % len);

		part = min_u32(len - phase, n - done);
		if (memcmp(w->scratch + done, key + phase, part) != 0)
			return -LOAD_FAIL_RESPONSE;
	}
	s->got += n;
	return s->got == want;
}

static int check_http(struct load_worker *w, struct load_slot *s, uint32_t n)
{
	struct load_http *h = &w->https[s - w->slots];
	uint32_t before = h->response.n_head;
	enum http_response_state state = http_response_feed(&h->response, w->scratch, n);

	h->got += n;
	if (state == HTTP_RESPONSE_BAD)
		return -LOAD_FAIL_RESPONSE;
	if (state == HTTP_RESPONSE_DONE && (h->response.status < 200 || h->response.status > 299))
		return -LOAD_FAIL_STATUS;
	if (w->set != NULL && !web_slot_check(w, s, n, h->response.n_head - before))
		return -LOAD_FAIL_RESPONSE;
	return state == HTTP_RESPONSE_DONE;
}

static void receive(struct load_worker *w, struct load_slot *s)
{
	ssize_t got;
	int done = 0;

	/* The next request's: long before it is read in wider pieces than it is written in, which
	 * would have to wait for all stores before. */
	if (w->https == NULL)
		(void)key_of(w, s, s->n_sent_messages + 1);
	while (done == 0) {
		got = w->tls != NULL ? tls_slot_read(w, s)
				     : w->ops->read(w->io, s->fd, w->scratch, LOAD_BUFFER);
		if (got < 0 && errno == EAGAIN)
			return;
		if (got <= 0) {
			slot_fail(w, s, got == 0 ? LOAD_FAIL_CLOSED : errno);
			return;
		}
		done = w->https == NULL ? check_echo(w, s, (uint32_t)got)
					: check_http(w, s, (uint32_t)got);
	}
	if (done < 0)
		slot_fail(w, s, -done);
	else
		message_done(w, s);
}

/* Inside TLS a server sends a ticket of its own accord, once the handshake is over. */
static bool only_a_ticket(struct load_worker *w, struct load_slot *s)
{
	return w->tls != NULL && tls_slot_read(w, s) < 0 && errno == EAGAIN;
}

void slot_event(struct load_worker *w, struct load_slot *s, uint32_t events)
{
	int error;

	if (s->state == SLOT_CONNECTING) {
		if (events & (IO_ERR | IO_HUP)) {
			error = w->ops->error(w->io, s->fd);
			slot_fail(w, s, error != 0 ? error : LOAD_FAIL_CLOSED);
		} else if (events & IO_OUT) {
			on_connected(w, s);
		}
		return;
	}
	if (w->bulk != NULL) {
		if (s->state == SLOT_BUSY)
			bulk_slot_event(w, s);
		return;
	}
	if (w->replay != NULL) {
		replay_slot_event(w, s, events);
		return;
	}
	if (w->tls != NULL && s->state == SLOT_BUSY && !go_on(w, s))
		return;
	if ((events & IO_OUT) && s->state == SLOT_BUSY && s->sent < w->request_len)
		send_more(w, s);
	if ((events & (IO_IN | IO_ERR | IO_HUP | IO_RDHUP)) == 0)
		return;
	if (s->state == SLOT_BUSY)
		receive(w, s);
	else if (s->state == SLOT_IDLE && !only_a_ticket(w, s))
		slot_idle_failed(w, s);
}
