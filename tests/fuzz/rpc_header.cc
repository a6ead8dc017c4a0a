// Any bytes give a header or an enumerated reason; what is in a header lies within the bytes, and
// is encoded to them again.
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "base/check.h"
#include "rpc/header.h"

namespace {

using homa::rpc::Metadata;

bool within(std::span<const std::byte> part, std::span<const std::byte> whole) {
  return part.empty() ||
         (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

void check_request(std::span<const std::byte> bytes) {
  const auto header = homa::rpc::parse_request(bytes);
  if (!header) {
    HOMA_CHECK(!homa::rpc::to_string(header.error()).empty());
    return;
  }
  HOMA_CHECK(within(header->metadata, bytes) && within(header->body, bytes));
  const Metadata metadata = homa::rpc::decode_metadata(header->metadata);
  HOMA_CHECK(metadata.encoded_bytes() == header->metadata.size());
  std::vector<std::byte> again(homa::rpc::request_bytes(header->kind, metadata));
  homa::rpc::write_request(again, *header, metadata);
  HOMA_CHECK(std::equal(again.begin(), again.end(), bytes.begin()));
}

void check_response(std::span<const std::byte> bytes) {
  const auto header = homa::rpc::parse_response(bytes);
  if (!header) {
    HOMA_CHECK(!homa::rpc::to_string(header.error()).empty());
    return;
  }
  HOMA_CHECK(within(header->metadata, bytes) && within(header->body, bytes));
  const Metadata metadata = homa::rpc::decode_metadata(header->metadata);
  homa::rpc::Status status(header->code, std::string(header->message),
                           std::string(header->details));
  status.set_executed(header->executed ? homa::Executed::kYes : homa::Executed::kNo);
  std::vector<std::byte> again(homa::rpc::response_bytes(status, metadata));
  homa::rpc::write_response(again, status, metadata, header->end_of_stream);
  HOMA_CHECK(std::equal(again.begin(), again.end(), bytes.begin()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  check_request(bytes);
  check_response(bytes);
  return 0;
}
