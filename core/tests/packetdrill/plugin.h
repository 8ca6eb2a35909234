/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One stack core at virtual time behind libc's calls. A mutex covers all of it; a call that blocks
 * sleeps on a condition variable until the thread that moves time (netdev_*, usleep) lets it look
 * again, and that thread goes on only when every sleeper has looked: a script's outcome does not
 * depend on the scheduler. Functions return -errno; table.c makes libc's -1 of it.
 */
#ifndef PACKETDRILL_PLUGIN_H
#define PACKETDRILL_PLUGIN_H

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "interface.h"
#include "stack/stack.h"

#define PD_FDS	   1024
#define PD_PACKETS 4096
#define PD_ROOM	   65600u /* bytes of a frame's buffer */
#define PD_WAITERS 8
#define PD_PIPE	   65536u

enum pd_kind { PD_NONE, PD_SOCKET, PD_LISTENER, PD_STREAM, PD_EPOLL, PD_PIPE_READ, PD_PIPE_WRITE };

struct pd_opts {      /* what was set, for a connection to come */
	uint32_t set; /* 1 << enum tcp_option */
	uint32_t value[32];
	char cc[16];
};

struct pd_watch {
	int fd; /* -1: free */
	uint32_t events;
	bool edge; /* edge-triggered: something came since the last report */
	epoll_data_t data;
};

struct pd_pipe {
	unsigned n_ends;
	uint32_t head, len;
	uint8_t data[PD_PIPE];
};

struct pd_obj {
	enum pd_kind kind;
	bool nonblock, reuseaddr, linger;
	bool connecting; /* connect's outcome was not yet reported */
	int family;
	uint16_t linger_s;
	uint32_t id; /* PD_LISTENER, PD_STREAM */
	struct ip_endpoint local;
	struct pd_opts opts;
	struct pd_pipe *pipe;
	struct pd_watch *watches; /* PD_EPOLL: PD_FDS of them */
};

struct pd_packet {
	uint32_t len;
	mt_time at;
	uint8_t *frame;
};

struct pd_queue {
	struct pd_packet p[PD_PACKETS];
	uint32_t head, tail;
};

struct pd {
	pthread_mutex_t lock;
	pthread_cond_t changed; /* sleepers: look again */
	pthread_cond_t looked;	/* the mover: all have looked */
	unsigned n_asleep, n_to_look;
	uint64_t n_wakes;
	mt_time deadline[PD_WAITERS]; /* of sleepers with a timeout; 0: free */
	pthread_t mover;

	struct nic nic;
	struct stack_config cfg;
	struct stack_addr addr;
	struct stack_core *sc;
	void *mem;
	mt_time now;
	mt_time horizon; /* how far netdev_receive looks for the next packet */
	struct pd_queue in, out;
	struct pd_obj obj[PD_FDS]; /* by descriptor */
};

/* ---- flags.c: 0, or -EINVAL with what is wrong and what is known on stderr ---- */
int plugin_flags(struct pd *, const char *flags);

/* ---- net.c ---- */
#define PD_EPOCH 1000000000ll /* seconds of gettimeofday at time 0 */

void net_open(struct pd *);
void net_close(struct pd *);
/* Turns of the core at this instant, until nothing more happens. The next instant at which
 * something is due. */
mt_time net_settle(struct pd *);
/* What is due up to `at` happens at its time. */
void net_run_until(struct pd *, mt_time at);
int net_send(struct pd *, const void *packet, size_t len);
int net_receive(struct pd *, void *packet, size_t *len, long long *time_usecs);
/* Sleeps until something has changed, or until `until`: -EAGAIN then. The thread that moves time
 * itself does not sleep: for it time goes on to the next event. */
int net_wait(struct pd *, mt_time until);
/* The calling thread's call is about to return. */
void net_looked(struct pd *);
/* For gettimeofday. */
mt_time net_time(struct pd *);

/* ---- sock.c ---- */
struct pd_obj *obj_of(struct pd *, int fd);
/* A descriptor for a new object, or -EMFILE. */
int obj_new(struct pd *, enum pd_kind);
int sock_socket(struct pd *, int domain, int type, int protocol);
int sock_bind(struct pd *, int fd, const struct sockaddr *, socklen_t);
int sock_listen(struct pd *, int fd, int backlog);
int sock_accept(struct pd *, int fd, struct sockaddr *, socklen_t *);
int sock_connect(struct pd *, int fd, const struct sockaddr *, socklen_t);
ssize_t sock_recv(struct pd *, int fd, const struct iovec *, int n, int flags);
ssize_t sock_send(struct pd *, int fd, const struct iovec *, int n, int flags);
struct pd_name {
	const struct sockaddr *sa;
	socklen_t len;
};

/* With MSG_FASTOPEN, connect and the first data in one. */
ssize_t sock_sendto(struct pd *, int fd, const struct iovec *, int flags, const struct pd_name *to);
int sock_close(struct pd *, int fd);
int sock_shutdown(struct pd *, int fd, int how);
int64_t sock_ioctl(struct pd *, int fd, unsigned long request, void *arg);
int sock_peer(struct pd *, int fd, struct sockaddr *, socklen_t *);

/* ---- opts.c ---- */
struct pd_optname {
	int level, name;
};

int opt_set(struct pd *, int fd, const struct pd_optname *, const void *value, socklen_t);
int opt_get(struct pd *, int fd, const struct pd_optname *, void *value, socklen_t *);
/* What was set before there was a connection, or on its listener. */
void opt_apply(struct pd *, struct pd_obj *, const struct pd_opts *);

/* ---- poll.c ---- */
int poll_fds(struct pd *, struct pollfd *, nfds_t n, int timeout_ms);
/* Edges of this instant, for edge-triggered registrations. */
void poll_edges(struct pd *);
void poll_forget(struct pd *, int fd);
int ep_create(struct pd *);
int ep_ctl(struct pd *, int epfd, int op, int fd, const struct epoll_event *);
int ep_wait(struct pd *, int epfd, struct epoll_event *, int max, int timeout_ms);

/* ---- pipe.c ---- */
int pipe_open(struct pd *, int fds[2]);
void pipe_shut(struct pd_obj *);
ssize_t pipe_take(struct pd_obj *, const struct iovec *, int n);
ssize_t pipe_put(struct pd_obj *, const struct iovec *, int n);
ssize_t pipe_splice(struct pd *, int fd_in, int fd_out, size_t len);

#endif
