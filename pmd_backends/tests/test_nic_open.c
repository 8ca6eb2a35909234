// SPDX-License-Identifier: BSD-3-Clause
/* Device strings that cannot work: the errno and one line that says what and the mend. */
#include <stdlib.h>
#include <unistd.h>

#include "nic_test.h"

static void test_wrong_strings(void **state)
{
	static const struct {
		const char *device;
		int expected;
		const char *word;
	} cases[] = {
		{"", -EINVAL, "no device"},
		{"rong:x:0", -EINVAL, "unknown device 'rong:x:0'; there are: ring:NAME"},
		{"ring", -EINVAL, "unknown device"},
		{"ring:x", -EINVAL, "ring:NAME:0 or ring:NAME:1"},
		{"ring:x:2", -EINVAL, "ring:NAME:0 or"},
		{"ring::0", -EINVAL, "ring:NAME:0 or"},
		{"ring:a b:0", -EINVAL, "ring:NAME:0 or"},
		{"ring:123456789012345678901:0", -EINVAL, "ring:NAME:0 or"},
		{"af_packet:nosuch0", -ENODEV, "no interface 'nosuch0'"},
		{"af_packet:iface=nosuch0", -ENODEV, "no interface 'nosuch0'"},
		{"af_packet:", -ENODEV, "no interface"},
		{"af_packet:an-interface-name-beyond-all-bounds", -ENODEV, "no interface"},
		{"af_xdp:nosuch0", -ENODEV, "no interface 'nosuch0'"},
		{"af_packet:lo,framecont=9", -EINVAL, "unknown option 'framecont'"},
		{"pcap:", -EINVAL, "rx=FILE"},
		{"pcap:rx=/nonexistent/x.pcap", -ENOENT, "/nonexistent/x.pcap"},
		{"pcap:in=x.pcap", -EINVAL, "unknown option 'in'"},
		{"pcap:iface=nosuch0", -ENODEV, "no interface 'nosuch0'"},
		{"pcap:iface=averyverylongname0", -ENODEV, "no interface"},
		{"pcap:iface=lo,tx=/dev/null", -EINVAL, "alone"},
		{"pcap:tx=/dev/null,iface=lo", -EINVAL, "alone"},
		{"pcap:iface=averyverylongname0,tx=/dev/null", -EINVAL, "alone"},
		{"tap:", -EINVAL, "name"},
		{"net_nosuch0", -ENODEV, "net_nosuch0"},
		{"pci:0000:ff:1f.7", -EBUSY, "open the PCI device first"},
		{"fault:loss=2/ring:x:0", -EINVAL, "loss=2"},
		{"fault:lost=0.1/ring:x:0", -EINVAL, "lost=0.1"},
		{"fault:loss=0.1", -EINVAL, "device is missing"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct nic_params p = small(cases[i].device, 1);

		open_fails(&p, cases[i].expected, cases[i].word);
	}
}

/* Without its input, whose name is long, such a device would open and receive nothing. */
static void test_long_names(void **state)
{
	static const size_t lens[] = {260, 600};
	static const int expected[] = {-ENOENT, -E2BIG};

	(void)state;
	for (int i = 0; i < 2; i++) {
		char device[700] = "pcap:rx=/nonexistent/";
		struct nic_params p = small(device, 1);

		memset(device + strlen(device), 'x', lens[i]);
		strcat(device, ",tx=/dev/null");
		open_fails(&p, expected[i], i ? "longer than" : "/nonexistent/");
	}
}

static void test_wrong_numbers(void **state)
{
	struct nic_params p = small("ring:t:0", 0);

	(void)state;
	open_fails(&p, -EINVAL, "1 to 16");
	p.n_queues = NIC_MAX_QUEUES + 1;
	open_fails(&p, -EINVAL, "1 to 16");
	p = small("pcap:tx=/dev/null", 2);
	open_fails(&p, -EINVAL, "has 1 queue(s), 2 are wanted");
	p = small("ring:t:0", 1);
	p.mtu = 60;
	open_fails(&p, -EINVAL, "MTU 60");
	p = small("pcap:tx=/dev/null", 1);
	p.mtu = 9000;
	open_fails(&p, -EINVAL, "MTU 9000");
	p = small("ring:t:0", 1);
	p.capture = "/nonexistent/x.pcapng";
	open_fails(&p, -ENOENT, "/nonexistent/x.pcapng");
	p.capture = "/dev/full";
	open_fails(&p, -ENOSPC, "/dev/full");
}

/* After all those failures the process can still open what it names rightly, and big. */
static void test_nothing_is_left_behind(void **state)
{
	struct nic_params p[2] = {{.device = "ring:t:0", .n_queues = 1, .n_bufs = 65535},
				  {.device = "ring:t:1", .n_queues = 1, .n_bufs = 65535}};
	struct nic nic[2];
	struct nic_pkt k;

	(void)state;
	for (int i = 0; i < 2; i++)
		open_ok(&p[i], &nic[i]);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(alloc(&nic[i], 0, &k, 1), 1);
		assert_int_equal(k.len, 0);
		release(&nic[i], 0, &k, 1);
	}
	for (int i = 0; i < 2; i++)
		nic_driver.close(&nic[i]);
}

/* net_null: any PMD can be named by its devargs; this one is in the plug-in folder. */
static void test_any_pmd_by_devargs(void **state)
{
	struct nic_params p = small("net_null0,size=64", 2);
	struct nic_pkt k[8];
	struct nic n;

	(void)state;
	p.n_bufs = 0;
	open_ok(&p, &n);
	assert_int_equal(n.n_queues, 2);
	assert_int_equal(rx(&n, 1, k, 8), 8);
	assert_int_equal(k[7].len, 64);
	assert_int_equal(tx(&n, 1, k, 8), 8);
	open_fails(&p, -EBUSY, "open already");
	nic_driver.close(&n);
	open_ok(&p, &n);
	nic_driver.close(&n);
}

/* A NIC's MTU of 1500 is where it begins, not the most it does. */
static void test_jumbo_frames(void **state)
{
	struct nic_params p = small("net_null1,size=64", 1);
	struct nic n;

	(void)state;
	p.n_bufs = 1024;
	open_ok(&p, &n);
	assert_int_equal(n.mtu, 1500);
	nic_driver.close(&n);
	p.mtu = 9000;
	open_ok(&p, &n);
	assert_int_equal(n.mtu, 9000);
	nic_driver.close(&n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_pmd_by_devargs), /* first: it wants EAL memory */
		cmocka_unit_test(test_jumbo_frames),
		cmocka_unit_test(test_wrong_strings),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_wrong_numbers),
		cmocka_unit_test(test_nothing_is_left_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
