#include "rpc/compiler/generator.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/io/printer.h>
#include <google/protobuf/io/zero_copy_stream.h>

#include <map>
#include <memory>
#include <string>

#include "rpc/compiler/names.h"

namespace homa::rpc::compiler {
namespace {

using google::protobuf::FileDescriptor;
using google::protobuf::MethodDescriptor;
using google::protobuf::MethodOptions;
using google::protobuf::ServiceDescriptor;
using google::protobuf::io::Printer;
using Variables = std::map<std::string, std::string>;

// One form in which a service can be written.
struct Form {
  const char* name;      // of the class
  const char* says;      // what its methods do
  const char* result;    // of a method
  const char* more;      // a further parameter
  const char* fallback;  // what a method does that is not overridden
  const char* handler;   // of homa/rpc/server.h
  const char* lambda;    // the further parameter of its function
  const char* argument;  // and its argument
};

constexpr Form kForms[] = {
    {"Service", "run in one of the server's threads until they return", "::homa::rpc::Status", "",
     "return $status$;", "synchronous", "", ""},
    {"CallbackService", "return at once; `done` is called once, by any thread", "void",
     ",\n      std::function<void(::homa::rpc::Status)> done", "done($status$);", "with_callback",
     ", auto done", ", std::move(done)"},
    {"CoroutineService", "are coroutines: they may wait without a thread",
     "::homa::Task<::homa::rpc::Status>", "", "co_return $status$;", "coroutine", "", ""},
};

Variables variables_of(const MethodDescriptor& method) {
  const bool idempotent =
      method.options().idempotency_level() != MethodOptions::IDEMPOTENCY_UNKNOWN;
  return {{"method", method.name()},
          {"full_name", method.service()->full_name() + "/" + method.name()},
          {"request", class_of(*method.input_type())},
          {"response", class_of(*method.output_type())},
          {"idempotent", idempotent ? "true" : "false"}};
}

bool has_streams(const MethodDescriptor& method) {
  return method.client_streaming() || method.server_streaming();
}

void print_stub_stream(Printer& printer, const MethodDescriptor& method) {
  Variables variables = variables_of(method);
  variables["type"] = "::homa::rpc::ClientStream<" + variables["request"] + ",\n        " +
                      variables["response"] + ">";
  if (method.client_streaming()) {
    printer.Print(variables,
                  "\n"
                  "    $type$ $method$(::homa::rpc::ClientContext& context) {\n"
                  "      return $type$(channel_->stream(k$method$, context));\n"
                  "    }\n");
    return;
  }
  printer.Print(variables,
                "\n"
                "    $type$ $method$(::homa::rpc::ClientContext& context,\n"
                "        const $request$& request) {\n"
                "      $type$ stream(channel_->stream(k$method$, context));\n"
                "      stream.write(request);\n"
                "      stream.writes_done();\n"
                "      return stream;\n"
                "    }\n");
}

void print_stub(Printer& printer, const ServiceDescriptor& service) {
  printer.Print(
      "  // Calls by a channel, which outlives the stub. Any thread.\n"
      "  class Stub {\n"
      "   public:\n"
      "    explicit Stub(::homa::rpc::Channel& channel) : channel_(&channel) {}\n");
  for (int i = 0; i < service.method_count(); ++i) {
    if (has_streams(*service.method(i))) {
      print_stub_stream(printer, *service.method(i));
      continue;
    }
    printer.Print(variables_of(*service.method(i)),
                  "\n"
                  "    ::homa::rpc::Status $method$(::homa::rpc::ClientContext& context,\n"
                  "        const $request$& request, $response$* response) {\n"
                  "      return channel_->call(k$method$, context, request, response);\n"
                  "    }\n"
                  "    void $method$(::homa::rpc::ClientContext& context,\n"
                  "        const $request$& request, $response$* response,\n"
                  "        ::homa::rpc::Channel::Done done) {\n"
                  "      channel_->call(k$method$, context, request, response, std::move(done));\n"
                  "    }\n"
                  "    ::homa::Task<::homa::rpc::Status> $method$Async(\n"
                  "        ::homa::rpc::ClientContext& context, const $request$& request,\n"
                  "        $response$* response) {\n"
                  "      return channel_->call_async(k$method$, context, request, response);\n"
                  "    }\n");
  }
  printer.Print(
      "\n"
      "   private:\n"
      "    ::homa::rpc::Channel* channel_;\n"
      "  };\n");
}

// How a handler with streams is declared and called, by what streams.
struct StreamForm {
  const char* parameters;
  const char* handler;
  const char* lambda;
  const char* arguments;
};

StreamForm stream_form(const MethodDescriptor& method) {
  if (!method.client_streaming()) {
    return {"const $request$& /*request*/,\n        $stream$& /*stream*/", "response_stream",
            "const auto& request, auto& stream", "request, stream"};
  }
  if (!method.server_streaming()) {
    return {"$stream$& /*stream*/,\n        $response$* /*response*/", "request_stream",
            "auto& stream, auto* response", "stream, response"};
  }
  return {"$stream$& /*stream*/", "streams", "auto& stream", "stream"};
}

Variables stream_variables(const MethodDescriptor& method) {
  Variables variables = variables_of(method);
  variables["stream"] =
      "::homa::rpc::ServerStream<" + variables["request"] + ", " + variables["response"] + ">";
  variables["handler"] = stream_form(method).handler;
  variables["lambda"] = stream_form(method).lambda;
  variables["arguments"] = stream_form(method).arguments;
  return variables;
}

void print_stream_method(Printer& printer, const MethodDescriptor& method) {
  const Variables variables = stream_variables(method);
  printer.Print(variables,
                "    // In a thread of its own.\n"
                "    virtual ::homa::rpc::Status $method$(\n"
                "        ::homa::rpc::ServerContext& /*context*/, ");
  printer.Print(variables, stream_form(method).parameters);
  printer.Print(variables,
                ") {\n"
                "      return ::homa::rpc::Status(::homa::rpc::StatusCode::kUnimplemented,\n"
                "          \"$full_name$ is not implemented\");\n"
                "    }\n");
}

void print_stream_handler(Printer& printer, const MethodDescriptor& method) {
  printer.Print(stream_variables(method),
                "          {k$method$, {}, ::homa::rpc::$handler$<$request$, $response$>(\n"
                "              [this](auto& context, $lambda$) {\n"
                "                return $method$(context, $arguments$);\n"
                "              })},\n");
}

void print_form(Printer& printer, const ServiceDescriptor& service, const Form& form) {
  printer.Print(
      "\n  // Methods $says$.\n  class $name$ : public ::homa::rpc::Service {\n   public:\n",
      "says", form.says, "name", form.name);
  for (int i = 0; i < service.method_count(); ++i) {
    if (has_streams(*service.method(i))) {
      print_stream_method(printer, *service.method(i));
      continue;
    }
    Variables variables = variables_of(*service.method(i));
    variables["result"] = form.result;
    variables["more"] = form.more;
    variables["status"] =
        "::homa::rpc::Status(::homa::rpc::StatusCode::kUnimplemented,\n"
        "          \"" +
        variables["full_name"] + " is not implemented\")";
    printer.Print(variables,
                  "    virtual $result$ $method$(::homa::rpc::ServerContext& /*context*/,\n"
                  "        const $request$& /*request*/, $response$* /*response*/$more$) {\n"
                  "      ");
    printer.Print(variables, form.fallback);
    printer.Print("\n    }\n");
  }
  printer.Print("\n    std::vector<::homa::rpc::Handler> handlers() final {\n      return {\n");
  for (int i = 0; i < service.method_count(); ++i) {
    if (has_streams(*service.method(i))) {
      print_stream_handler(printer, *service.method(i));
      continue;
    }
    Variables variables = variables_of(*service.method(i));
    variables["handler"] = form.handler;
    variables["lambda"] = form.lambda;
    variables["argument"] = form.argument;
    printer.Print(variables,
                  "          {k$method$, ::homa::rpc::$handler$<$request$, $response$>(\n"
                  "              [this](auto& context, const auto& request, auto* response"
                  "$lambda$) {\n"
                  "                return $method$(context, request, response$argument$);\n"
                  "              })},\n");
  }
  printer.Print("      };\n    }\n  };\n");
}

void print_service(Printer& printer, const ServiceDescriptor& service) {
  printer.Print("\nclass $name$ {\n public:\n", "name", service.name());
  for (int i = 0; i < service.method_count(); ++i) {
    printer.Print(variables_of(*service.method(i)),
                  "  static constexpr ::homa::rpc::Method k$method${\"$full_name$\", "
                  "$idempotent$};\n");
  }
  printer.Print("\n");
  print_stub(printer, service);
  for (const Form& form : kForms) print_form(printer, service, form);
  printer.Print("};\n");
}

}  // namespace

bool Generator::Generate(const FileDescriptor* file, const std::string& parameter,
                         google::protobuf::compiler::GeneratorContext* context,
                         std::string* error) const {
  if (!parameter.empty()) {
    *error = "protoc-gen-homa takes no parameter, not \"" + parameter + "\"";
    return false;
  }
  const std::string base = without_extension(file->name());
  const std::unique_ptr<google::protobuf::io::ZeroCopyOutputStream> out(
      context->Open(base + ".homa.h"));
  Printer printer(out.get(), '$');
  printer.Print(
      "// Generated by protoc-gen-homa from $file$. Do not edit.\n"
      "#pragma once\n\n"
      "#include <homa/rpc/channel.h>\n"
      "#include <homa/rpc/server.h>\n\n"
      "#include <functional>\n"
      "#include <utility>\n"
      "#include <vector>\n\n"
      "#include \"$base$.pb.h\"\n",
      "file", file->name(), "base", base);
  const std::string space = namespace_of(*file);
  if (!space.empty()) printer.Print("\nnamespace $space$ {\n", "space", space);
  for (int i = 0; i < file->service_count(); ++i) print_service(printer, *file->service(i));
  if (!space.empty()) printer.Print("\n}  // namespace $space$\n", "space", space);
  return true;
}

}  // namespace homa::rpc::compiler
