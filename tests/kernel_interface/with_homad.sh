#!/usr/bin/env bash
# with_homad.sh HOMAD HOMA PROGRAM...: runs the program by `homa run` over a homad of its own.
# SANITIZER: a library that has to be the first of all that are preloaded. HOMAD_OPTION: one of
# homad's; sanitizers use system calls that its sandbox forbids.
set -euo pipefail
homad=$1 homa=$2
shift 2
folder=$(mktemp -d)
printf '[engine]\nudp_port = 0\n' >"$folder/homad.toml"
"$homad" --config "$folder/homad.toml" --socket "$folder/socket" ${HOMAD_OPTION:-} 2>"$folder/log" &
pid=$!
trap 'kill "$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true; rm -rf "$folder"' EXIT
for ((i = 0; i < 200; i++)); do
  [[ -S $folder/socket ]] && break
  sleep 0.05
done
status=0
LD_PRELOAD=${SANITIZER:-} "$homa" run --engine daemon --daemon "$folder/socket" \
  --transmit-memory 16777216 -- "$@" || status=$?
[[ $status == 0 ]] || cat "$folder/log"
exit "$status"
