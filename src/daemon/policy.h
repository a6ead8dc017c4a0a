// Who may do what: limits of a program, and ports that it may serve, by its user and groups.
#pragma once

#include <sys/types.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace homa::daemon {

// Who a program is, as the kernel says.
struct Credentials {
  pid_t pid = 0;  // 0: of another namespace
  uid_t user = 0;
  std::vector<gid_t> groups;  // all that it is in
};

struct Limits {
  std::uint64_t receive_bytes = 16 << 20;   // of a program, for incoming messages
  std::uint64_t transmit_bytes = 64 << 20;  // of each socket, for outgoing ones
  std::uint32_t sockets = 1'024;            // of a program
  std::uint32_t rpcs = 8'192;               // that a program has started and that are in progress
  std::uint32_t requests = 4'096;           // that a program serves and that are in progress
  std::uint32_t programs = 256;             // of a user
  // Of the host's memory for messages: what a program has whatever others use, what it may use if
  // it asks for no more, and what it may use at most.
  std::uint64_t memory_guaranteed = 4 << 20;
  std::uint64_t memory_default = 128 << 20;
  std::uint64_t memory_maximum = 256 << 20;
  std::uint32_t rpcs_guaranteed = 16;  // started or served, whatever others have

  // What a program may use that asks for memory for so many bytes of messages.
  std::uint64_t memory_of(std::uint64_t asked) const {
    return std::min(std::max(asked, memory_default), memory_maximum);
  }
  friend bool operator==(const Limits&, const Limits&) = default;
};

// Ports that only some may serve.
struct PortRule {
  std::string name;  // as the configuration has it: "ports 1-1023"
  std::uint16_t first = 0, last = 0;
  std::vector<uid_t> users;
  std::vector<gid_t> groups;
};

// Limits of some users and groups, instead of the usual ones.
struct LimitRule {
  std::string name;  // "user alice", "group backup"
  std::optional<uid_t> user;
  std::optional<gid_t> group;
  Limits limits;
};

class Policy {
 public:
  Policy() = default;
  Policy(const Limits& usual, std::vector<LimitRule> limits, std::vector<PortRule> ports)
      : usual_(usual), limits_(std::move(limits)), ports_(std::move(ports)) {}

  // Those of the first rule that names the user; else of the first that names a group of its; else
  // the usual ones.
  const Limits& limits(const Credentials& who) const;
  // Why `who` may not serve the port, in a sentence; nullopt: it may. Where several rules hold a
  // port, each of them has to allow it. The superuser may serve all.
  std::optional<std::string> refuses(const Credentials& who, std::uint16_t port) const;

 private:
  Limits usual_;
  std::vector<LimitRule> limits_;
  std::vector<PortRule> ports_;
};

}  // namespace homa::daemon
