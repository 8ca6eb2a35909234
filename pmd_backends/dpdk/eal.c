// SPDX-License-Identifier: BSD-3-Clause
/* The EAL: started once per process, quietly, without pinning, renaming or signalling anyone. */
#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_log.h>

#include "dpdk.h"

#define MAX_ARGS	64
#define SMALL_MEMORY_MB 256 /* rings, ports, pool headers; only what is touched costs anything */

static struct {
	bool up, pci;
	bool muzzle;  /* there are arguments of the user's that the EAL may not like */
	FILE *stream; /* takes what it logs, or NULL */
	int n_args, ret;
	char *args[MAX_ARGS]; /* the EAL keeps pointers into them */
	char text[2048];
	size_t text_len;
} eal;

static struct {
	pthread_mutex_t lock;
	bool collecting;
	char line[NIC_ERR_LEN];
} eal_log = {.lock = PTHREAD_MUTEX_INITIALIZER};

static _Thread_local unsigned n_entered;
static _Thread_local bool registered; /* by us: not one of the EAL's own threads */

/* While a device is opened, the first complaint becomes its error text; the line after a
 * complaint only says that somebody else gave up too. At other times they go where they always
 * went. */
static ssize_t log_write(void *cookie, const char *buf, size_t len)
{
	(void)cookie;
	pthread_mutex_lock(&eal_log.lock);
	if (!eal_log.collecting) {
		fwrite(buf, 1, len, stderr);
	} else if (!eal_log.line[0]) {
		const char *end = memchr(buf, '\n', len);
		size_t n = end ? (size_t)(end - buf) : len;

		n = RTE_MIN(n, sizeof eal_log.line - 1);
		memcpy(eal_log.line, buf, n);
		eal_log.line[n] = '\0';
	}
	pthread_mutex_unlock(&eal_log.lock);
	return (ssize_t)len;
}

void eal_log_begin(void)
{
	pthread_mutex_lock(&eal_log.lock);
	eal_log.collecting = true;
	eal_log.line[0] = '\0';
	pthread_mutex_unlock(&eal_log.lock);
}

void eal_log_first(char line[NIC_ERR_LEN])
{
	pthread_mutex_lock(&eal_log.lock);
	memcpy(line, eal_log.line, NIC_ERR_LEN);
	pthread_mutex_unlock(&eal_log.lock);
}

void eal_log_end(void)
{
	pthread_mutex_lock(&eal_log.lock);
	eal_log.collecting = false;
	pthread_mutex_unlock(&eal_log.lock);
}

static void collect_log(void)
{
	cookie_io_functions_t io = {.write = log_write};

	eal.stream = fopencookie(NULL, "w", io);
	if (!eal.stream)
		return;
	setvbuf(eal.stream, NULL, _IOLBF, 512);
	rte_openlog_stream(eal.stream);
}

static bool add_arg(const char *arg)
{
	size_t len = strlen(arg) + 1;

	if (eal.n_args + 1 >= MAX_ARGS || eal.text_len + len > sizeof eal.text)
		return false;
	eal.args[eal.n_args++] = memcpy(eal.text + eal.text_len, arg, len);
	eal.text_len += len;
	return true;
}

/* Splits at blanks; the EAL knows no quoting either. */
static bool add_user_args(const char *args)
{
	while (args && *args) {
		char word[256];
		size_t len = strcspn(args, " \t");

		if (len >= sizeof word)
			return false;
		memcpy(word, args, len);
		word[len] = '\0';
		if (len && !add_arg(word))
			return false;
		args += len + strspn(args + len, " \t");
	}
	return true;
}

static size_t free_hugepage_bytes(void)
{
	FILE *f = fopen("/proc/meminfo", "re");
	size_t pages = 0, kb = 0;
	char line[128];

	if (!f)
		return 0;
	while (fgets(line, sizeof line, f)) {
		sscanf(line, "HugePages_Free: %zu", &pages);
		sscanf(line, "Hugepagesize: %zu kB", &kb);
	}
	fclose(f);
	return pages * kb << 10;
}

static int first_cpu(void)
{
	cpu_set_t set;
	int cpu = 0;

	if (sched_getaffinity(0, sizeof set, &set))
		return 0;
	while (cpu < CPU_SETSIZE - 1 && !CPU_ISSET((size_t)cpu, &set))
		cpu++;
	return cpu;
}

static bool build_args(const struct eal_need *need)
{
	size_t bytes = need->eal_memory ? need->bytes : 0;
	bool hugepages, ok = true;
	char lcores[32], megabytes[32];

	bytes += (size_t)SMALL_MEMORY_MB << 20;
	eal.pci = need->pci;
	eal.muzzle = need->args != NULL;
	hugepages = need->eal_memory && free_hugepage_bytes() >= bytes;
	snprintf(lcores, sizeof lcores, "--lcores=0@%d", first_cpu());
	snprintf(megabytes, sizeof megabytes, "%zu", bytes >> 20);
	ok = ok && add_arg("mtcp") && add_arg(lcores) && add_arg("--no-telemetry");
	if (!need->args || !strstr(need->args, "--log-level"))
		ok = ok && add_arg("--log-level=error");
	if (hugepages)
		ok = ok && add_arg("--in-memory");
	else
		ok = ok && add_arg("--no-shconf") && add_arg("--no-huge") && add_arg("-m") &&
		     add_arg(megabytes) && add_arg("--iova-mode=va");
	if (need->pci)
		ok = ok && add_arg("-a") && add_arg(need->pci_name);
	else
		ok = ok && add_arg("--no-pci");
	return ok && add_user_args(need->args);
}

static void *init_thread(void *arg)
{
	FILE *out = stdout, *err = stderr;
	sigset_t all;

	/* The EAL's own threads inherit this: signals are for the application's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	/* A wrong argument makes getopt and the EAL write to these, a page of usage included. */
	if (eal.muzzle && eal.stream)
		stdout = stderr = eal.stream;
	eal.ret = rte_eal_init(eal.n_args, eal.args);
	if (eal.ret < 0)
		eal.ret = rte_errno ? -rte_errno : -EIO;
	if (eal.stream)
		fflush(eal.stream);
	stdout = out;
	stderr = err;
	return arg;
}

/* The EAL makes a directory for files that we told it not to write, and gives up where it may not:
 * "root" of a user namespace owns no /var/run. It gets one that goes away again. */
static bool lend_directory(char *dir, size_t size)
{
	const char *tmp = getenv("TMPDIR");

	if (getenv("RUNTIME_DIRECTORY"))
		return false;
	snprintf(dir, size, "%s/mtcp-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	return mkdtemp(dir) && setenv("RUNTIME_DIRECTORY", dir, 1) == 0;
}

static void take_directory_back(const char *dir)
{
	static const char *const inside[] = {"/dpdk", ""};
	char path[256];

	unsetenv("RUNTIME_DIRECTORY");
	rmdir(rte_eal_get_runtime_dir()); /* named by --file-prefix */
	for (size_t i = 0; i < RTE_DIM(inside); i++) {
		snprintf(path, sizeof path, "%s%s", dir, inside[i]);
		rmdir(path);
	}
}

/* On a thread of its own, because rte_eal_init pins and claims the thread it runs on. */
static int run_init(void)
{
	char dir[200];
	bool lent = lend_directory(dir, sizeof dir);
	pthread_t thread;
	int ret = pthread_create(&thread, NULL, init_thread, NULL);

	if (ret == 0)
		pthread_join(thread, NULL);
	if (lent)
		take_directory_back(dir);
	if (ret)
		return -ret;
	return eal.ret == -EALREADY ? 0 : eal.ret < 0 ? eal.ret : 0;
}

/* The EAL cannot be started again with other arguments. Too little memory shows when it is used. */
static int check_running(const struct eal_need *need, char err[NIC_ERR_LEN])
{
	if (!need->pci || eal.pci)
		return 0;
	snprintf(err, NIC_ERR_LEN, "DPDK runs without the PCI bus: open the PCI device first");
	return -EBUSY;
}

int eal_start(const struct eal_need *need, char err[NIC_ERR_LEN])
{
	char line[NIC_ERR_LEN];
	int ret;

	if (eal.up)
		return check_running(need, err);
	if (eal.n_args) {
		snprintf(err, NIC_ERR_LEN,
			 "DPDK failed to start before in this process: restart it");
		return -ENODEV;
	}
	if (!build_args(need)) {
		snprintf(err, NIC_ERR_LEN, "the EAL arguments are too long (%d words at most)",
			 MAX_ARGS);
		return -E2BIG;
	}
	if (!need->args || !strstr(need->args, "--log-level"))
		collect_log();
	ret = run_init();
	if (ret < 0) {
		eal_log_first(line);
		snprintf(err, NIC_ERR_LEN,
			 "DPDK does not start: %.150s; mend the EAL arguments or "
			 "the memory limit",
			 line[0] ? line : strerror(-ret));
		return ret;
	}
	eal.up = true;
	return 0;
}

int eal_thread_enter(void)
{
	if (n_entered == 0 && rte_lcore_id() == LCORE_ID_ANY) {
		if (rte_thread_register() < 0)
			return -rte_errno;
		registered = true;
	}
	n_entered++;
	return 0;
}

static void flush_cache(struct rte_mempool *mp, void *arg)
{
	struct rte_mempool_cache *cache = rte_mempool_default_cache(mp, rte_lcore_id());

	(void)arg;
	if (cache)
		rte_mempool_cache_flush(cache, mp);
}

/* What the thread kept for itself goes back to the pools, or nobody could use it any more. */
void eal_thread_leave(void)
{
	if (n_entered == 0 || --n_entered > 0)
		return;
	rte_mempool_walk(flush_cache, NULL);
	if (registered)
		rte_thread_unregister();
	registered = false;
}
