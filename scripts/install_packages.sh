#!/usr/bin/env bash
# install_packages.sh [LIST...]: installs what packaging/debian-packages.txt and the LISTs name and
# this machine lacks; nothing else, and never removes or upgrades a package. ./check and ./demo
# start with it.
# Exit 0: everything is there. 1: something is missing; stderr says what and what to do.
set -euo pipefail
lists=("$(cd "$(dirname "$0")/.." && pwd)/packaging/debian-packages.txt" "$@")

missing() {
  sed -e 's/#.*//' -e 's/[[:space:]]//g' -e '/^$/d' "${lists[@]}" | while read -r package; do
    status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
    [[ $status == installed ]] || printf '%s ' "$package"
  done
}

if ! command -v dpkg-query >/dev/null; then
  echo "This is not Debian: see packaging/debian-packages.txt for what must be installed." >&2
  exit 1
fi
packages=$(missing)
[[ -n $packages ]] || exit 0
if [[ $(id -u) -ne 0 ]]; then
  echo "Missing packages, and not root. Please run: apt-get install $packages" >&2
  exit 1
fi
echo "Installing from Debian: $packages"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq </dev/null
# shellcheck disable=SC2086  # a list of words
apt-get install -y -qq --no-install-recommends --no-remove $packages </dev/null >/dev/null
