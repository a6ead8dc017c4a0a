/* Takes Homa's packets that are for our address to the AF_XDP socket of their receive queue; all
   else, and what needs the kernel's help (IP options, fragments, extension headers, VLAN tags),
   goes on to Linux. Without a socket on the queue the packet also goes on. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "xdp_filter.h"

#define HOMA_IP_PROTOCOL 146

const volatile struct homa_xdp_filter homa_filter = {};

struct {
  __uint(type, BPF_MAP_TYPE_XSKMAP);
  __uint(max_entries, HOMA_XDP_QUEUES_MAX);
  __type(key, __u32);
  __type(value, __u32);
} homa_queues SEC(".maps");

static __always_inline int is_homa(__u8 protocol, void* transport, void* end) {
  if (protocol == HOMA_IP_PROTOCOL) return 1;
  if (protocol != IPPROTO_UDP) return 0;
  struct udphdr* udp = transport;
  return (void*)(udp + 1) <= end && udp->dest == homa_filter.udp_port;
}

static __always_inline int is_ours_v4(void* network, void* end) {
  struct iphdr* ip = network;
  if ((void*)(ip + 1) > end || ip->ihl != 5) return 0;
  if (ip->frag_off & bpf_htons(0x3fff)) return 0;
  if (ip->daddr != homa_filter.address[0]) return 0;
  return is_homa(ip->protocol, ip + 1, end);
}

static __always_inline int is_ours_v6(void* network, void* end) {
  struct ipv6hdr* ip = network;
  if ((void*)(ip + 1) > end) return 0;
  for (int i = 0; i < 4; i++) {
    if (ip->daddr.in6_u.u6_addr32[i] != homa_filter.address[i]) return 0;
  }
  return is_homa(ip->nexthdr, ip + 1, end);
}

SEC("xdp")
int homa_xdp(struct xdp_md* context) {
  void* data = (void*)(long)context->data;
  void* end = (void*)(long)context->data_end;
  struct ethhdr* ethernet = data;
  if ((void*)(ethernet + 1) > end) return XDP_PASS;
  int ours = 0;
  if (homa_filter.is_v6) {
    if (ethernet->h_proto == bpf_htons(ETH_P_IPV6)) ours = is_ours_v6(ethernet + 1, end);
  } else {
    if (ethernet->h_proto == bpf_htons(ETH_P_IP)) ours = is_ours_v4(ethernet + 1, end);
  }
  if (!ours) return XDP_PASS;
  return bpf_redirect_map(&homa_queues, context->rx_queue_index, XDP_PASS);
}

char homa_license[] SEC("license") = "Apache-2.0";
