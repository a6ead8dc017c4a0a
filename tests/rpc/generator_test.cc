// What protoc-gen-homa writes, and what it refuses.
#include "rpc/compiler/generator.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "rpc/compiler/names.h"

namespace homa::rpc::compiler {
namespace {

class Output : public google::protobuf::compiler::GeneratorContext {
 public:
  google::protobuf::io::ZeroCopyOutputStream* Open(const std::string& name) override {
    file = name;
    return new google::protobuf::io::StringOutputStream(&text);
  }
  std::string file, text;
};

std::string generated() {
  std::ifstream file(HOMA_GENERATED);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// A file with one service, whose method streams if `streams`.
const google::protobuf::FileDescriptor* build(google::protobuf::DescriptorPool& pool,
                                              bool streams) {
  google::protobuf::FileDescriptorProto file;
  file.set_name("folder/small.proto");
  auto* outer = file.add_message_type();
  outer->set_name("Outer");
  outer->add_nested_type()->set_name("Inner");
  auto* service = file.add_service();
  service->set_name("Small");
  auto* method = service->add_method();
  method->set_name("Do");
  method->set_input_type(".Outer.Inner");
  method->set_output_type(".Outer");
  method->set_server_streaming(streams);
  return pool.BuildFile(file);
}

TEST(Generator, NamesMethodsAndTheirOptions) {
  const std::string text = generated();
  for (const char* expected :
       {"namespace shop::eu {", "class Orders {", "kPlace{\"shop.eu.Orders/Place\", false}",
        "kCount{\"shop.eu.Orders/Count\", true}", "class Stub {", "PlaceAsync(",
        "class Service : public", "class CallbackService", "class CoroutineService",
        "const ::shop::eu::Order_Item& request"}) {
    EXPECT_NE(text.find(expected), std::string::npos) << expected;
  }
}

TEST(Generator, AFileWithoutPackageIsInNoNamespace) {
  google::protobuf::DescriptorPool pool;
  const auto* file = build(pool, false);
  ASSERT_NE(file, nullptr);
  Output output;
  std::string error;
  ASSERT_TRUE(Generator().Generate(file, "", &output, &error)) << error;
  EXPECT_EQ(output.file, "folder/small.homa.h");
  EXPECT_NE(output.text.find("#include \"folder/small.pb.h\""), std::string::npos);
  EXPECT_EQ(output.text.find("namespace"), std::string::npos);
  EXPECT_NE(output.text.find("kDo{\"Small/Do\", false}"), std::string::npos);
  EXPECT_EQ(class_of(*file->message_type(0)->nested_type(0)), "::Outer_Inner");
}

TEST(Generator, StreamsHaveTheSameFormEverywhere) {
  google::protobuf::DescriptorPool pool;
  Output output;
  std::string error;
  ASSERT_TRUE(Generator().Generate(build(pool, true), "", &output, &error)) << error;
  EXPECT_NE(output.text.find("response_stream<::Outer_Inner, ::Outer>"), std::string::npos);
  EXPECT_NE(output.text.find("stream.writes_done()"), std::string::npos);
}

TEST(Generator, SaysWhatItDoesNotTake) {
  google::protobuf::DescriptorPool pool;
  Output output;
  std::string error;
  EXPECT_FALSE(Generator().Generate(build(pool, false), "lite", &output, &error));
  EXPECT_NE(error.find("lite"), std::string::npos) << error;
}

}  // namespace
}  // namespace homa::rpc::compiler
