// The structures of homa/kernel.h have the layout that programs of the kernel module were compiled
// with.
#include <cstddef>

#include "homa/kernel.h"

namespace homa::preload {

static_assert(HOMA_MAX_BPAGES == 16);

static_assert(sizeof(homa_sendmsg_args) == 24);
static_assert(offsetof(homa_sendmsg_args, id) == 0);
static_assert(offsetof(homa_sendmsg_args, completion_cookie) == 8);
static_assert(offsetof(homa_sendmsg_args, flags) == 16);
static_assert(offsetof(homa_sendmsg_args, reserved) == 20);

static_assert(sizeof(homa_recvmsg_args) == 88);
static_assert(offsetof(homa_recvmsg_args, id) == 0);
static_assert(offsetof(homa_recvmsg_args, completion_cookie) == 8);
static_assert(offsetof(homa_recvmsg_args, num_bpages) == 16);
static_assert(offsetof(homa_recvmsg_args, reserved) == 20);
static_assert(offsetof(homa_recvmsg_args, bpage_offsets) == 24);

static_assert(sizeof(homa_rcvbuf_args) == 16);
static_assert(offsetof(homa_rcvbuf_args, length) == 8);

static_assert(sizeof(homa_rpc_info) == 184);
static_assert(offsetof(homa_rpc_info, id) == 0);
static_assert(offsetof(homa_rpc_info, peer) == 8);
static_assert(sizeof(homa_rpc_info::peer) == 128);
static_assert(offsetof(homa_rpc_info, completion_cookie) == 136);
static_assert(offsetof(homa_rpc_info, tx_length) == 144);
static_assert(offsetof(homa_rpc_info, tx_sent) == 148);
static_assert(offsetof(homa_rpc_info, tx_granted) == 152);
static_assert(offsetof(homa_rpc_info, tx_prio) == 156);
static_assert(offsetof(homa_rpc_info, rx_length) == 160);
static_assert(offsetof(homa_rpc_info, rx_remaining) == 164);
static_assert(offsetof(homa_rpc_info, rx_gaps) == 168);
static_assert(offsetof(homa_rpc_info, rx_gap_bytes) == 172);
static_assert(offsetof(homa_rpc_info, rx_granted) == 176);
static_assert(offsetof(homa_rpc_info, flags) == 180);

static_assert(sizeof(homa_info) == 136);
static_assert(offsetof(homa_info, rpc_info) == 0);
static_assert(offsetof(homa_info, rpc_info_length) == 8);
static_assert(offsetof(homa_info, bpool_avail_bytes) == 16);
static_assert(offsetof(homa_info, port) == 24);
static_assert(offsetof(homa_info, num_rpcs) == 28);
static_assert(offsetof(homa_info, error_msg) == 32);

static_assert(sizeof(homa_abort_args) == 32);
static_assert(offsetof(homa_abort_args, id) == 0);
static_assert(offsetof(homa_abort_args, error) == 8);

static_assert(HOMAIOCINFO == 0xc0886890);
static_assert(HOMAIOCABORT == 0xc0206891);
static_assert(HOMAIOCFREEZE == 0x6892);

}  // namespace homa::preload
