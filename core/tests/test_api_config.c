// SPDX-License-Identifier: BSD-3-Clause
/* Configuration: every key, its bounds, mistakes and what is said about them, mTCP's old files, and
 * that docs/configuration.md is the table. `--table` prints the table in the document's form. */
#include "api_world.h"

#include <sys/stat.h>

#include "runtime/config.h"

static struct rt_config cfg;
static char err[RT_ERR_LEN];

static int setup(void **state)
{
	(void)state;
	rt_config_init(&cfg);
	*err = '\0';
	return 0;
}

static int text(const char *t)
{
	return rt_config_text(&cfg, "T", t, err);
}

static void said(const char *part)
{
	if (!strstr(err, part))
		fail_msg("'%s' does not say '%s'", err, part);
	assert_null(strchr(err, '\n'));
}

static void wrong(const char *line, const char *part)
{
	setup(NULL);
	assert_true(text(line) < 0);
	said(part);
}

static void test_mtcp_file(void **state)
{
	(void)state;
	assert_int_equal(
		text("# mTCP\nio = dpdk\nnum_cores = 8\nnum_mem_ch=4\nport = dpdk0 dpdk1\n\n"
		     "max_concurrency = 20000 # per core\nmax_num_buffers = 30000\nrcvbuf = 8192\n"
		     "\tsndbuf = 16384\r\ntcp_timeout = 30\ntcp_timewait = 2\nstat_print = dpdk0\n"
		     "cc = reno\ncore_mask = 0F\n"),
		0);
	assert_int_equal(cfg.num_cores, 8);
	assert_int_equal(cfg.num_mem_ch, 4);
	assert_string_equal(cfg.port, "dpdk0 dpdk1");
	assert_int_equal(cfg.max_concurrency, 20000);
	assert_true(cfg.stat_print);
	assert_int_equal(cfg.core_mask, 15);
	assert_ptr_equal(cfg.stack.tcp.cc, &cc_newreno);
	assert_int_equal(text("device = x\naddress = 10.0.0.2/24\nbatch_rx = 32"), 0);
	assert_int_equal(rt_config_finish(&cfg, err), 0);
	assert_int_equal(cfg.stack.tcp.rcvbuf, 8192);
	assert_int_equal(cfg.stack.tcp.sndbuf, 16384);
	assert_int_equal(cfg.stack.tcp.user_timeout_ms, 30000);
	assert_int_equal(cfg.stack.time_wait_ms, 2000);
	assert_int_equal(cfg.stack.buf_bytes, 30000u * (8192 + 16384));
	assert_true(cfg.stack.n_conns > 20000);
	assert_int_equal(cfg.stack.n_queues, 8);
	assert_string_equal(cfg.eal_args, "-n 4");
}

static void test_timeout_off(void **state)
{
	(void)state;
	assert_int_equal(text("tcp_timeout = -1\ndevice = x\naddress = 10.0.0.2/24"), 0);
	assert_int_equal(rt_config_finish(&cfg, err), 0);
	assert_int_equal(cfg.stack.tcp.user_timeout_ms, 0);
}

static void test_mistakes(void **state)
{
	(void)state;
	wrong("io = dpdk\nnum_core = 1",
	      "T:2: unknown key 'num_core'; the nearest known key is 'num_cores'");
	wrong("adress = 10.0.0.1/8", "'address'");
	wrong("max_conncurency = 5", "'max_concurrency'");
	wrong("\n\njust words", "T:3: 'just words' is not of the form key = value");
	wrong("num_cores =", "num_cores has no value");
	wrong("num_cores = many", "'many' is not a number; give one from 1 to 16");
	wrong("num_cores = 3x", "is not a number");
	wrong("num_cores = 17", "out of range; give 1 to 16");
	wrong("rcvbuf = 99999999999999999999", "not a number");
	wrong("buffer_mb = 1048576", "out of range; give 1 to 1048575");
	wrong("io = netmap", "io = 'netmap' is not supported any more; write io = dpdk");
	wrong("io = psio", "not supported any more");
	wrong("io = onvm", "not supported any more");
	wrong("io = xyz", "'xyz' is not supported;");
	wrong("cc = vegas", "use cubic, reno");
	wrong("mode = threads", "use inline or paired");
	wrong("busy_poll = maybe", "neither 1 nor 0");
	wrong("core_mask = 0", "hexadecimal mask");
	wrong("core_mask = zz", "hexadecimal mask");
	wrong("seed = -1", "is not a number from 0 to 2^64-1");
	wrong("port_range = 5-4", "FIRST-LAST");
	wrong("port_range = 0-4", "FIRST-LAST");
	wrong("port_range = 1-65536", "FIRST-LAST");
	wrong("port_range = 1-2x", "FIRST-LAST");
	wrong("address = 10.0.0.1", "give ADDRESS/PREFIX");
	wrong("address = 10.0.0.1/33", "give ADDRESS/PREFIX");
	wrong("address = 10.0.0/8", "give ADDRESS/PREFIX");
	wrong("address = fd00::1", "give ADDRESS/PREFIX");
	wrong("address = fd00::1/129", "give ADDRESS/PREFIX");
	wrong("address = fd00:::1/64", "give ADDRESS/PREFIX");
	wrong("address = ::ffff:10.0.0.1/64", "give ADDRESS/PREFIX");
	wrong("address = 10.0.0.1-fd00::1/64", "not an address range");
	wrong("address = ::/64", "not an address range");
	wrong("address = ff02::1/64", "not an address range");
	wrong("route = fd00::/16 via 10.0.0.1", "give NETWORK/PREFIX via ROUTER");
	wrong("address = 10.0.0.9-10.0.0.1/24", "not an address range");
	wrong("address = 10.0.0.0-10.0.1.0/16", "more than 256 entries");
	wrong("address = 224.0.0.1/24", "not an address range");
	wrong("address = 0.0.0.0/8", "not an address range");
	wrong("gateway = here", "router's address");
	wrong("route = 10.0.0.0/8 by 10.0.0.1", "via ROUTER");
	wrong("route = 10.0.0.0/8 via", "via ROUTER");
	wrong("route = 10.0.0.0", "via ROUTER");
	wrong("arp = 10.0.0.9 02:00:00:00:00", "give ADDRESS MAC");
	wrong("arp = 10.0.0.9 02:00:00:00:00:0g", "give ADDRESS MAC");
	wrong("arp = 10.0.0.9 02:00:00:00:00:01:02", "give ADDRESS MAC");
}

/* A very long key or value is cut in the message and overruns nothing. */
static void test_long_lines(void **state)
{
	char line[3000];

	(void)state;
	memset(line, 'k', sizeof(line));
	line[sizeof(line) - 1] = '\0';
	wrong(line, "not of the form");
	line[2500] = '=';
	wrong(line, "unknown key");
	memcpy(line, "device =", 8);
	wrong(line, "device is longer than 511 characters");
}

static bool no_value(const char *dflt)
{
	static const char *const words[] = {"none",
					    "any",
					    "random",
					    "EAL's",
					    "the device's",
					    "max_concurrency",
					    "config/route.conf",
					    "config/arp.conf"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcmp(words[i], dflt))
			return true;
	return strchr(dflt, '*') != NULL;
}

/* The default that the table documents is the one in force: setting it changes nothing. */
static void test_documented_defaults(void **state)
{
	static struct rt_config before, after;
	size_t n;
	const struct rt_key *k = rt_config_keys(&n);
	char why[RT_ERR_LEN];

	(void)state;
	for (size_t i = 0; i < n; i++) {
		if (no_value(k[i].dflt))
			continue;
		rt_config_init(&before);
		rt_config_init(&after);
		if (k[i].parse(&after, &k[i], k[i].dflt, why) < 0)
			fail_msg("%s: default '%s' is refused: %s", k[i].name, k[i].dflt, why);
		if (memcmp(&before, &after, sizeof(before)))
			fail_msg("%s: default is not '%s'", k[i].name, k[i].dflt);
	}
}

/* Each key with bounds takes both and refuses what lies outside. */
static void test_bounds(void **state)
{
	size_t n;
	const struct rt_key *k = rt_config_keys(&n);
	char line[128];

	(void)state;
	for (size_t i = 0; i < n; i++) {
		const int64_t tries[] = {k[i].min, k[i].max, k[i].min - 1, k[i].max + 1};

		if (k[i].min == k[i].max || k[i].max == 1 || !strcmp(k[i].name, "port_range") ||
		    !strcmp(k[i].name, "address") || !strcmp(k[i].name, "gateway") ||
		    !strcmp(k[i].name, "route") || !strcmp(k[i].name, "arp"))
			continue;
		for (int t = 0; t < 4; t++) {
			setup(NULL);
			snprintf(line, sizeof(line), "%s = %lld", k[i].name, (long long)tries[t]);
			if ((text(line) == 0) != (t < 2))
				fail_msg("%s: %s", line, t < 2 ? err : "taken");
		}
	}
}

static void test_addresses(void **state)
{
	(void)state;
	assert_int_equal(text("address = 10.0.0.2-10.0.0.17/24\naddress = 192.168.1.1/16\ngateway "
			      "= 10.0.0.1\n"
			      "route = 10.1.2.3/16 via 10.0.0.3\nroute = 10.2.0.0/16\n"
			      "arp = 10.0.0.9 02:00:00:00:00:0A"),
			 0);
	assert_int_equal(cfg.n_addrs, 17);
	assert_int_equal(ip_to_v4(&cfg.addrs[15].addr), 0x0a000011);
	assert_int_equal(cfg.addrs[16].prefix, 16);
	assert_int_equal(cfg.n_routes, 3);
	assert_int_equal(cfg.routes[0].prefix, 0);
	assert_int_equal(ip_to_v4(&cfg.routes[1].net), 0x0a010000);
	assert_true(ip_is_any(&cfg.routes[2].gateway));
	assert_int_equal(cfg.neighs[0].mac.b[5], 10);
	/* a later source's list stands instead of an earlier one's */
	assert_int_equal(text("address = 10.9.0.1/24\naddress = 10.9.0.2/24\nroute = 10.3.0.0/16"),
			 0);
	assert_int_equal(cfg.n_addrs, 2);
	assert_int_equal(cfg.n_routes, 2); /* the gateway stays */
	assert_int_equal(text("gateway = 10.9.0.9"), 0);
	assert_int_equal(cfg.n_routes, 2);
	assert_int_equal(ip_to_v4(&cfg.routes[1].gateway), 0x0a090009);
	/* a default route is one, however it is spelled */
	assert_int_equal(text("route = 0.0.0.0/0 via 10.9.0.8"), 0);
	assert_int_equal(cfg.n_routes, 1);
	assert_int_equal(ip_to_v4(&cfg.routes[0].gateway), 0x0a090008);
	/* neighbours that never change leave the others their places */
	assert_int_equal(text("device = fake:w:0"), 0);
	assert_int_equal(rt_config_finish(&cfg, err), 0);
	assert_int_equal(cfg.stack.n_neigh, stack_config_default.n_neigh + cfg.n_neighs);
	assert_in_range(cfg.n_neighs, 1, 1);
}

static void test_what_is_missing(void **state)
{
	(void)state;
	assert_true(rt_config_finish(&cfg, err) < 0);
	said("no device is configured; add a line such as device =");
	assert_int_equal(text("port = dpdk0"), 0);
	assert_true(rt_config_finish(&cfg, err) < 0);
	said("port = dpdk0 names no interface of this machine");
	assert_int_equal(text("device = fake:w:0"), 0);
	assert_true(rt_config_finish(&cfg, err) < 0);
	said("no address is configured; add a line such as address = 10.0.0.2/24");
}

/* mTCP took the address of a kernel interface: so do we, with af_packet. */
static void test_port_of_the_kernel(void **state)
{
	(void)state;
	assert_int_equal(text("port = lo"), 0);
	assert_int_equal(rt_config_finish(&cfg, err), 0);
	assert_string_equal(cfg.device, "af_packet:lo");
	assert_int_equal(ip_to_v4(&cfg.addrs[0].addr), 0x7f000001);
	assert_int_equal(cfg.addrs[0].prefix, 8);
}

/* ---- files ---- */
static char dir[] = "/tmp/mtcp-config-XXXXXX";

static void put(const char *name, const char *content)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(content, f);
	fclose(f);
}

static const char *in_dir(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void test_files(void **state)
{
	(void)state;
	assert_true(rt_config_file(&cfg, in_dir("none.conf"), err) < 0);
	said("none.conf: cannot be read (No such file or directory)");
	put("a.conf", "num_cores = 2\nbad = 1\n");
	assert_true(rt_config_file(&cfg, in_dir("a.conf"), err) < 0);
	said("a.conf:2: unknown key 'bad'");
	assert_int_equal(cfg.num_cores, 2);
}

static void test_legacy_files(void **state)
{
	(void)state;
	put("config/route.conf",
	    "# comment\nROUTES 2\n10.0.0.1/24 dpdk0\n\n10.1.0.0/16 dpdk1 # second\n");
	put("config/arp.conf",
	    "ARP_ENTRY 2\n10.0.0.2/32 90:e2:ba:93:26:1e\n10.0.0.64/30 02:00:00:00:00:01\n"
	    "172.16.0.1/12 02:00:00:00:00:02\n");
	assert_int_equal(rt_config_legacy(&cfg, in_dir("a.conf"), err), 0);
	assert_int_equal(cfg.n_routes, 3);
	assert_int_equal(ip_to_v4(&cfg.routes[0].net), 0x0a000000);
	assert_int_equal(cfg.n_neighs, 1 + 4 + 1);
	assert_int_equal(cfg.neighs[0].mac.b[0], 0x90);
	assert_int_equal(ip_to_v4(&cfg.neighs[4].addr), 0x0a000043);
	/* too many hosts for an entry each: a router with that MAC */
	assert_int_equal(ip_to_v4(&cfg.routes[2].net), 0xac100000);
	assert_int_equal(ip_to_v4(&cfg.routes[2].gateway), 0xac100001);
	assert_int_equal(ip_to_v4(&cfg.neighs[5].addr), 0xac100001);
	put("config/arp.conf", "ARP_ENTRY 1\n10.0.0.2/32 rubbish\n");
	assert_true(rt_config_legacy(&cfg, in_dir("a.conf"), err) < 0);
	said("arp.conf:2: '10.0.0.2/32 rubbish' is not ADDRESS/PREFIX MAC");
	put("config/route.conf", "10.0.0.1/24\n");
	assert_true(rt_config_legacy(&cfg, in_dir("a.conf"), err) < 0);
	said("route.conf:1:");
	put("my.routes", "10.7.0.0/16 eth0\n");
	put("my.arp", "");
	setup(NULL);
	snprintf(cfg.route_file, sizeof(cfg.route_file), "%s", in_dir("my.routes"));
	snprintf(cfg.arp_file, sizeof(cfg.arp_file), "%s", in_dir("my.arp"));
	assert_int_equal(rt_config_legacy(&cfg, in_dir("a.conf"), err), 0);
	assert_int_equal(cfg.n_routes, 1);
	snprintf(cfg.arp_file, sizeof(cfg.arp_file), "%s", in_dir("missing"));
	assert_true(rt_config_legacy(&cfg, NULL, err) < 0);
	said("missing: cannot be read");
}

static int make_dir(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	return mkdir(in_dir("config"), 0700);
}

static int remove_dir(void **state)
{
	static const char *const names[] = {"config/route.conf", "config/arp.conf", "my.routes",
					    "my.arp", "a.conf"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlink(in_dir(names[i]));
	rmdir(in_dir("config"));
	return rmdir(dir);
}

/* ---- the document ---- */
static void row(const struct rt_key *k, char *out, size_t len)
{
	char bounds[64] = "";

	if (k->min != k->max && strcmp(k->name, "address") && strcmp(k->name, "gateway") &&
	    strcmp(k->name, "route") && strcmp(k->name, "arp"))
		snprintf(bounds, sizeof(bounds), "%lld..%lld", (long long)k->min,
			 (long long)k->max);
	snprintf(out, len, "| `%s` | %s | %s | %s |\n", k->name, k->dflt, bounds, k->doc);
}

static void test_document_is_the_table(void **state)
{
	char path[512], line[512];
	size_t n, rows = 0;
	const struct rt_key *k = rt_config_keys(&n);
	char *doc;

	(void)state;
	snprintf(path, sizeof(path), "%.*s/../../docs/configuration.md",
		 (int)(strrchr(__FILE__, '/') - __FILE__), __FILE__);
	doc = rt_read_file(path, err);
	if (!doc)
		fail_msg("%s", err);
	for (size_t i = 0; i < n; i++) {
		row(&k[i], line, sizeof(line));
		if (!strstr(doc, line))
			fail_msg("docs/configuration.md lacks: %s", line);
	}
	for (const char *p = doc; (p = strstr(p, "\n| `")) != NULL; p++)
		rows++;
	assert_int_equal(rows, n);
	free(doc);
}

#define T(f) cmocka_unit_test_setup(f, setup)

static void test_v6_nets(void **state)
{
	static const struct ip_addr first = {.b = {0xfd, [15] = 0xfe}};

	(void)state;
	assert_int_equal(text("device = x\naddress = fd00::fe-fd00::101/64\ngateway = fe80::1\n"
			      "gateway = 10.0.0.1\nroute = fd01:2:3:4:5::/50 via fe80::2\n"
			      "arp = fd00::9 02:00:00:00:00:09\nipv6_autoconf = 1"),
			 0);
	assert_int_equal(cfg.n_addrs, 4);
	assert_true(ip_eq(&cfg.addrs[0].addr, &first));
	assert_int_equal(cfg.addrs[3].addr.b[14], 1);
	assert_int_equal(cfg.addrs[3].addr.b[15], 1);
	assert_int_equal(cfg.addrs[3].prefix, 64);
	assert_int_equal(cfg.n_routes, 3); /* a default route of each family */
	assert_int_equal(cfg.routes[0].gateway.b[0], 0xfe);
	assert_true(ip_is_any(&cfg.routes[0].net) && !ip_is_v4(&cfg.routes[0].net));
	assert_true(ip_is_v4(&cfg.routes[1].net));
	assert_int_equal(cfg.routes[2].net.b[6], 0);
	assert_int_equal(cfg.routes[2].net.b[8], 0);
	assert_int_equal(cfg.routes[2].prefix, 50);
	assert_int_equal(cfg.n_neighs, 1);
	assert_true(cfg.stack.ipv6_autoconf);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		T(test_mtcp_file),
		T(test_timeout_off),
		T(test_mistakes),
		T(test_long_lines),
		T(test_documented_defaults),
		T(test_bounds),
		T(test_v6_nets),
		T(test_addresses),
		T(test_what_is_missing),
		T(test_port_of_the_kernel),
		T(test_files),
		T(test_legacy_files),
		T(test_document_is_the_table),
	};
	size_t n;
	const struct rt_key *k = rt_config_keys(&n);
	char line[512];

	if (argc < 2 || strcmp(argv[1], "--table"))
		return cmocka_run_group_tests(tests, make_dir, remove_dir);
	for (size_t i = 0; i < n; i++) {
		row(&k[i], line, sizeof(line));
		fputs(line, stdout);
	}
	return 0;
}
