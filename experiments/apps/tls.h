/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TLS over the sockets of any stack: OpenSSL works on memory, and what it has to say or wants to
 * hear is carried by the calls of struct io_ops. Shared by server and load. The server's
 * certificate is made at the start and signed by itself; clients check the signature of the
 * handshake by it, but not whose it is.
 */
#ifndef APPS_TLS_H
#define APPS_TLS_H

#include <stdbool.h>
#include <sys/types.h>

#include <openssl/ssl.h>

#include "io.h"

enum tls_version { TLS_1_3, TLS_1_2 };
extern const char *const tls_version_names[];
enum tls_key { TLS_ECDSA, TLS_RSA }; /* P-256; 2048 bits */
extern const char *const tls_key_names[];

struct tls_conf {
	int version; /* enum tls_version */
	int key;     /* enum tls_key; of the server */
	bool resume; /* sessions may be taken up again; else every handshake is a whole one */
};

/* NULL, with err. One context serves all threads. */
SSL_CTX *tls_server_context(const struct tls_conf *, char err[ERR_LEN]);
SSL_CTX *tls_client_context(const struct tls_conf *, char err[ERR_LEN]);
/* Of one connection, with nothing said yet. NULL: no memory. */
SSL *tls_open(SSL_CTX *, bool server);

/* What a step found; errno is set for TLS_FAILED: EPROTO where the peer broke the protocol. */
enum tls_state {
	TLS_DONE,     /* tls_shake: the handshake is over; tls_read: n bytes */
	TLS_WAIT_IN,  /* bytes of the peer are needed */
	TLS_WAIT_OUT, /* the socket takes no more now */
	TLS_CLOSED,   /* the peer has ended the stream */
	TLS_FAILED
};

/* A place to carry bytes in: a worker's, of TLS_SCRATCH bytes. */
#define TLS_SCRATCH (16u << 10)
struct tls_carrier {
	struct io *io;
	char *scratch;
};

enum tls_state tls_shake(const struct tls_carrier *, int fd, SSL *);
/* *n: how many there may be; then how many there are. */
enum tls_state tls_read(const struct tls_carrier *, int fd, SSL *, void *, size_t *n);
/* Takes all of it; what the socket does not take now waits for tls_flush. */
enum tls_state tls_write(const struct tls_carrier *, int fd, SSL *, const void *, size_t n);
enum tls_state tls_flush(const struct tls_carrier *, int fd, SSL *);

#endif
