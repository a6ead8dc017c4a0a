// Which of our addresses a packet was for, and how an answer leaves from there.
//
// A socket that takes packets for every address answers from whichever one the kernel chooses.
// Peers know us by the address that they called, so an answer has to name that one, and its device
// if the routes lead elsewhere. Each such pair has a PathId; kAnyPath stands for what the kernel
// chooses by itself, which costs no control message.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "base/types.h"
#include "io/kernel_routes.h"

namespace homa::io {

class LocalPaths {
 public:
  struct End {
    IpAddress local{};
    std::uint32_t device = 0;  // 0: the routes decide
  };

  explicit LocalPaths(NetlinkSocket socket) : socket_(std::move(socket)) {}

  // The path of answers to `source`, whose packet came to `local` by `device`. The first packet of
  // a source costs two to four system calls, later ones a comparison or a look-up.
  PathId find(const Address& source, const IpAddress& local, std::uint32_t device) {
    if (path_of_last_ && last_.source == source.ip && last_.local == local &&
        last_.device == device) {
      return *path_of_last_;
    }
    return look_up(Key{source.ip, local, device}, source);
  }
  // nullptr for kAnyPath.
  const End* end(PathId path) const {
    const auto index = static_cast<std::size_t>(path);
    return index == 0 || index > ends_.size() ? nullptr : &ends_[index - 1];
  }
  // Routes or addresses changed: sources are asked about again. Paths stay what they are.
  void forget();

 private:
  static constexpr std::size_t kSourcesMax = 16'384;  // then all are forgotten
  static constexpr std::size_t kEndsMax = 4'096;      // then answers leave as the kernel chooses

  struct Key {
    IpAddress source{};
    IpAddress local{};
    std::uint32_t device = 0;
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct Hash {
    std::size_t operator()(const Key& key) const;
  };

  PathId look_up(const Key& key, const Address& source);
  End choose(const Key& key, const Address& source, bool& by_kernel);
  PathId number(const End& end);

  NetlinkSocket socket_;
  Key last_;
  std::optional<PathId> path_of_last_;
  std::unordered_map<Key, PathId, Hash> by_source_;
  std::vector<End> ends_;
};

}  // namespace homa::io
