// Why a received packet was dropped: each reason, its counter and its words, declared once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace homa::trace {

// REASON(NAME, enumerator, counter, "word", "meaning of the counter"); NAME is handed through.
#define HOMA_DROP_REASONS(REASON, NAME)                                                           \
  REASON(NAME, kMalformed, dropped_malformed, "malformed", "packets dropped: not a Homa packet")  \
  REASON(NAME, kNoSuchPort, dropped_no_such_port, "no such port",                                 \
         "packets dropped: no socket on that port")                                               \
  REASON(NAME, kUnknownRpc, dropped_unknown_rpc, "unknown RPC", "packets dropped: no such RPC")   \
  REASON(NAME, kOtherIdentity, dropped_other_identity, "other identity",                          \
         "packets dropped: not from the host that they pretend to be from")                       \
  REASON(NAME, kFinished, dropped_finished, "finished", "requests dropped: they ran before")      \
  REASON(NAME, kDuplicate, dropped_duplicate, "duplicate", "DATA dropped: every byte was here")   \
  REASON(NAME, kMismatch, dropped_mismatch, "mismatch",                                           \
         "packets dropped: they contradict earlier ones")                                         \
  REASON(NAME, kTooLong, dropped_too_long, "too long", "requests dropped: longer than the limit") \
  REASON(NAME, kNoBuffer, dropped_no_buffer, "no buffer",                                         \
         "DATA dropped: no room in the receive region")                                           \
  REASON(NAME, kOverloaded, dropped_overloaded, "overloaded",                                     \
         "requests dropped: too many in progress")                                                \
  REASON(NAME, kDraining, dropped_draining, "draining",                                           \
         "requests dropped: their socket takes no new ones")                                      \
  REASON(NAME, kNotForClient, dropped_not_for_client, "not for a client",                         \
         "requests dropped: sent to a client's port")

enum class DropReason : std::uint8_t {
#define HOMA_DROP_REASON_ENUM(name, reason, counter, word, meaning) reason,
  HOMA_DROP_REASONS(HOMA_DROP_REASON_ENUM, )
#undef HOMA_DROP_REASON_ENUM
};

#define HOMA_DROP_REASON_COUNT(name, reason, counter, word, meaning) +1
inline constexpr std::size_t kDropReasons = 0 HOMA_DROP_REASONS(HOMA_DROP_REASON_COUNT, );
#undef HOMA_DROP_REASON_COUNT

std::string_view to_string(DropReason reason);

}  // namespace homa::trace
