// The C library's functions behind those that this library puts in front of them.
#pragma once

#include <dlfcn.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>

namespace homa::preload {

// `Function`: the type of the function, decltype(::read). Looked up at the first call, which may
// come before any constructor has run.
template <typename Function>
class Real {
 public:
  constexpr explicit Real(const char* name) : name_(name) {}

  Function* get() {
    Function* function = function_.load(std::memory_order_relaxed);
    return __builtin_expect(function != nullptr, true) ? function : look_up();
  }
  template <typename... Arguments>
  auto operator()(Arguments... arguments) {
    return get()(arguments...);
  }

 private:
  [[gnu::cold]] Function* look_up() {
    auto* const found = reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name_));
    if (found == nullptr) {
      std::fprintf(stderr, "homa: the C library has no %s()\n", name_);
      std::abort();
    }
    function_.store(found, std::memory_order_relaxed);
    return found;
  }

  const char* name_;
  std::atomic<Function*> function_{nullptr};
};

}  // namespace homa::preload
