# SPDX-License-Identifier: BSD-3-Clause
"""experiments/runner/symbols.toml against names that kernels 5.15 to 6.18 have: data/symbols, where each list says where it is from."""
from collections import Counter
from pathlib import Path

import pytest
from runner import classify

LISTS = sorted((Path(__file__).parent / "data" / "symbols").glob("linux-*.txt"))
MOST = 0.02  # of a list's names, or of its samples where it has samples

# What was renamed, split or made a clone of between these kernels, and stays what it is.
KNOWN = {
    "tcpip": """tcp_v4_rcv tcp_v4_do_rcv inet_csk_accept __inet_lookup_established inet_ehash_insert inet_bhash2_update_saddr ip_rcv_core.isra.0
        ip_finish_output2 __ip_queue_xmit nf_hook_slow nft_do_chain fib_table_lookup sk_stream_alloc_skb tcp_stream_alloc_skb sk_wmem_free_skb.76680
        tcp_wfree bictcp_acked cubictcp_acked bbr_main __xfrm_policy_check2 reqsk_timer_handler reuseport_select_sock lock_sock_nested""",
    "packet_io": """__netif_receive_skb_core __netif_receive_skb_core.constprop.0 __netif_receive_skb_core.llvm.123456 __dev_queue_xmit process_backlog
        net_rx_action napi_consume_skb __napi_poll enqueue_to_backlog veth_xmit veth_poll tpacket_rcv packet_rcv xsk_poll virtnet_poll dev_gro_receive
        gro_receive_skb __pfx_veth_xmit __cfi_dev_hard_start_xmit""",
    "kernel_other": """do_syscall_64 entry_SYSCALL_64_after_hwframe entry_SYSCALL_64_safe_stack syscall_return_via_sysret x64_sys_call __x64_sys_accept4
        __sys_accept4 __sys_accept4_file do_accept __x64_sys_epoll_wait do_epoll_wait do_epoll_ctl ep_poll ep_poll_callback ep_send_events
        ep_scan_ready_list.constprop.0 ep_send_events_proc sock_alloc_file alloc_empty_file __alloc_file alloc_file_pseudo __fput fput_many
        fput_close_sync ____fput __fget_light __fget_files fdget new_sync_read vfs_write ksys_read sock_write_iter __schedule dequeue_entity
        enqueue_task_fair psi_task_switch futex_wake futex_wait_queue_me io_issue_sqe io_submit_sqes exit_to_user_mode_loop exit_to_user_mode_prepare
        syscall_exit_to_user_mode handle_mm_fault __folio_batch_add_and_move lru_cache_add filemap_map_pages ptep_test_and_clear_young
        pmdp_test_and_clear_young kdamond_fn __rmap_walk_file call_timer_fn do_nanosleep blk_mq_dispatch_rq_list __file_ref_put""",
    "helper": """skb_release_data __alloc_skb kmem_cache_alloc_node kmem_cache_alloc_node_noprof kmem_cache_alloc_lru_noprof kmem_cache_alloc_trace
        __kmalloc_cache_noprof kfree kmem_cache_free ___slab_alloc __slab_free memcg_slab_post_alloc_hook __memcg_slab_free_hook obj_cgroup_charge
        refill_obj_stock get_page_from_freelist __alloc_pages __alloc_pages_noprof alloc_pages_mpol __free_frozen_pages free_unref_page
        free_unref_folios page_frag_free native_queued_spin_lock_slowpath __pv_queued_spin_lock_slowpath _raw_spin_lock_bh mod_timer __mod_timer
        ktime_get_with_offset srso_return_thunk srso_alias_return_thunk retbleed_return_thunk entry_untrain_ret zen_untrain_ret clear_bhb_loop
        __x86_indirect_thunk_rax __x86_return_thunk its_return_thunk copy_user_generic_string rep_movs_alternative _copy_to_iter
        copyout __check_object_size memset_orig __memcpy memcpy_orig rcu_all_qs pvm_save_fl pvm_irq_disable
        __raw_callee_save_pvm_save_fl vp_notify""",
    "skip": """_raw_spin_unlock_irqrestore __local_bh_enable_ip local_bh_enable.73290 finish_task_switch.isra.0 asm_sysvec_apic_timer_interrupt
        sysvec_apic_timer_interrupt asm_common_interrupt common_interrupt __do_softirq __softirqentry_text_start handle_softirqs do_softirq.part.0
        irq_exit_rcu asm_sysvec_call_function_single""",
    "idle": "default_idle native_safe_halt pv_native_safe_halt acpi_idle_do_entry cpuidle_enter_state intel_idle mwait_idle do_idle haltpoll_enter_idle",
}


def part(name, file="[kernel.kallsyms]"):
    return classify.book(classify.Frame(classify.plain(name), file), None)


def read(path):
    """Names with their samples; one each where the list has none."""
    lines = (line.split() for line in path.read_text().splitlines() if line and not line.startswith("#"))
    return {words[0]: int(words[1]) if len(words) > 1 else 1 for words in lines}


def share_unknown(path):
    names = read(path)
    counted = Counter({name: count for name, count in names.items() if part(name) == "unknown"})
    return sum(counted.values()) / sum(names.values()), counted.most_common(20)


def faults():
    found = [f"{path.name}: {share:.1%}: {worst}" for path in LISTS for share, worst in [share_unknown(path)] if share >= MOST]
    return found + [f"{name}: {part(name)}, not {wanted}" for wanted, names in KNOWN.items() for name in names.split() if part(name) != wanted]


def test_kernels_from_5_15_to_6_18_are_here():
    versions = {path.stem.removeprefix("linux-") for path in LISTS}
    assert {"5.15", "6.1", "6.12", "6.18"} <= versions
    assert all(len(read(path)) > 300 and path.read_text().startswith("# SPDX") for path in LISTS)
    assert max(read(next(path for path in LISTS if path.stem == "linux-6.18")).values()) > 1  # of samples


def test_nearly_all_names_are_classified_and_rightly():
    assert faults() == []


@pytest.mark.parametrize("place", range(len(classify.rules()["kernel"])))
def test_no_rule_could_be_left_out(place, monkeypatch):
    less = classify.rules() | {"kernel": [rule for at, rule in enumerate(classify.rules()["kernel"]) if at != place]}
    monkeypatch.setattr(classify, "rules", lambda: less)
    classify._by_name.cache_clear()
    try:
        assert faults()
    finally:
        classify._by_name.cache_clear()
