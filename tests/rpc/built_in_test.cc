// Health and reflection of a server that was told nothing about them.
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include "rpc/built_in.h"
#include "shop.h"

namespace homa::rpc {
namespace {

using homa::testing::loopback_config;
using homa::testing::open_host;
using testing::Shop;

class BuiltIn : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(server_.add(shop_));
    ASSERT_TRUE(server_.start());
  }
  Status check(const std::string& service, v1::HealthResponse& response) {
    ClientContext context;
    v1::HealthRequest request;
    request.set_service(service);
    return v1::Health::Stub(channel_).Check(context, request, &response);
  }

  Host host_ = open_host(loopback_config());
  Shop shop_;
  Server server_ = Server::open(host_, 4000).value();
  Channel channel_ = Channel::open(host_, SocketAddress{host_.address(), 4000}.to_string()).value();
};

TEST_F(BuiltIn, HealthIsOfEachServiceAndOfAll) {
  v1::HealthResponse response;
  EXPECT_TRUE(check("shop.eu.Orders", response).ok());
  EXPECT_TRUE(response.serving());
  EXPECT_TRUE(server_.set_serving("shop.eu.Orders", false));
  EXPECT_FALSE(server_.set_serving("shop.eu.Others", false));
  EXPECT_TRUE(check("shop.eu.Orders", response).ok());
  EXPECT_FALSE(response.serving());
  EXPECT_TRUE(check("", response).ok());
  EXPECT_FALSE(response.serving());
  EXPECT_TRUE(check("homa.rpc.v1.Health", response).ok());
  EXPECT_TRUE(response.serving());
  EXPECT_EQ(check("shop.eu.Others", response).code(), StatusCode::kNotFound);
}

TEST_F(BuiltIn, ReflectionTellsEnoughToBuildMessages) {
  v1::Reflection::Stub reflection(channel_);
  ClientContext first, second, third;
  v1::ListResponse methods;
  ASSERT_TRUE(reflection.List(first, v1::ListRequest(), &methods).ok());
  EXPECT_EQ(std::ranges::count(methods.methods(), "shop.eu.Orders/Place"), 1);
  EXPECT_EQ(methods.methods_size(), 9);
  v1::DescribeRequest request;
  v1::DescribeResponse files;
  request.set_service("shop.eu.Orders");
  ASSERT_TRUE(reflection.Describe(second, request, &files).ok());
  google::protobuf::DescriptorPool pool;
  for (const std::string& bytes : files.files()) {
    google::protobuf::FileDescriptorProto file;
    ASSERT_TRUE(file.ParseFromString(bytes));
    ASSERT_NE(pool.BuildFile(file), nullptr);
  }
  ASSERT_NE(pool.FindServiceByName("shop.eu.Orders"), nullptr);
  EXPECT_NE(pool.FindMessageTypeByName("shop.eu.Order.Item"), nullptr);
  request.set_service("google.protobuf.Any");
  EXPECT_EQ(reflection.Describe(third, request, &files).code(), StatusCode::kNotFound)
      << "only of services that the server has";
}

}  // namespace
}  // namespace homa::rpc
