/* The socket interface of the Linux kernel's Homa module: structures and constants, under the names
 * that its users know. For programs written for the module, in C11 and C++. They run over the
 * module, and over this library by `homa run PROGRAM` (docs/kernel-programs.md).
 *
 * A program opens socket(AF_INET or AF_INET6, SOCK_DGRAM, IPPROTO_HOMA), gives it memory for
 * incoming messages by SO_HOMA_RCVBUF, and calls sendmsg() and recvmsg() with the structures below
 * as msg_control.
 */
#pragma once

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#ifdef __cplusplus
extern "C" {
#endif

#define IPPROTO_HOMA 146

#define HOMA_MAX_MESSAGE_LENGTH 1000000
/* Receive memory is handed out in pages of this size ("bpages"). */
#define HOMA_BPAGE_SHIFT 16
#define HOMA_BPAGE_SIZE (1 << HOMA_BPAGE_SHIFT)
#define HOMA_MAX_BPAGES ((HOMA_MAX_MESSAGE_LENGTH + HOMA_BPAGE_SIZE - 1) >> HOMA_BPAGE_SHIFT)
/* Ports from here on are clients', assigned by socket(). Servers bind to lower ones. */
#define HOMA_MIN_DEFAULT_PORT 0x8000

/* --- sendmsg: msg_control points to this, msg_controllen is 0. Returns 0. --- */

#define HOMA_SENDMSG_PRIVATE 0x01 /* only recvmsg() with this RPC's id gets the response */
#define HOMA_SENDMSG_VALID_FLAGS 0x01

struct homa_sendmsg_args {
  uint64_t id;                /* 0: a request; on return its id. Else the request to respond to */
  uint64_t completion_cookie; /* comes back with the response; 0 in a response */
  uint32_t flags;             /* HOMA_SENDMSG_... */
  uint32_t reserved;          /* 0 */
};

/* --- recvmsg: msg_control points to this, msg_controllen is its size. --- */

/* Returns the message's length. All but the last of its bpages are whole. */
struct homa_recvmsg_args {
  uint64_t id;                /* in: 0, or a private RPC to wait for. out: the message's RPC */
  uint64_t completion_cookie; /* out: as given to sendmsg(); 0 for a request */
  uint32_t num_bpages;        /* in: bpages that are given back. out: those of the message */
  uint32_t reserved;          /* 0 */
  uint32_t bpage_offsets[HOMA_MAX_BPAGES]; /* from the start of the receive memory */
};

/* --- Socket options, of level IPPROTO_HOMA --- */

#define SO_HOMA_RCVBUF 10 /* struct homa_rcvbuf_args: memory for incoming messages, once */
#define SO_HOMA_SERVER 11 /* int: whether the socket takes requests */

struct homa_rcvbuf_args {
  uint64_t start;  /* address of page-aligned memory of the program */
  uint64_t length; /* bytes */
};

/* --- ioctl --- */

#define HOMA_RPC_BUF_STALL 1 /* the message waits for receive memory */
#define HOMA_RPC_PRIVATE 2
#define HOMA_RPC_RX_READY 4 /* the message is complete and waits for recvmsg() */
#define HOMA_RPC_RX_COPY 8  /* packets came that have not been copied yet */

struct homa_rpc_info {
  uint64_t id;
  union {
    struct sockaddr_storage storage;
    struct sockaddr_in in4;
    struct sockaddr_in6 in6;
  } peer;
  uint64_t completion_cookie;
  int32_t tx_length; /* -1: no response was given yet */
  uint32_t tx_sent;
  uint32_t tx_granted;
  uint32_t tx_prio;
  int32_t rx_length; /* -1: not known yet */
  uint32_t rx_remaining;
  uint32_t rx_gaps;
  uint32_t rx_gap_bytes;
  uint32_t rx_granted;
  uint16_t flags; /* HOMA_RPC_... */
};

#define HOMA_ERROR_MSG_SIZE 104

struct homa_info {
  uint64_t rpc_info;          /* in: address of records that are to be filled (homa_rpc_info) */
  uint64_t rpc_info_length;   /* in: bytes that there is room for */
  uint64_t bpool_avail_bytes; /* of the receive memory */
  uint32_t port;
  uint32_t num_rpcs;                   /* there are; may be more than there was room for */
  char error_msg[HOMA_ERROR_MSG_SIZE]; /* about the last error of a call on this socket */
};

struct homa_abort_args {
  uint64_t id;    /* an RPC of ours; 0: all of ours */
  uint32_t error; /* 0: it vanishes; else recvmsg() fails for it with this errno */
  uint32_t _pad1; /* the rest is 0 */
  uint64_t _pad2[2];
};

#define HOMAIOCINFO _IOWR('h', 0x90, struct homa_info)
#define HOMAIOCABORT _IOWR('h', 0x91, struct homa_abort_args)
#define HOMAIOCFREEZE _IO('h', 0x92)

#ifdef __cplusplus
}
#endif
