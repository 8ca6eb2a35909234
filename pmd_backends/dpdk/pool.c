// SPDX-License-Identifier: BSD-3-Clause
/*
 * Packet buffers. Virtual devices copy or pass pointers, so their buffers need no DMA address: they
 * lie in anonymous memory advised to be huge. That needs no reserved hugepages, and makes filling
 * 64K buffers a matter of milliseconds instead of one page fault each. Pages come as they are used.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>

#include <rte_errno.h>
#include <rte_lcore.h>

#include "dpdk.h"

#define HUGE	  ((size_t)2 << 20)
#define CACHE_LEN 512 /* per thread; a thread may hold half as much again */

struct pool_mem {
	void *base;
	size_t len;
};

static void unmap(struct rte_mempool_memhdr *hdr, void *opaque)
{
	(void)opaque;
	munmap(hdr->addr, hdr->len);
}

/* A mapping that starts on a huge page, so that the kernel can use one from the first byte on. */
static int map_huge(size_t bytes, struct pool_mem *out)
{
	size_t len = (bytes + HUGE - 1) & ~(HUGE - 1);
	char *raw = mmap(NULL, len + HUGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	size_t head;

	if (raw == MAP_FAILED)
		return -ENOMEM;
	head = (HUGE - ((uintptr_t)raw & (HUGE - 1))) & (HUGE - 1);
	if (head)
		munmap(raw, head);
	munmap(raw + head + len, HUGE - head);
	/* Refused where the kernel has none: then the buffers lie on small pages. */
	madvise(raw + head, len, MADV_HUGEPAGE);
	*out = (struct pool_mem){raw + head, len};
	return 0;
}

static int populate_own(struct rte_mempool *mp)
{
	size_t object = mp->header_size + mp->elt_size + mp->trailer_size;
	struct pool_mem mem;
	int n = map_huge(object * mp->size + RTE_CACHE_LINE_SIZE, &mem);

	if (n < 0)
		return n;
	n = rte_mempool_populate_iova(mp, mem.base, RTE_BAD_IOVA, mem.len, unmap, NULL);
	if (n <= 0) {
		munmap(mem.base, mem.len);
		return n ? n : -ENOMEM;
	}
	return (uint32_t)n == mp->size ? 0 : -ENOMEM;
}

int pool_create(const struct pool_shape *s, struct rte_mempool **out)
{
	static unsigned serial;
	struct rte_pktmbuf_pool_private priv = {
		.mbuf_data_room_size = (uint16_t)(s->data_room + RTE_PKTMBUF_HEADROOM),
	};
	unsigned elt = (unsigned)sizeof(struct rte_mbuf) + priv.mbuf_data_room_size;
	unsigned flags = s->eal_memory ? 0 : RTE_MEMPOOL_F_NO_IOVA_CONTIG | RTE_MEMPOOL_F_NO_SPREAD;
	char name[RTE_MEMPOOL_NAMESIZE];
	struct rte_mempool *mp;
	int ret;

	snprintf(name, sizeof name, "mtcp_%u", serial++);
	mp = rte_mempool_create_empty(name, s->n_bufs, elt, CACHE_LEN, sizeof priv, SOCKET_ID_ANY,
				      flags);
	if (!mp)
		return -rte_errno;
	ret = rte_mempool_set_ops_byname(mp, "ring_mp_mc", NULL);
	if (ret == 0) {
		rte_pktmbuf_pool_init(mp, &priv);
		ret = s->eal_memory ? rte_mempool_populate_default(mp) : populate_own(mp);
	}
	if (ret < 0) {
		rte_mempool_free(mp);
		return ret;
	}
	rte_mempool_obj_iter(mp, rte_pktmbuf_init, NULL);
	*out = mp;
	return 0;
}
