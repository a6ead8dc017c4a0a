// The XDP program on a network device, which steers Homa's packets to AF_XDP sockets. It is
// attached by a link that dies with its last descriptor: when the process ends, however it ends,
// the kernel removes the program and the interface is as it was.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "base/descriptor.h"
#include "homa/address.h"
#include "homa/error.h"
#include "homa/result.h"

namespace homa::io {

enum class XdpMode : unsigned char {
  kAuto,     // native where the driver can, else generic
  kNative,   // in the driver, before the kernel makes a packet of it
  kGeneric,  // on any device, after that
};

class XdpProgram {
 public:
  // Packets for `local` (UDP: to its udp_port) go to sockets[n] when they arrive on queue n. A
  // program of a dead Homa process is replaced; one of somebody else's is left alone (kInUse).
  static Result<std::unique_ptr<XdpProgram>, Error> attach(const std::string& interface,
                                                           const Address& local, XdpMode mode,
                                                           std::span<const int> sockets);
  bool native() const { return native_; }
  // Why it is not native though it was tried; "" if it is, or was not to be.
  const std::string& reason() const { return reason_; }

 private:
  XdpProgram() = default;
  base::Descriptor link_;
  bool native_ = false;
  std::string reason_;
};

}  // namespace homa::io
