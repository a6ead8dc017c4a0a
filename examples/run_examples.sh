#!/usr/bin/env bash
# Runs the examples against each other over loopback: run_examples.sh FOLDER_OF_THE_PROGRAMS
#   [PYTHON ORDER_CLIENT.PY FOLDER_OF_THE_MODULE LIBHOMA]
set -euo pipefail
cd "$1"
address=127.0.81.1  # other tests use other addresses of the loopback network
log=$(mktemp)
./kv_server $address >"$log" &
server=$!
trap 'kill $server; wait $server 2>/dev/null || true; rm -f "$log"' EXIT
for _ in $(seq 100); do
  grep -q serving "$log" && break
  sleep 0.05
done

expect() {  # expect OUTPUT COMMAND...
  local expected=$1 actual
  shift
  actual=$("$@")
  if [[ $actual != "$expected" ]]; then
    echo "$*: \"$actual\" instead of \"$expected\"" >&2
    exit 1
  fi
}

expect created ./kv_client $address:4000 put city New York
expect replaced ./kv_client $address:4000 put city Paris
expect Paris ./kv_client $address:4000 get city
expect Paris ./client $address:4000 "get city"
expect deleted ./client $address:4000 "delete city"
expect "no such key" ./kv_client $address:4000 get city
expect "$(printf 'response %d\n' 1 2 3)" ./epoll_loop 3
# Coroutines: three answers in the order of their times, and SIGTERM while one is awaited.
coroutines=127.0.81.2
./coroutine_server $coroutines >"$log" &
second=$!
trap 'kill $server $second 2>/dev/null; wait 2>/dev/null || true; rm -f "$log"' EXIT
for _ in $(seq 100); do
  grep -q serving "$log" && break
  sleep 0.05
done
expect "$(printf 'now\nsleep 1\nsleep 700')" \
  ./asio_client $coroutines:4000 "sleep 700" now "sleep 1"
./asio_client $coroutines:4000 "sleep 800" >"$log.last" &
last=$!
sleep 0.3
kill -TERM $second
if ./client $coroutines:4000 hello 2>"$log.refused"; then
  echo "coroutine_server: it took a request while it drained" >&2
  exit 1
fi
grep -q "call another server" "$log.refused"
wait $last $second
[[ $(cat "$log.last") == "sleep 800" ]]
rm -f "$log.last" "$log.refused"

# Services: two servers, of which one is drained.
if [[ -x order_server ]]; then
  orders=127.0.81.3 others=127.0.81.4
  for server_address in $orders $others; do
    ./order_server $server_address >"$log.$server_address" &
    services+=($!)
  done
  trap 'kill $server "${services[@]}" 2>/dev/null; wait 2>/dev/null || true; rm -f "$log"*' EXIT
  for _ in $(seq 300); do
    grep -q serving "$log.$orders" && grep -q serving "$log.$others" && break
    sleep 0.05
  done
  expect "order 1: 75 cents" ./order_client $orders:4000 place apple 3
  expect "3 apple" ./order_client $orders:4000 find 1
  if [[ -n ${2:-} ]]; then  # the same client in Python, with the Python that has what it needs
    protoc --proto_path="$(dirname "$3")" --descriptor_set_out="$log.descriptors" order.proto
    expect "3 apple" env PYTHONPATH="$4" HOMA_LIBRARY="$5" "$2" "$3" $orders:4000 \
      "$log.descriptors" find 1
  fi
  if ./order_client $orders:4000 place apple 0 2>"$log.refused"; then exit 1; fi
  grep -q "INVALID_ARGUMENT: an order of nothing" "$log.refused"
  kill -TERM "${services[0]}"
  wait "${services[0]}"
  grep -q "shop.Orders/Place: 2 calls, 1 failed" "$log.$orders"
  expect "order 1: 50 cents" ./order_client "list:$orders:4000,$others:4000" place pear 2
  room=127.0.81.5
  ./chat serve $room >"$log.$room" &
  services+=($!)
  for _ in $(seq 300); do
    grep -q serving "$log.$room" && break
    sleep 0.05
  done
  expect "$(printf 'anna: hello\nanna: bye')" ./chat join $room:4000 anna < <(printf 'hello\nbye\n')
fi

if ./client $address:4001 hello 2>/dev/null; then
  echo "client: a port without a socket answered" >&2
  exit 1
fi
echo "examples: all as expected"
