// A method of a service as generated code names it.
#pragma once

#include <cstdint>
#include <string_view>

namespace homa::rpc {

// What requests carry instead of the name: FNV-1a, 64 bits. A server refuses two methods of the
// same id, so a collision is noticed when the program starts.
constexpr std::uint64_t method_id(std::string_view name) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char letter : name) {
    hash ^= static_cast<std::uint8_t>(letter);
    hash *= 0x100000001b3;
  }
  return hash;
}

struct Method {
  // `its_name`: "package.Service/Method", a literal. `is_idempotent`: it may run twice, as the
  // option idempotency_level of the .proto file says.
  constexpr Method(std::string_view its_name, bool is_idempotent)
      : name(its_name), id(method_id(its_name)), idempotent(is_idempotent) {}

  std::string_view name;
  std::uint64_t id;
  bool idempotent;
};

}  // namespace homa::rpc
