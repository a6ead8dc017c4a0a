#!/usr/bin/env bash
# versions_test.sh SOURCE FOLDER COMMAND: builds the command of the previous release in FOLDER, and
# lets each of the two call the other. Exit 77: it cannot run here.
# Root is needed, for a network namespace. HOMA_PREVIOUS_COMMAND names a command that was built
# before, to save the building.
set -euo pipefail
source=$1 folder=$2 new=$3
commit=$(<"$(dirname "$0")/previous-release")

skip() { echo "skipped: $*"; exit 77; }

[[ -n ${HOMA_TEST_LONG:-} ]] || skip "builds an earlier commit: ./check --long, or HOMA_TEST_LONG=1"
[[ $(id -u) == 0 ]] || skip "a network namespace needs root"
old=${HOMA_PREVIOUS_COMMAND:-$folder/build/release/bin/homa}
if [[ -z ${HOMA_PREVIOUS_COMMAND:-} ]]; then
  git -C "$source" cat-file -e "$commit^{commit}" 2>/dev/null ||
    skip "this clone does not reach back to commit $commit"
  rm -rf "$folder"
  mkdir -p "$folder"
  git -C "$source" archive "$commit" | tar -x -C "$folder"
  (cd "$folder" && cmake --preset release -DHOMA_TESTS=OFF -DHOMA_EXAMPLES=OFF >/dev/null &&
    cmake --build --preset release >build.log) || { tail -n 30 "$folder/build.log"; exit 1; }
fi

# A network of its own, so that both ends have the default UDP port to themselves.
mkdir -p "$folder"
export folder old new
unshare --net bash -euo pipefail <<'END'
ip link set lo up
server=
trap '[[ -z $server ]] || kill "$server" 2>/dev/null || true' EXIT

# talk NAME SERVER CLIENT: short and long messages from CLIENT to SERVER.
talk() {
  "$2" serve --json --address 127.0.0.1 4711 >"$folder/serve.json" &
  server=$!
  for ((i = 0; i < 300; i++)); do
    grep -q ready "$folder/serve.json" && break
    kill -0 "$server" || { echo "$1: the server ended"; exit 1; }
    sleep 0.1
  done
  for bytes in 100 30000 900000; do
    if ! "$3" ping 127.0.0.1:4711 --address 127.0.0.1 --udp-port 0 --count 20 --interval 0.01 \
      --size "$bytes" >"$folder/ping.txt"; then
      echo "$1: not all of 20 requests of $bytes bytes were answered"
      cat "$folder/ping.txt"
      exit 1
    fi
    echo "$1: 20 of 20 requests of $bytes bytes were answered"
  done
  kill -INT "$server"
  wait "$server"
  server=
}

talk "previous server, new client" "$old" "$new"
talk "new server, previous client" "$new" "$old"
END
