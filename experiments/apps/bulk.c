// SPDX-License-Identifier: BSD-3-Clause
#include "bulk.h"

#include "util.h"

void bulk_pattern(char out[2 * BULK_PERIOD])
{
	uint64_t random = 2;

	for (uint32_t i = 0; i < BULK_PERIOD; i++)
		out[i] = out[i + BULK_PERIOD] = (char)random_next(&random);
}

static ssize_t send_one(const struct bulk *b, int fd, uint32_t phase)
{
	const struct io_ops *ops = b->io->ops;
	struct iovec piece[2];
	ssize_t n;

	if (!b->zero_copy)
		return ops->write(b->io, fd, b->pattern + phase, b->chunk);
	n = ops->zc_reserve(b->io, fd, b->chunk, piece);
	if (n > 0 && ops->zc_commit(b->io, fd, (size_t)n) < 0)
		return -1;
	return n;
}

static ssize_t receive_one(const struct bulk *b, int fd, uint32_t phase)
{
	const struct io_ops *ops = b->io->ops;
	struct iovec piece[2];
	ssize_t n;

	if (b->zero_copy) {
		n = ops->zc_read(b->io, fd, piece);
		if (n > 0 && ops->zc_consume(b->io, fd, (size_t)n) < 0)
			return -1;
		return n;
	}
	n = ops->read(b->io, fd, b->scratch, BULK_PERIOD);
	if (n <= 0 || b->scratch[0] == b->pattern[phase])
		return n;
	errno = EILSEQ;
	return -1;
}

static ssize_t turn(const struct bulk *b, int fd, uint32_t *phase, bool out)
{
	ssize_t total = 0;

	while (total < (ssize_t)BULK_TURN) {
		ssize_t n = out ? send_one(b, fd, *phase) : receive_one(b, fd, *phase);

		if (n < 0 && errno == EAGAIN)
			break;
		if (n <= 0)
			return n < 0 ? -errno : -EPIPE;
		*phase = (uint32_t)(*phase + (size_t)n) % BULK_PERIOD;
		total += n;
	}
	return total;
}

ssize_t bulk_send(const struct bulk *b, int fd, uint32_t *phase)
{
	return turn(b, fd, phase, true);
}

ssize_t bulk_receive(const struct bulk *b, int fd, uint32_t *phase)
{
	return turn(b, fd, phase, false);
}
