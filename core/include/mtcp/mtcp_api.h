/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The application interface: source-compatible with mTCP, plus what it lacked (below the line).
 * Calls return -1 and set errno as their Linux namesakes do, unless stated. A context (mctx_t) is one core's;
 * it is used only by the thread that created it. Descriptors are per context and are not kernel descriptors.
 */
#ifndef MTCP_API_H
#define MTCP_API_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef INPORT_ANY
#define INPORT_ANY ((uint16_t)0)
#endif

enum socket_type {
	MTCP_SOCK_UNUSED,
	MTCP_SOCK_STREAM,
	MTCP_SOCK_PROXY,
	MTCP_SOCK_LISTENER,
	MTCP_SOCK_EPOLL,
	MTCP_SOCK_PIPE
};

struct mtcp_conf {
	int num_cores;
	int max_concurrency; /* per core */
	int max_num_buffers;
	int rcvbuf_size;     /* bytes */
	int sndbuf_size;
	int tcp_timewait;    /* seconds in files, as the original; here too */
	int tcp_timeout;     /* seconds */
};

struct mtcp_context {
	int cpu;
};
typedef struct mtcp_context *mctx_t;

typedef void (*mtcp_sighandler_t)(int);

/* config_file: key = value lines (docs/configuration.md). 0, or -1 with one line on standard error. */
int mtcp_init(const char *config_file);
void mtcp_destroy(void);
int mtcp_getconf(struct mtcp_conf *conf);
/* All of it or nothing. Before the first context (else EBUSY); EINVAL: a value out of range (docs/configuration.md),
 * or after mtcp_init another num_cores. A value of 0 or below, as in the original, leaves what there is. */
int mtcp_setconf(const struct mtcp_conf *conf);
int mtcp_core_affinitize(int cpu);              /* pins the calling thread */

mctx_t mtcp_create_context(int cpu);            /* NULL with errno */
void mtcp_destroy_context(mctx_t mctx);
mtcp_sighandler_t mtcp_register_signal(int signum, mtcp_sighandler_t handler);

int mtcp_pipe(mctx_t mctx, int pipeid[2]);
int mtcp_getsockopt(mctx_t mctx, int sockid, int level, int optname, void *optval, socklen_t *optlen);
int mtcp_setsockopt(mctx_t mctx, int sockid, int level, int optname, const void *optval,
		    socklen_t optlen);
int mtcp_setsock_nonblock(mctx_t mctx, int sockid);
int mtcp_socket_ioctl(mctx_t mctx, int sockid, int request, void *argp); /* FIONREAD, FIONBIO */
int mtcp_socket(mctx_t mctx, int domain, int type, int protocol);
int mtcp_bind(mctx_t mctx, int sockid, const struct sockaddr *addr, socklen_t addrlen);
/* Again: the new backlog holds from now on; who waits already stays. */
int mtcp_listen(mctx_t mctx, int sockid, int backlog);
int mtcp_accept(mctx_t mctx, int sockid, struct sockaddr *addr, socklen_t *addrlen);
/* Source addresses for all later connects: num_addr of them from saddr_base (network order;
 * INADDR_ANY: the configured ones). daddr and dport are not looked at. */
int mtcp_init_rss(mctx_t mctx, in_addr_t saddr_base, int num_addr, in_addr_t daddr, in_addr_t dport);
int mtcp_connect(mctx_t mctx, int sockid, const struct sockaddr *addr, socklen_t addrlen);
int mtcp_close(mctx_t mctx, int sockid);
int mtcp_abort(mctx_t mctx, int sockid);
int mtcp_getsockname(mctx_t mctx, int sockid, struct sockaddr *addr, socklen_t *addrlen);
int mtcp_getpeername(mctx_t mctx, int sockid, struct sockaddr *addr, socklen_t *addrlen);
ssize_t mtcp_read(mctx_t mctx, int sockid, char *buf, size_t len);
ssize_t mtcp_recv(mctx_t mctx, int sockid, char *buf, size_t len, int flags); /* MSG_PEEK, MSG_DONTWAIT */
ssize_t mtcp_readv(mctx_t mctx, int sockid, const struct iovec *iov, int numIOV);
ssize_t mtcp_write(mctx_t mctx, int sockid, const char *buf, size_t len);
ssize_t mtcp_writev(mctx_t mctx, int sockid, const struct iovec *iov, int numIOV);

/* ---- beyond the original ---- */
#include "mtcp_stats.h"

/* While it connects, as in Linux, any `how` ends the attempt: ECONNRESET is pending, and it may connect again. */
int mtcp_shutdown(mctx_t mctx, int sockid, int how);
/* MSG_DONTWAIT, MSG_MORE, MSG_NOSIGNAL */
ssize_t mtcp_send(mctx_t mctx, int sockid, const char *buf, size_t len, int flags);
ssize_t mtcp_sendmsg(mctx_t mctx, int sockid, const struct msghdr *msg, int flags);
ssize_t mtcp_recvmsg(mctx_t mctx, int sockid, struct msghdr *msg, int flags);
int mtcp_accept4(mctx_t mctx, int sockid, struct sockaddr *addr, socklen_t *addrlen, int flags);
int mtcp_eventfd(mctx_t mctx, unsigned int initval, int flags);

/* Reading and writing in place: payload is copied once, by the stack, between the frame and the connection's
 * buffer. Inline mode only (paired: EOPNOTSUPP); of a connection (else ENOTSOCK, ENOTCONN). Mixes with the calls that
 * copy. Bytes lie in one piece or, where the buffer wraps, two; the length of what is not used is 0. Pointers are good
 * until the next call for this descriptor, the next call that waits (mtcp_epoll_wait also with a timeout of 0), or one
 * that failed with EAGAIN or EALREADY for any descriptor: in each of these TCP may run.
 *
 * What has come: its length, and where it lies; 0 at the end of the stream; errors, and waiting on a blocking
 * descriptor, as mtcp_read. The window opens by what mtcp_zc_consume takes: the first n bytes (0 or more; EINVAL: more
 * than have come). */
ssize_t mtcp_zc_read(mctx_t mctx, int sockid, struct iovec piece[2]);
int mtcp_zc_consume(mctx_t mctx, int sockid, size_t n);
/* Room for at most `want` > 0 bytes of the send buffer, whose content is anything; errors, and waiting, as mtcp_write.
 * mtcp_zc_commit sends the first n bytes of it (EINVAL: more than there is room for); 0 gives it back. */
ssize_t mtcp_zc_reserve(mctx_t mctx, int sockid, size_t want, struct iovec piece[2]);
int mtcp_zc_commit(mctx_t mctx, int sockid, size_t n);

/* Several stacks in one process: each has its own configuration and device. mtcp_init opens a default one.
 * conf_file may be NULL; overrides, NULL or "key = value" lines, is read after it by the same table.
 * NULL with one line in err: what was wrong, where, the mend. */
typedef struct mtcp_stack *mtcp_stack_t;
#define MTCP_ERR_LEN 512
mtcp_stack_t mtcp_stack_open(const char *conf_file, const char *overrides, char err[MTCP_ERR_LEN]);
void mtcp_stack_close(mtcp_stack_t stack); /* after its contexts */
mctx_t mtcp_create_context_on(mtcp_stack_t stack, int cpu);

/* The core's counters, and its cycles by part. Copies; callable by any thread (a torn read of one
 * counter is possible only on machines without atomic 64-bit loads). */
int mtcp_get_stats(mctx_t mctx, struct mtcp_stats *out);
int mtcp_get_cycles(mctx_t mctx, struct mtcp_cycles *out);
/* Writes the last events of a connection (segments, timers, calls, reasons of drops; config key trace_events), or of
 * all connections of this context, those that have just ended included. A line per event; changes nothing. Not for
 * signal handlers: let the handler set a flag that the loop around mtcp_epoll_wait looks at. */
int mtcp_trace(mctx_t mctx, int sockid, FILE *out);
int mtcp_trace_all(mctx_t mctx, FILE *out);
/* Device counters: frames the device dropped on receive, and could not send. */
int mtcp_get_device_stats(mctx_t mctx, uint64_t *rx_missed, uint64_t *tx_errors);

#ifdef __cplusplus
}
#endif

#endif
