/* What the XDP program takes from the kernel's stack. Shared by the program (C, compiled for BPF)
   and its loader (C++), which writes it into the program's read-only data before loading. */
#pragma once

#include <linux/types.h>

struct homa_xdp_filter {
  __u32 address[4]; /* ours, network byte order; IPv4 in [0] */
  __u16 udp_port;   /* of UDP encapsulation, network byte order */
  __u16 is_v6;
};

#define HOMA_XDP_QUEUES_MAX 64
