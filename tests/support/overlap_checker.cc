#include "support/overlap_checker.h"

namespace homa::test {

void OverlapChecker::on_received(VirtualNetwork&, HostIndex host, HostIndex source,
                                 std::span<const std::byte> packet, const core::RxOutcome&) {
  const auto data = wire::parse_data(packet);
  if (!wire::is_data(packet) || !data) return;
  core::MessageIn& message = messages_[{host, source, raw(data->common.sender_id)}];
  if (!message.started()) message.start(data->message_length);
  const std::uint32_t before = message.received();
  message.add({data->offset(), data->offset() + data->payload_length()});
  const std::uint32_t added = message.received() - before;
  if (added != 0 && added != data->payload_length()) ++overlaps_;
}

}  // namespace homa::test
