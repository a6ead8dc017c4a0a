// protoc-gen-homa: protoc --plugin=protoc-gen-homa=PATH --homa_out=FOLDER FILE.proto
#include <google/protobuf/compiler/plugin.h>

#include "rpc/compiler/generator.h"

int main(int argc, char** argv) {
  const homa::rpc::compiler::Generator generator;
  return google::protobuf::compiler::PluginMain(argc, argv, &generator);
}
