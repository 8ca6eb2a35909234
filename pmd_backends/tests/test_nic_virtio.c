// SPDX-License-Identifier: BSD-3-Clause
/* The checksum offload of a PMD, as a NIC has it: virtio_user and vhost, face to face. They need
 * memory of the EAL's, so nothing else is opened in this process before. */
#include <unistd.h>

#include "nic_segment.h"

static char sock[64];

/* False: this DPDK lacks one of the drivers. */
static bool open_end(const char *driver, struct nic *n)
{
	char device[128], err[NIC_ERR_LEN];
	struct nic_params p = small(device, 1);
	int ret;

	snprintf(device, sizeof device, driver, sock);
	p.csum_offload = true;
	ret = nic_driver.open(&p, n, err);
	if (ret == -ENODEV && strstr(err, "no driver"))
		return false;
	if (ret)
		fail_msg("%s: %s", device, err);
	return true;
}

static uint16_t wait_for(struct nic *n, struct nic_pkt *p)
{
	uint16_t got = 0;

	for (unsigned i = 0; i < 5000 && !got; i++) {
		got = rx(n, 0, p, 1);
		if (!got)
			usleep(1000);
	}
	return got;
}

/* Payload and headers arrive, and the receiver is told that the checksum is not to be looked at. In
 * the field stands the pseudo header's sum, as virtio wants it, or the right checksum. */
static void pass(struct nic *from, struct nic *to, enum shape s)
{
	size_t at = l3_at[s] + ip_len[s] + 16;
	uint8_t full[200];
	uint16_t len = segment(full, s, 64, true);
	struct nic_pkt p;

	assert_true(from->tx_csum);
	assert_int_equal(alloc(from, 0, &p, 1), 1);
	segment(p.data, s, 64, false);
	p.len = len;
	p.flags = NIC_TX_L4_CSUM;
	assert_int_equal(tx(from, 0, &p, 1), 1);
	assert_int_equal(wait_for(to, &p), 1);
	assert_int_equal(p.len, len);
	assert_true(p.flags & NIC_RX_L4_CSUM_OK);
	assert_true(p.data[at] || p.data[at + 1]);
	memcpy(p.data + at, full + at, 2);
	assert_memory_equal(p.data, full, len);
	release(to, 0, &p, 1);
}

static void test_segments_both_ways(void **state)
{
	struct nic vhost, virtio;

	(void)state;
	snprintf(sock, sizeof sock, "/tmp/mtcp-vhost-%d", (int)getpid());
	if (!open_end("net_vhost0,iface=%s,queues=1", &vhost))
		skip();
	if (!open_end("net_virtio_user0,path=%s,queues=1,queue_size=256", &virtio))
		skip();
	assert_int_equal(nic_driver.thread_enter(), 0);
	for (enum shape s = V4; s < N_SHAPES; s++) {
		pass(&virtio, &vhost, s);
		pass(&vhost, &virtio, s);
	}
	nic_driver.thread_leave();
	/* Not closed: with both in one process, DPDK 22.11's interrupt thread may still use the
	 * socket of the one that goes first, and aborts. */
	unlink(sock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_segments_both_ways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
