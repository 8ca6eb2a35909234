// SPDX-License-Identifier: BSD-3-Clause
#include "tls.h"

#include <errno.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#define DAY_S (24 * 3600)

const char *const tls_version_names[] = {"1.3", "1.2", NULL};
const char *const tls_key_names[] = {"ecdsa", "rsa", NULL};

static X509 *self_signed(EVP_PKEY *key)
{
	X509 *cert = X509_new();
	X509_NAME *name;

	if (cert == NULL)
		return NULL;
	name = X509_get_subject_name(cert);
	if (X509_set_version(cert, X509_VERSION_3) == 1 &&
	    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1) == 1 &&
	    X509_gmtime_adj(X509_getm_notBefore(cert), -DAY_S) != NULL &&
	    X509_gmtime_adj(X509_getm_notAfter(cert), DAY_S) != NULL &&
	    X509_set_pubkey(cert, key) == 1 &&
	    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"mtcp", -1,
				       -1, 0) == 1 &&
	    X509_set_issuer_name(cert, name) == 1 && X509_sign(cert, key, EVP_sha256()) > 0)
		return cert;
	X509_free(cert);
	return NULL;
}

static SSL_CTX *give_up(SSL_CTX *ctx, char err[ERR_LEN])
{
	char why[256];

	ERR_error_string_n(ERR_get_error(), why, sizeof(why));
	err_set(0, err, "OpenSSL: %s", why);
	SSL_CTX_free(ctx);
	return NULL;
}

static SSL_CTX *context(const struct tls_conf *conf, const SSL_METHOD *method)
{
	int version = conf->version == TLS_1_2 ? TLS1_2_VERSION : TLS1_3_VERSION;
	SSL_CTX *ctx = SSL_CTX_new(method);

	if (ctx == NULL || SSL_CTX_set_min_proto_version(ctx, version) != 1 ||
	    SSL_CTX_set_max_proto_version(ctx, version) != 1) {
		SSL_CTX_free(ctx);
		return NULL;
	}
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
	return ctx;
}

SSL_CTX *tls_server_context(const struct tls_conf *conf, char err[ERR_LEN])
{
	EVP_PKEY *key = conf->key == TLS_RSA ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
	SSL_CTX *ctx = context(conf, TLS_server_method());
	X509 *cert = key != NULL ? self_signed(key) : NULL;
	int ok = ctx != NULL && cert != NULL && SSL_CTX_use_certificate(ctx, cert) == 1 &&
		 SSL_CTX_use_PrivateKey(ctx, key) == 1;

	EVP_PKEY_free(key);
	X509_free(cert);
	if (!ok)
		return give_up(ctx, err);
	/* tickets only: a cache on the server would be one for all threads */
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	if (!conf->resume)
		SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
	SSL_CTX_set_num_tickets(ctx, conf->resume);
	return ctx;
}

SSL_CTX *tls_client_context(const struct tls_conf *conf, char err[ERR_LEN])
{
	SSL_CTX *ctx = context(conf, TLS_client_method());

	if (ctx == NULL)
		return give_up(ctx, err);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_session_cache_mode(ctx, conf->resume ? SSL_SESS_CACHE_CLIENT |
								   SSL_SESS_CACHE_NO_INTERNAL
							 : SSL_SESS_CACHE_OFF);
	if (!conf->resume)
		SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
	return ctx;
}

SSL *tls_open(SSL_CTX *ctx, bool server)
{
	SSL *ssl = SSL_new(ctx);
	BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());

	if (ssl == NULL || in == NULL || out == NULL) {
		SSL_free(ssl);
		BIO_free(in);
		BIO_free(out);
		return NULL;
	}
	/* empty: not the end, but more is to come */
	BIO_set_mem_eof_return(in, -1);
	BIO_set_mem_eof_return(out, -1);
	SSL_set_bio(ssl, in, out);
	if (server)
		SSL_set_accept_state(ssl);
	else
		SSL_set_connect_state(ssl);
	return ssl;
}

enum tls_state tls_flush(const struct tls_carrier *t, int fd, SSL *ssl)
{
	BIO *out = SSL_get_wbio(ssl);
	char *from;
	long len;
	ssize_t put;
	int gone;

	while ((len = BIO_get_mem_data(out, &from)) > 0) {
		put = t->io->ops->write(t->io, fd, from, (size_t)len);
		if (put < 0)
			return errno == EAGAIN ? TLS_WAIT_OUT : TLS_FAILED;
		/* takes from the front what has been sent */
		for (ssize_t left = put; left > 0; left -= gone) {
			gone = BIO_read(out, t->scratch,
					left < (ssize_t)TLS_SCRATCH ? (int)left : (int)TLS_SCRATCH);
			if (gone <= 0)
				return TLS_FAILED;
		}
	}
	return TLS_DONE;
}

/* Bytes from the socket to OpenSSL. */
static enum tls_state feed(const struct tls_carrier *t, int fd, SSL *ssl)
{
	ssize_t got = t->io->ops->read(t->io, fd, t->scratch, TLS_SCRATCH);

	if (got < 0)
		return errno == EAGAIN ? TLS_WAIT_IN : TLS_FAILED;
	if (got == 0)
		return TLS_CLOSED;
	if (BIO_write(SSL_get_rbio(ssl), t->scratch, (int)got) != got) {
		errno = ENOMEM;
		return TLS_FAILED;
	}
	return TLS_DONE;
}

/* OpenSSL could not go on: sends what it has to say (an alert, too) and fetches what it wants. */
static enum tls_state exchange(const struct tls_carrier *t, int fd, SSL *ssl, int ret)
{
	int error = SSL_get_error(ssl, ret);
	enum tls_state state = tls_flush(t, fd, ssl);

	ERR_clear_error();
	if (error == SSL_ERROR_ZERO_RETURN)
		return TLS_CLOSED;
	if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
		errno = EPROTO;
		return TLS_FAILED;
	}
	return state == TLS_DONE ? feed(t, fd, ssl) : state;
}

enum tls_state tls_shake(const struct tls_carrier *t, int fd, SSL *ssl)
{
	enum tls_state state;
	int ret;

	while ((ret = SSL_do_handshake(ssl)) != 1) {
		state = exchange(t, fd, ssl, ret);
		if (state != TLS_DONE)
			return state;
	}
	return tls_flush(t, fd, ssl);
}

enum tls_state tls_read(const struct tls_carrier *t, int fd, SSL *ssl, void *buf, size_t *n)
{
	enum tls_state state;
	size_t want = *n;
	int ret;

	while ((ret = SSL_read_ex(ssl, buf, want, n)) != 1) {
		state = exchange(t, fd, ssl, ret);
		if (state != TLS_DONE)
			return state;
	}
	return TLS_DONE;
}

enum tls_state tls_write(const struct tls_carrier *t, int fd, SSL *ssl, const void *buf, size_t n)
{
	size_t put;

	if (SSL_write_ex(ssl, buf, n, &put) != 1 || put != n) {
		ERR_clear_error();
		errno = EPROTO;
		return TLS_FAILED;
	}
	return tls_flush(t, fd, ssl);
}
