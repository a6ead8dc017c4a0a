/* Homa for C programs: the same hosts and sockets as in homa/host.h and homa/socket.h.
 *
 * Errors: functions that return int give 0 for success or a negative HOMA_E...; those that return a
 * pointer give NULL and put the cause into `error`. homa_last_error() has the sentence.
 * Threads: any thread may call any function at any time; several may wait on one socket.
 * Signals: a call that was interrupted goes on waiting; no message is lost.
 * fork(): a host stays with the process that opened it; calls of a child give -HOMA_EPROCESS.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The numbers of homa::ErrorCode; functions return them negated. */
enum homa_error {
  HOMA_OK = 0,
  HOMA_ETIMEOUT = 1,       /* the time that the caller gave is up */
  HOMA_ENOSOCKET = 2,      /* no socket is bound to that port at the peer */
  HOMA_EUNREACHABLE = 3,   /* no Homa was ever heard there, or no route leads there */
  HOMA_ERESTARTED = 4,     /* the server lost the RPC: it died or was restarted */
  HOMA_ECANCELLED = 5,     /* aborted, by this side or by the peer */
  HOMA_EOVERLOADED = 6,    /* the peer refused the request for want of resources */
  HOMA_ENOTSERVER = 7,     /* the port belongs to a socket that takes no requests */
  HOMA_ETOOLONG = 8,       /* the message is longer than the limit */
  HOMA_EINVALID = 9,       /* a parameter of the call is wrong */
  HOMA_ENORPC = 10,        /* the id names no RPC in progress */
  HOMA_EWOULDBLOCK = 11,   /* nothing to receive now */
  HOMA_ECLOSED = 12,       /* the socket or host was closed, or shut down */
  HOMA_EINUSE = 13,        /* the port is taken */
  HOMA_ENOMEMORY = 14,     /* a configured capacity is exhausted */
  HOMA_ENOTPERMITTED = 15, /* a privilege is missing */
  HOMA_ESYSTEM = 16,       /* an operating system call failed */
  HOMA_ESTALE = 17,        /* refused: so old that it may have run before */
  HOMA_ESILENT = 18,       /* the peer was asked several times and did not answer */
  HOMA_EGONE = 19,         /* the peer answered before; its host now says that no Homa is there */
  HOMA_EPROCESS = 20,      /* the host belongs to a process that this one was forked from */
  HOMA_ETOOSLOW = 21,      /* the sender of a message held memory for it, and sent too little */
  HOMA_EENGINE = 22,       /* homad has ended; it is attached to again when it is back */
  HOMA_EDRAINING = 23      /* the server takes no new requests, because it is about to end */
};

/* Whether the server executed the request of an RPC that failed. */
enum homa_executed {
  HOMA_NOT_EXECUTED = 0,     /* certainly not: it may be sent again */
  HOMA_PERHAPS_EXECUTED = 1, /* nobody can tell */
  HOMA_EXECUTED = 2          /* certainly: the answer did not arrive whole */
};

/* "timeout", "no such socket", ...; `error` as a function returned it, or without its sign. */
const char* homa_strerror(int error);
/* The sentence that belongs to the calling thread's last error; valid until its next call. */
const char* homa_last_error(void);
/* Of the calling thread's last error: enum homa_executed. HOMA_NOT_EXECUTED also for a call that
 * was refused before it sent anything. */
int homa_last_executed(void);

typedef struct homa_host homa_host;         /* one engine; a process needs one */
typedef struct homa_socket_s homa_socket_t; /* sends requests, or receives them and replies */

/* --- Hosts --- */

enum homa_engine {
  HOMA_ENGINE_AUTO = 0,  /* homad's where it answers and can do what is asked for; else our own */
  HOMA_ENGINE_OWN = 1,   /* one in this process */
  HOMA_ENGINE_DAEMON = 2 /* homad's; an error where there is none */
};

enum homa_log_level {
  HOMA_LOG_ERROR = 0,
  HOMA_LOG_WARNING = 1,
  HOMA_LOG_INFO = 2,
  HOMA_LOG_DEBUG = 3
};
struct homa_log_field {
  const char* name;
  const char* value;
};
/* What happened in the engine of this process that an operator wants to know: homa/log.h says when.
 * All pointers are gone when it returns. It must be quick, and must not call the host. */
typedef void (*homa_log_function)(void* context, int level, const char* component, const char* text,
                                  const struct homa_log_field* fields, size_t count);

/* "udp", "127.0.0.1", ...: what is 0 or NULL has its default. Set size to sizeof(struct). */
struct homa_host_config {
  size_t size;
  const char* backend;   /* "udp" (default), "raw", "xdp", "auto" */
  const char* address;   /* local IP address; default: any */
  const char* interface; /* network device; default: the one that holds `address` */
  int32_t udp_port;      /* of the engine; 0: the default port; -1: any free one */
  uint32_t mtu;
  int32_t library_thread_only; /* 1: the engine never runs in the application's threads */
  int32_t poll_us;             /* poll this long before sleeping; 0: the default; -1: not at all */
  uint64_t receive_bytes;      /* memory for incoming messages */
  uint64_t transmit_bytes;     /* per socket, for outgoing ones */
  const char* parameters;      /* protocol parameters: "name=value name=value ..." */
  const char* daemon_socket;   /* where homad listens; default: HOMA_DAEMON, else its usual place */
  int32_t engine;              /* enum homa_engine */
  homa_log_function log;       /* default: nobody is told */
  void* log_context;           /* handed to it */
};

/* `config` may be NULL. NULL: see `error` (may be NULL) and homa_last_error(). */
homa_host* homa_host_open(const struct homa_host_config* config, int* error);
/* Shuts its sockets down, tells the peers, stops the engine. Sockets still have to be closed. */
void homa_host_close(homa_host* host);
/* Writes what the engine is, "homad, udp ..." for homad's; returns its length, or -HOMA_EINVALID if
   it does not fit. */
int homa_host_description(const homa_host* host, char* text, size_t size);
/* Writes "10.0.0.1%7000" and the like; returns its length, or -HOMA_EINVALID if it does not fit. */
int homa_host_address(const homa_host* host, char* text, size_t size);
/* Calls `each` for every counter of the engine. */
typedef void (*homa_counter_function)(void* context, const char* name, const char* meaning,
                                      uint64_t value);
int homa_host_counters(const homa_host* host, homa_counter_function each, void* context);
/* Does what is due now, without waiting; returns how much that was. Nobody needs to call it. */
size_t homa_host_poll(homa_host* host);

/* --- Addresses --- */

struct homa_address {
  uint8_t ip[16];    /* network byte order; IPv4 as ::ffff:a.b.c.d */
  uint16_t udp_port; /* of the engine */
  uint16_t port;     /* of the socket */
  uint32_t scope;    /* of a link-local address: index of our device on its link; else 0 */
};
/* "10.0.0.1:4000", "[fd00::1]:4000", "10.0.0.1%7000:4000", "[fe80::1%eth1]:4000", "name:4000"
   (looked up: may block). */
int homa_parse_address(const char* text, struct homa_address* address);
/* Writes the same; returns its length, or -HOMA_EINVALID if it does not fit. */
int homa_format_address(const struct homa_address* address, char* text, size_t size);

/* --- Sockets --- */

/* port 0: a client's socket; 1..32767: a server's. */
homa_socket_t* homa_socket(homa_host* host, uint16_t port, int* error);
uint16_t homa_port(const homa_socket_t* socket);
/* Ends the socket for all threads: waiters get -HOMA_ECLOSED, RPCs end, peers learn of it. */
void homa_shutdown(homa_socket_t* socket);
/* The same, and frees it: no other thread may be inside a call or call again. NULL is nothing. */
void homa_close(homa_socket_t* socket);
/* For poll and epoll: readable while there are messages to receive. See Socket::descriptor(). */
int homa_poll_fd(homa_socket_t* socket);

/* Flags of homa_send(). */
#define HOMA_PRIVATE 1u /* only homa_recv() with this RPC's id gets the response */

/* Starts an RPC: copies `request` and puts its id (never 0) into `id`. */
int homa_send(homa_socket_t* socket, const void* request, size_t length,
              const struct homa_address* server, uint64_t* id, uint64_t cookie, unsigned flags);

/* HOMA_HEAD: see homa_announce(). */
enum homa_kind { HOMA_REQUEST = 0, HOMA_RESPONSE = 1, HOMA_FAILURE = 2, HOMA_HEAD = 3 };

/* What was received: bytes in place, valid until homa_release(). */
struct homa_message {
  const void* data;
  size_t length;
  uint64_t id;
  uint64_t cookie;
  int32_t kind;     /* enum homa_kind */
  int32_t error;    /* HOMA_FAILURE: enum homa_error */
  int32_t executed; /* HOMA_FAILURE: enum homa_executed */
  struct homa_address peer;
  size_t total; /* of the whole message: more than `length` for a HOMA_HEAD */
  void* internal;
};

/* `id` 0: the next message of the socket; else the response to that RPC, private or not.
 * timeout_us: how long to wait; 0: not at all; negative: for ever. -HOMA_EWOULDBLOCK: none came. An
 * RPC that failed is a message of kind HOMA_FAILURE. */
int homa_recv(homa_socket_t* socket, uint64_t id, int64_t timeout_us, struct homa_message* message);
/* Gives the message's bytes back: `data` is NULL then, and `length` 0. What else is known of it
 * stays, so that a request can be answered by its `id` afterwards. Releasing it again, or one that
 * is all zero, does nothing. */
void homa_release(struct homa_message* message);

/* Answers a request by its id. */
int homa_reply(homa_socket_t* socket, const void* response, size_t length, uint64_t id);

/* homa_send() and homa_recv() in one. A failed RPC gives its error; when the time is up, the RPC is
 * aborted and the error is -HOMA_ETIMEOUT. */
int homa_invoke(homa_socket_t* socket, const void* request, size_t length,
                const struct homa_address* server, int64_t timeout_us,
                struct homa_message* response);

/* --- Many messages at once --- */

struct homa_outgoing {
  const void* data;
  size_t length;
  struct homa_address server; /* of requests */
  uint64_t cookie;            /* of requests */
  uint64_t id;                /* requests: result. Responses: of the request */
  uint32_t flags;             /* of requests: as for homa_send() */
  int32_t error;              /* result: 0, or as homa_send() and homa_reply() return it */
};

/* homa_send() and homa_reply() of each, which cross to the engine together. Each has its own error;
 * they return how many have none. */
int homa_send_many(homa_socket_t* socket, struct homa_outgoing* requests, int count);
int homa_reply_many(homa_socket_t* socket, struct homa_outgoing* responses, int count);
/* homa_recv() with id 0, then all that is there, at most `count`. Returns how many, at least 1.
 * Each is released by itself. */
int homa_recv_many(homa_socket_t* socket, struct homa_message* messages, int count,
                   int64_t timeout_us);

/* --- Long requests --- */

/* From now on requests of more than `bytes` come in two steps: homa_recv() gives a HOMA_HEAD with
 * the first bytes, and no more of it is sent until homa_accept(). What comes whole unasked comes as
 * a HOMA_REQUEST. Releasing a head refuses its request. */
int homa_announce(homa_socket_t* socket, uint32_t bytes);
/* The rest is to come, as a HOMA_REQUEST, or a HOMA_FAILURE with the same id. `place`, of `size`
 * bytes: where it is to lie then, and stays until one of the two was received; NULL: anywhere.
 * `head` is released unless it returns -HOMA_EINVALID or -HOMA_ECLOSED. */
int homa_accept(homa_socket_t* socket, struct homa_message* head, void* place, size_t size);
/* Its client gets `error` (enum homa_error), and nothing was executed. Releases `head`. */
int homa_refuse(homa_socket_t* socket, struct homa_message* head, int error);

/* --- Messages in pieces, and in place --- */

/* homa_send() and homa_reply() of a message in pieces, copied one behind the other. */
int homa_sendv(homa_socket_t* socket, const struct iovec* pieces, int count,
               const struct homa_address* server, uint64_t* id, uint64_t cookie, unsigned flags);
int homa_replyv(homa_socket_t* socket, const struct iovec* pieces, int count, uint64_t id);

/* A message to be built where it is sent from. Write to `data`; `length` may be made less. */
struct homa_prepared {
  void* data;
  size_t length;
  void* internal;
};
/* Transmit memory for a message of `length` bytes of this socket. It has to be sent or discarded,
 * before or after homa_close(). */
int homa_prepare(homa_socket_t* socket, size_t length, struct homa_prepared* message);
/* homa_send() and homa_reply() without a copy. If they succeed, `message` is all zero. */
int homa_send_prepared(homa_socket_t* socket, struct homa_prepared* message,
                       const struct homa_address* server, uint64_t* id, uint64_t cookie,
                       unsigned flags);
int homa_reply_prepared(homa_socket_t* socket, struct homa_prepared* message, uint64_t id);
/* Gives the memory back. One that is all zero: nothing happens. */
void homa_discard(struct homa_prepared* message);

/* --- The end of a service --- */

/* From now on new requests are refused (-HOMA_EDRAINING, not executed). */
int homa_stop_accepting(homa_socket_t* socket);
/* Waits until nothing is in progress on the socket. timeout_us as for homa_recv(); -HOMA_ETIMEOUT:
 * something still is. Then homa_shutdown(). */
int homa_drain(homa_socket_t* socket, int64_t timeout_us);
/* 1: somebody waits for the answer to this request, which is not answered yet. 0: nobody. */
int homa_client_waits(homa_socket_t* socket, uint64_t id);

/* Ends one RPC, ours or a request that we serve; id 0: all of ours. error 0: silently; else
 * homa_recv() gives a failure with that code (enum homa_error). The peer learns of it. */
int homa_abort(homa_socket_t* socket, uint64_t id, int error);

#ifdef __cplusplus
}
#endif
