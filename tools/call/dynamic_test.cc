#include "tools/call/dynamic.h"

#include <google/protobuf/descriptor.pb.h>
#include <gtest/gtest.h>

namespace homa::tools {
namespace {

std::string description() {
  google::protobuf::FileDescriptorProto file;
  file.set_name("small.proto");
  file.set_package("small");
  file.set_syntax("proto3");
  auto* message = file.add_message_type();
  message->set_name("Text");
  auto* field = message->add_field();
  field->set_name("content");
  field->set_number(1);
  field->set_type(google::protobuf::FieldDescriptorProto::TYPE_STRING);
  field->set_label(google::protobuf::FieldDescriptorProto::LABEL_OPTIONAL);
  auto* service = file.add_service();
  service->set_name("Echo");
  auto* method = service->add_method();
  method->set_name("Say");
  method->set_input_type(".small.Text");
  method->set_output_type(".small.Text");
  return file.SerializeAsString();
}

TEST(Descriptions, TurnJsonIntoMessagesAndBack) {
  Descriptions descriptions;
  ASSERT_TRUE(descriptions.add(description()));
  ASSERT_TRUE(descriptions.add(description())) << "once more";
  const auto* method = descriptions.method("small.Echo/Say");
  ASSERT_NE(method, nullptr);
  EXPECT_EQ(descriptions.method("small.Echo/Other"), nullptr);
  auto message = descriptions.from_json(*method->input_type(), R"({"content": "hello"})");
  ASSERT_TRUE(message) << message.error();
  EXPECT_NE(Descriptions::to_json(**message).find("\"content\": \"hello\""), std::string::npos);
  EXPECT_FALSE(descriptions.from_json(*method->input_type(), R"({"no_such_field": 1})"));
  EXPECT_FALSE(descriptions.from_json(*method->input_type(), "nonsense"));
}

TEST(Descriptions, WrongOnesAreErrors) {
  Descriptions descriptions;
  EXPECT_FALSE(descriptions.add("\xff\xff"));
  google::protobuf::FileDescriptorProto file;
  file.set_name("wrong.proto");
  file.add_dependency("absent.proto");
  const auto added = descriptions.add(file.SerializeAsString());
  ASSERT_FALSE(added);
  EXPECT_NE(added.error().find("absent.proto"), std::string::npos) << added.error();
}

}  // namespace
}  // namespace homa::tools
