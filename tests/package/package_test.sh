#!/usr/bin/env bash
# package_test.sh BUILD_FOLDER PREFIX LIBRARY: see CMakeLists.txt.
set -euo pipefail
build=$1 prefix=$2 library=$3
source=$(cd "$(dirname "$0")/consumer" && pwd)
rm -rf "$prefix"
cmake --install "$build" --prefix "$prefix" >/dev/null

echo "find_package"
cmake -S "$source" -B "$prefix/by_cmake" -G Ninja -DCMAKE_PREFIX_PATH="$prefix" >/dev/null
cmake --build "$prefix/by_cmake" >/dev/null
"$prefix/by_cmake/cpp_consumer"
"$prefix/by_cmake/c_consumer"

echo "pkg-config"
PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name homa.pc)")
export PKG_CONFIG_PATH
# shellcheck disable=SC2046  # lists of words
g++ -std=c++20 "$source/consumer.cc" $(pkg-config --cflags --libs homa) -o "$prefix/by_pkg_config"
LD_LIBRARY_PATH=$(pkg-config --variable=libdir homa) "$prefix/by_pkg_config"
[[ $("$prefix/bin/homa" --version) == "homa $(pkg-config --modversion homa) ("* ]]

echo "manuals, completions, licence, dissector"
for file in share/man/man1/homa.1 share/man/man1/homa-ping.1 share/man/man7/homa.7 \
  share/bash-completion/completions/homa share/zsh/site-functions/_homa share/doc/homa/LICENSE \
  share/homa/prometheus/homa.rules.yml share/homa/grafana/homa.json; do
  test -s "$prefix/$file"
done
test -s "$(pkg-config --variable=libdir homa)/wireshark/plugins/homa.lua"

echo "C11, pedantically"
printf '#include <homa/homa.h>\nint main(void) { return homa_strerror(0) == 0; }\n' >"$prefix/c11.c"
gcc -std=c11 -Wall -Wextra -Wpedantic -Werror -fsyntax-only -I"$prefix/include" "$prefix/c11.c"

echo "exported symbols"
classes='homa::(Host|Socket|Message|PreparedMessage|Address|SocketAddress)::.*'
async='homa::(AsyncSocket|async::Operation|async::StopOperation|EventLoop)::.*'
async+='|(vtable|typeinfo|typeinfo name) for '
async+='homa::EventLoop.*'
public="$async|homa_[a-z_]+|$classes|homa::to_string\(.*|HOMA_[0-9]+"
foreign=$(nm -D --defined-only --demangle "$library" | cut -d' ' -f3- |
  grep -vE "^($public)(@@?HOMA_[0-9]+)?\$" || true)
if [[ -n $foreign ]]; then
  echo "not part of the public interface, but exported:" >&2
  echo "$foreign" >&2
  exit 1
fi
readelf -d "$library" | grep -q 'SONAME.*libhoma\.so\.[0-9]'
