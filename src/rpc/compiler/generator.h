// Writes NAME.homa.h for NAME.proto: for each service a stub for clients, and bases for servers in
// synchronous, callback and coroutine form (docs/rpc.md#generated-code).
#pragma once

#include <google/protobuf/compiler/code_generator.h>

#include <cstdint>
#include <string>

namespace homa::rpc::compiler {

class Generator : public google::protobuf::compiler::CodeGenerator {
 public:
  // False: `error` says what is wrong with the file, or with the parameter, of which there is none.
  bool Generate(const google::protobuf::FileDescriptor* file, const std::string& parameter,
                google::protobuf::compiler::GeneratorContext* context,
                std::string* error) const override;
  std::uint64_t GetSupportedFeatures() const override { return FEATURE_PROTO3_OPTIONAL; }
};

}  // namespace homa::rpc::compiler
