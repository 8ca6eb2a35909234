// SPDX-License-Identifier: BSD-3-Clause
#include "trace.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC	 "mtcp-trace 1\n"
#define LINE_LEN 65536u

/* Of generated flows. Turns of a flow: geometric, so that what is left of a flow is distributed as
 * a new one, and the first flows need no history. Sizes: log-normal. */
#define MORE_TURNS	 0.5 /* after each: two turns in the mean */
#define WAIT_S		 4.0 /* mean, exponential: before each further turn, and before the end */
#define LIFE_S		 (WAIT_S / (1 - MORE_TURNS)) /* mean, exponential again */
#define RESPONSE_MEDIAN	 1400.0
#define RESPONSE_SIGMA	 1.4
#define RESPONSE_LARGEST 8e6
#define REQUEST_MEDIAN	 350.0
#define REQUEST_SIGMA	 0.4
#define REQUEST_LARGEST	 4000.0

static int grow(void **at, uint32_t *room, uint32_t n, size_t size, uint32_t most)
{
	uint32_t wanted = *room == 0 ? 1024 : 2 * *room;
	void *more;

	if (n < *room)
		return 0;
	if (n >= most)
		return -E2BIG;
	more = realloc(*at, wanted * size);
	if (more == NULL)
		return -ENOMEM;
	*at = more;
	*room = wanted;
	return 0;
}

int trace_add_flow(struct trace *t, uint64_t at_us)
{
	int ret = grow((void **)&t->flows, &t->flows_room, t->n_flows, sizeof(*t->flows),
		       TRACE_FLOWS_MOST);

	if (ret == 0)
		t->flows[t->n_flows++] = (struct trace_flow){at_us, t->n_turns, 0};
	return ret;
}

int trace_add_turn(struct trace *t, struct trace_turn turn)
{
	int ret = grow((void **)&t->turns, &t->turns_room, t->n_turns, sizeof(*t->turns),
		       TRACE_TURNS_MOST);

	if (ret < 0)
		return ret;
	t->turns[t->n_turns++] = turn;
	t->flows[t->n_flows - 1].n_turns++;
	return 0;
}

void trace_free(struct trace *t)
{
	free(t->flows);
	free(t->turns);
	*t = (struct trace){0};
}

static double uniform(uint64_t *random)
{
	return (double)(random_next(random) >> 11) * 0x1p-53;
}

static double exponential(uint64_t *random, double mean)
{
	return -log1p(-uniform(random)) * mean;
}

static uint32_t log_normal(uint64_t *random, double median, double sigma, double largest)
{
	double radius = sqrt(-2 * log1p(-uniform(random)));
	double normal = radius * cos(2 * M_PI * uniform(random));

	return (uint32_t)fmin(fmax(median * exp(sigma * normal), TRACE_REQUEST_LEAST), largest);
}

static int add_random_flow(struct trace *t, uint64_t at_us, uint64_t *random)
{
	int ret = trace_add_flow(t, at_us);
	uint32_t wait = 0;

	while (ret == 0) {
		struct trace_turn turn = {.think_us = wait,
					  .request = log_normal(random, REQUEST_MEDIAN,
								REQUEST_SIGMA, REQUEST_LARGEST),
					  .response = log_normal(random, RESPONSE_MEDIAN,
								 RESPONSE_SIGMA, RESPONSE_LARGEST)};

		ret = trace_add_turn(t, turn);
		wait = (uint32_t)(exponential(random, WAIT_S) * 1e6);
		if (ret == 0 && uniform(random) >= MORE_TURNS)
			return trace_add_turn(t, (struct trace_turn){wait, 0, 0});
	}
	return ret;
}

static int failed(int ret, char err[ERR_LEN])
{
	if (ret == -E2BIG)
		return err_set(ret, err, "a trace holds at most %u flows and %u turns",
			       TRACE_FLOWS_MOST, TRACE_TURNS_MOST);
	return err_set(ret, err, "no memory for the trace");
}

double trace_arrivals(uint32_t concurrent)
{
	return concurrent / LIFE_S;
}

/* At a constant rate, so that so many are left at the ramp's end: of those that arrive meanwhile
 * some end, exponentially. */
static double ramp_flows(const struct trace_plan *plan)
{
	double lives = plan->ramp_s / LIFE_S;

	return lives > 0 ? plan->concurrent * lives / -expm1(-lives) : plan->concurrent;
}

int trace_generate(struct trace *t, const struct trace_plan *plan, char err[ERR_LEN])
{
	double per_s = trace_arrivals(plan->concurrent), n = ramp_flows(plan), at = 0;
	uint64_t random = plan->seed;
	int ret = 0;

	*t = (struct trace){0};
	for (uint32_t i = 0; i < n && ret == 0; i++)
		ret = add_random_flow(t, (uint64_t)(plan->ramp_s * 1e6 * i / n), &random);
	for (at = plan->ramp_s; ret == 0 && at < plan->seconds;
	     at += exponential(&random, 1 / per_s))
		ret = add_random_flow(t, (uint64_t)(at * 1e6), &random);
	return ret == 0 ? 0 : failed(ret, err);
}

/* Digits up to one of `ends`, at most `most`; *at is then behind that end. */
static bool number(char **at, uint64_t most, const char *ends, uint64_t *out)
{
	char *end;

	if (**at < '0' || **at > '9')
		return false;
	errno = 0;
	*out = strtoull(*at, &end, 10);
	if (errno != 0 || *out > most || *end == '\0' || strchr(ends, *end) == NULL)
		return false;
	*at = end + 1;
	return true;
}

/* What is wrong with a turn, or NULL. */
static const char *wrong_turn(const struct trace_turn *turn, bool last)
{
	if (turn->request == 0 && turn->response == 0)
		return last ? NULL : "0:0 bytes are for the end of a flow";
	if (turn->request < TRACE_REQUEST_LEAST)
		return "a request has at least 12 bytes";
	return turn->response == 0 ? "a response has at least one byte" : NULL;
}

/* NULL and *ret, or what is wrong. */
static const char *read_turns(struct trace *t, char *at, int *ret)
{
	while (*ret == 0 && *at != '\0') {
		uint64_t think, request, response;
		struct trace_turn turn;
		const char *wrong;

		if (!number(&at, UINT32_MAX, ":", &think) ||
		    !number(&at, TRACE_REQUEST_MOST, ":", &request) ||
		    !number(&at, TRACE_RESPONSE_MOST, " \n", &response))
			return "a turn is think_us:request_bytes:response_bytes, of at most "
			       "4294967295, 1048576 and 1073741824";
		turn = (struct trace_turn){(uint32_t)think, (uint32_t)request, (uint32_t)response};
		wrong = wrong_turn(&turn, *at == '\0');
		if (wrong != NULL)
			return wrong;
		*ret = trace_add_turn(t, turn);
	}
	return NULL;
}

static const char *read_flow(struct trace *t, char *line, int *ret)
{
	uint64_t at_us;

	if (!number(&line, TRACE_TIME_MOST_US, " ", &at_us))
		return "a flow begins with its arrival in microseconds, at most a day";
	if (t->n_flows > 0 && at_us < t->flows[t->n_flows - 1].at_us)
		return "arrivals must not go back";
	*ret = trace_add_flow(t, at_us);
	if (*ret < 0)
		return NULL;
	if (*line == '\0' || *line == '\n')
		return "a flow has at least one turn";
	return read_turns(t, line, ret);
}

int trace_read(struct trace *t, FILE *f, char err[ERR_LEN])
{
	char *line = malloc(LINE_LEN);
	const char *wrong = NULL;
	unsigned long n_line = 1;
	int ret = line == NULL ? -ENOMEM : 0;

	*t = (struct trace){0};
	if (ret == 0 && (fgets(line, LINE_LEN, f) == NULL || strcmp(line, MAGIC) != 0))
		wrong = "the first line must be: mtcp-trace 1";
	while (ret == 0 && wrong == NULL && fgets(line, LINE_LEN, f) != NULL) {
		n_line++;
		if (strchr(line, '\n') == NULL || memchr(line, '\0', strcspn(line, "\n")) != NULL)
			wrong = "a line is too long, or has no end";
		else if (line[0] != '#' && line[0] != '\n')
			wrong = read_flow(t, line, &ret);
	}
	free(line);
	if (wrong == NULL && ret == 0 && t->n_flows == 0)
		wrong = "no flow is there";
	if (wrong != NULL)
		return err_set(-EINVAL, err, "line %lu: %s", n_line, wrong);
	return ret == 0 ? 0 : failed(ret, err);
}

int trace_load(struct trace *t, const char *path, char err[ERR_LEN])
{
	FILE *f = fopen(path, "re");
	char why[ERR_LEN];
	int ret;

	*t = (struct trace){0};
	if (f == NULL)
		return err_set(-EINVAL, err, "--trace %s: %s", path, strerror(errno));
	ret = trace_read(t, f, why);
	fclose(f);
	return ret == 0 ? 0 : err_set(ret, err, "--trace %s: %.300s", path, why);
}

void trace_write(const struct trace *t, FILE *f)
{
	fputs(MAGIC "# arrival_us think_us:request_bytes:response_bytes ...\n", f);
	for (uint32_t i = 0; i < t->n_flows; i++) {
		const struct trace_flow *flow = &t->flows[i];

		fprintf(f, "%llu", (unsigned long long)flow->at_us);
		for (uint32_t k = 0; k < flow->n_turns; k++) {
			const struct trace_turn *turn = &t->turns[flow->first + k];

			fprintf(f, " %u:%u:%u", turn->think_us, turn->request, turn->response);
		}
		fputc('\n', f);
	}
}

uint64_t trace_flow_bytes(const struct trace *t, uint32_t flow)
{
	const struct trace_flow *f = &t->flows[flow];
	uint64_t sum = 0;

	for (uint32_t k = 0; k < f->n_turns; k++)
		sum += t->turns[f->first + k].response;
	return sum;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

uint32_t trace_peak(const struct trace *t)
{
	uint64_t *ends = calloc(t->n_flows, sizeof(*ends));
	uint32_t peak = 0, ended = 0;

	if (ends == NULL)
		return t->n_flows;
	for (uint32_t i = 0; i < t->n_flows; i++) {
		ends[i] = t->flows[i].at_us;
		for (uint32_t k = 0; k < t->flows[i].n_turns; k++)
			ends[i] += t->turns[t->flows[i].first + k].think_us;
	}
	qsort(ends, t->n_flows, sizeof(*ends), compare);
	for (uint32_t i = 0; i < t->n_flows; i++) {
		while (ended < i && ends[ended] < t->flows[i].at_us)
			ended++;
		peak = i + 1 - ended > peak ? i + 1 - ended : peak;
	}
	free(ends);
	return peak;
}
