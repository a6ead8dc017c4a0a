#include "tools/call/command.h"

#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "homa/host.h"
#include "homa/rpc/channel.h"
#include "services.homa.h"
#include "tools/call/dynamic.h"
#include "tools/options/host_options.h"
#include "tools/options/quantity_option.h"

namespace homa::tools {
namespace {

constexpr const char* kName = "homa call";

struct Settings {
  HostOptions host;
  std::string target;
  std::string method;
  std::string request = "{}";
  Duration timeout = std::chrono::seconds(5);
  std::vector<std::string> metadata;  // "key=value"
  bool list = false;
};

int fail(const std::string& text) {
  fmt::print(stderr, "{}: {}\n", kName, text);
  return kFailure;
}

int fail(const rpc::Status& status) {
  return fail(fmt::format("{}: {}", to_string(status.code()), status.message()));
}

int list_methods(rpc::Channel& channel, const Settings& settings) {
  rpc::ClientContext context;
  context.set_timeout(settings.timeout);
  rpc::v1::ListResponse response;
  const auto status = rpc::v1::Reflection::Stub(channel).List(context, {}, &response);
  if (!status.ok()) return fail(status);
  for (const std::string& method : response.methods()) fmt::print("{}\n", method);
  return kSuccess;
}

int call_method(rpc::Channel& channel, const Settings& settings) {
  rpc::ClientContext describing, calling;
  describing.set_timeout(settings.timeout);
  rpc::v1::DescribeRequest question;
  question.set_service(settings.method.substr(0, settings.method.find('/')));
  rpc::v1::DescribeResponse files;
  rpc::Status status = rpc::v1::Reflection::Stub(channel).Describe(describing, question, &files);
  if (!status.ok()) return fail(status);
  Descriptions descriptions;
  for (const std::string& file : files.files()) {
    if (const auto added = descriptions.add(file); !added) return fail(added.error());
  }
  const auto* method = descriptions.method(settings.method);
  if (method == nullptr) return fail("the server has no method " + settings.method);
  const auto request = descriptions.from_json(*method->input_type(), settings.request);
  if (!request) return fail("the request: " + request.error());
  calling.set_timeout(settings.timeout);
  for (const std::string& pair : settings.metadata) {
    const std::size_t equals = pair.find('=');
    if (equals == std::string::npos ||
        !calling.metadata().add(pair.substr(0, equals), pair.substr(equals + 1))) {
      return fail("--metadata is KEY=VALUE, not " + pair);
    }
  }
  const auto response = descriptions.empty(*method->output_type());
  const rpc::Method called(settings.method, false);
  status = channel.call(called, calling, **request, response.get());
  if (!status.ok()) return fail(status);
  for (const auto& [key, value] : calling.response_metadata().entries()) {
    fmt::print(stderr, "{}: {}\n", key, value);
  }
  fmt::print("{}", Descriptions::to_json(*response));
  return kSuccess;
}

int run_call(const Settings& settings) {
  if (settings.list != settings.method.empty()) {
    fmt::print(stderr, "{}: either a method or --list\n", kName);
    return kUsage;
  }
  auto host = Host::open(settings.host.host_config());
  if (!host) return fail(host.error().text);
  auto channel = rpc::Channel::open(*host, settings.target);
  if (!channel) return fail(channel.error().text);
  return settings.list ? list_methods(*channel, settings) : call_method(*channel, settings);
}

}  // namespace

void add_call_command(CLI::App& app, Run& run) {
  using std::chrono_literals::operator""h;
  using std::chrono_literals::operator""ms;
  const auto settings = std::make_shared<Settings>();
  CLI::App* command = app.add_subcommand("call", "Call a method of a homa::rpc service, with JSON");
  command
      ->add_option("target", settings->target,
                   "HOST:PORT, list:HOST:PORT,..., dns:///NAME:PORT or file:///PATH")
      ->required();
  command->add_option("method", settings->method, "package.Service/Method");
  command->add_option("request", settings->request, "the request message as JSON")
      ->capture_default_str();
  command->add_flag("--list", settings->list, "print the methods that the server has");
  command->add_option("--metadata", settings->metadata, "KEY=VALUE, sent with the request");
  add_duration(*command, "--timeout,-W", settings->timeout, {1ms, 1h},
               "to wait for the response; a bare number is seconds");
  command->footer(
      "  homa call 10.0.0.2:4000 --list\n"
      "  homa call 10.0.0.2:4000 shop.Orders/Place '{\"item\": \"apple\", \"count\": 3}'\n"
      "The response is printed as JSON, its metadata on standard error.");
  settings->host.use_any_udp_port();
  settings->host.add_to(*command);
  command->callback([settings, &run] { run = [settings] { return run_call(*settings); }; });
}

}  // namespace homa::tools
