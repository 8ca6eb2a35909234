// SPDX-License-Identifier: BSD-3-Clause
#include "tcp/ranges.h"

#include <string.h>

struct range_span ranges_find(const struct seq_range *r, uint8_t n, struct seq_range add)
{
	uint8_t first = 0, last;

	while (first < n && seq_lt(r[first].end, add.start))
		first++;
	for (last = first; last < n && seq_leq(r[last].start, add.end);)
		last++;
	return (struct range_span){first, (uint8_t)(last - first)};
}

uint8_t ranges_merge(struct seq_range *r, uint8_t n, struct range_span span, struct seq_range add)
{
	struct seq_range *at = r + span.first;
	uint8_t behind = (uint8_t)(n - span.first - span.count);

	if (span.count > 0) {
		add.start = seq_min(add.start, at[0].start);
		add.end = seq_max(add.end, at[span.count - 1].end);
	}
	memmove(at + 1, at + span.count, behind * sizeof(*at));
	*at = add;
	return (uint8_t)(n - span.count + 1);
}

uint8_t ranges_drop_front(struct seq_range *r, uint8_t n, uint8_t k)
{
	n = (uint8_t)(n - k);
	memmove(r, r + k, n * sizeof(*r));
	return n;
}
