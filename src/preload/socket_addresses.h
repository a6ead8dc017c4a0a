// Addresses as system calls have them, and as Homa's interface does.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>

#include "homa/address.h"
#include "homa/result.h"
#include "preload/failure.h"

namespace homa::preload {

// `family` is that of the socket. `udp_port`: of the engines at peers. EINVAL: too short, or none.
// EAFNOSUPPORT: of another family.
Result<SocketAddress, Failure> read_address(const void* name, socklen_t length, int family,
                                            std::uint16_t udp_port);

// A socket of that family can have this peer: IPv4 has no place for an IPv6 address.
bool can_name(const Address& host, int family);

// 0.0.0.0, 127.0.0.0/8, :: or ::1: this host, whichever addresses it has.
bool names_this_host(const Address& host);

// Writes a sockaddr_in or sockaddr_in6, as much of it as fits into `length` bytes, and sets
// `length` to its whole size, as system calls do. `name` may be null.
void write_address(const SocketAddress& address, int family, void* name, socklen_t* length);

}  // namespace homa::preload
