/* SPDX-License-Identifier: BSD-3-Clause */
/* What server and load generator agree on. */
#ifndef APPS_PROTOCOL_H
#define APPS_PROTOCOL_H

#include <stdint.h>

enum app_kind { APP_ECHO, APP_HTTP, APP_BULK, APP_TLS, APP_REPLAY };
extern const char *const app_kind_names[]; /* by enum app_kind, NULL at the end */

/* Echo: byte i of a response is byte i % min(ECHO_KEEP, message_bytes) of its message. */
#define ECHO_KEEP 64

/* Messages of TLS are one record. */
#define TLS_MESSAGE_MOST 16384

/* Replay: a request begins with this, in network order; byte k of the answer is byte phase + k of
 * the pattern of bulk.h, round and round. */
struct replay_head {
	uint32_t request_bytes, response_bytes, phase;
};

#endif
