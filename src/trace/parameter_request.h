// How a tool asks a running engine for its parameters, or changes one.
//
// Beside its state file an engine has a datagram socket that only its own user and root may write
// to. A request comes as one datagram with a descriptor: one end of a SOCK_SEQPACKET pair, to which
// the engine writes one answer and which it closes then. So an answer needs no name and no
// permission, and the engine keeps nothing of who asked.
//
// The answer is text. Its first line is "ok" or "CODE TEXT" (CODE is homa::ErrorCode's number);
// after "ok" there is a line for each parameter, NAME, value, unit, "any time" or "at start", and
// meaning, with tabs between. To a change it is the parameter before the change.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

#include "trace/state_layout.h"
#include "trace/state_owner.h"

namespace homa::trace {

inline constexpr std::uint64_t kParameterMagic = 0x6d617261'706d6f68;  // "homparam"
inline constexpr std::uint32_t kParameterVersion = 1;
inline constexpr std::size_t kParameterAnswerMax = 32 << 10;

struct ParameterRequest {
  enum class Kind : std::uint32_t { kGetAll = 1, kSet = 2 };

  std::uint64_t magic = kParameterMagic;
  std::uint32_t version = kParameterVersion;
  Kind kind = Kind::kGetAll;
  Text<64> name{};    // kSet
  Text<192> value{};  // kSet
};
static_assert(sizeof(ParameterRequest) == 272);
static_assert(std::is_trivially_copyable_v<ParameterRequest>);

// The socket beside the state file `path`: "FOLDER/homa.parameters-PID-XXXXXX".
inline std::string parameter_socket(const std::string& path) {
  const std::size_t name = path.rfind('/') + 1;
  return path.substr(0, name) + "homa.parameters-" + path.substr(name + kStatePrefix.size());
}

}  // namespace homa::trace
