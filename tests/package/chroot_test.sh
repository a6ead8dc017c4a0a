#!/usr/bin/env bash
# chroot_test.sh SOURCE FOLDER: builds the Debian packages, installs them in a new Debian made by
# debootstrap, uses each of them there, and removes them. Exit 77: it cannot run here.
# HOMA_PACKAGES names a folder that scripts/build_packages made, to save the building.
# shellcheck disable=SC2016  # scripts in single quotes are for the new system
set -euo pipefail
source=$1 folder=$2
root=$folder/root packages=${HOMA_PACKAGES:-$folder/packages}
mirror=${HOMA_DEBIAN_MIRROR:-http://deb.debian.org/debian}
# shellcheck disable=SC1091
release=$(. /etc/os-release && echo "$VERSION_CODENAME")

skip() { echo "skipped: $*"; exit 77; }
step() { printf '[%2d:%02d] %s\n' $((SECONDS / 60)) $((SECONDS % 60)) "$*"; }

[[ -n ${HOMA_TEST_LONG:-} ]] || skip "takes ten minutes: ./check --long, or HOMA_TEST_LONG=1"
[[ $(id -u) == 0 ]] || skip "debootstrap needs root"
for program in debootstrap dpkg-buildpackage dh lintian doxygen sphinx-build unshare; do
  command -v "$program" >/dev/null || skip "$program is not installed"
done
mkdir -p "$folder"
/usr/lib/apt/apt-helper download-file "$mirror/dists/$release/Release" "$folder/Release" \
  >/dev/null 2>&1 || skip "$mirror does not answer"

# Runs a script in the new system. Its processes and mounts end with it.
inside() {
  unshare --mount --pid --fork --kill-child chroot "$root" /bin/bash -euo pipefail -c "
    mount -t proc proc /proc
    mount -t devpts devpts /dev/pts
    export DEBIAN_FRONTEND=noninteractive DEBCONF_NOWARNINGS=yes LC_ALL=C
    $1"
}

rm -rf "$root"
trap 'rm -rf "$root"' EXIT

if [[ -z ${HOMA_PACKAGES:-} ]]; then
  step "building packages"
  (cd "$source" && scripts/build_packages "$packages")
fi
step "a new Debian $release"
debootstrap --variant=minbase "$release" "$root" "$mirror" >"$folder/debootstrap.log" ||
  { tail -n 20 "$folder/debootstrap.log"; exit 1; }
mkdir "$root/packages" "$root/consumer"
cp "$packages"/*.deb "$root/packages"
cp "$source"/tests/package/consumer/* "$root/consumer"

step "installing"
inside '
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends cmake g++ make pkg-config tshark >/dev/null
  find /usr /etc | sort >/before
  apt-get install -y -qq --no-install-recommends /packages/*.deb >/dev/null
  dpkg --status libhoma0 libhoma-dev homa-tools homa-wireshark homa-doc >/dev/null'

step "the command, and Wireshark on what it sent"
inside '
  homa --version
  homa serve --json --address 127.0.0.1 --udp-port 0 4000 >/serve.json &
  for ((i = 0; i < 300; i++)); do grep -q ready /serve.json && break; sleep 0.1; done
  server=$(sed -n "s/.*\"address\":\"\([^\"]*\)\".*/\1/p" /serve.json | head -n 1)
  homa ping "$server" --address 127.0.0.1 --udp-port 0 --count 3 --interval 0 --size 5000 \
    --pcap /ping.pcap
  homa dump --json --udp-port "$(sed "s/.*%\([0-9]*\):.*/\1/" <<<"$server")" /ping.pcap >/dump
  packets=$(grep -c "\"carrier\":\"udp\"" /dump)
  seen=$(tshark -r /ping.pcap -Y homa 2>/dev/null | wc -l)
  echo "packets: $packets by homa dump, $seen by tshark"
  [[ $packets -gt 5 && $packets == "$seen" ]]
  [[ $(tshark -r /ping.pcap -Y homa.time 2>/dev/null | wc -l) == 3 ]]'

step "programs in C++ and C"
inside '
  cmake -S /consumer -B /built >/dev/null
  cmake --build /built >/dev/null
  /built/cpp_consumer
  /built/c_consumer
  g++ -std=c++20 /consumer/consumer.cc $(pkg-config --cflags --libs homa) -o /by_pkg_config
  /by_pkg_config'

step "pages, completions, documents, debug symbols"
inside '
  for page in homa homa-ping homa-serve homa-run homa-lab homa-dump homa-bench homa-sim \
    homa-demo homa-top homa-exporter homa-doctor homa-get homa-set; do
    test -s /usr/share/man/man1/$page.1.gz
  done
  test -s /usr/share/man/man7/homa.7.gz
  test -s /usr/share/bash-completion/completions/homa
  test -s /usr/share/zsh/vendor-completions/_homa
  test -s /usr/share/doc/homa-doc/html/index.html
  test -s /usr/share/doc/homa-doc/html/api/index.html
  for binary in /usr/bin/homa /usr/lib/*/libhoma.so.0; do
    id=$(readelf -n "$binary" | sed -n "s/.*Build ID: //p")
    test -s "/usr/lib/debug/.build-id/${id:0:2}/${id:2}.debug"
    [[ $(readelf -S --wide "$binary") != *.symtab* ]]
  done'

step "removing"
inside '
  apt-get purge -y -qq libhoma0 libhoma-dev homa-tools homa-wireshark homa-doc \
    libhoma0-dbgsym homa-tools-dbgsym >/dev/null
  apt-get autoremove --purge -y -qq >/dev/null
  find /usr /etc | sort >/after
  left=$(comm -13 /before /after | grep homa || true)
  [[ -z $left ]] || { echo "left behind: $left"; exit 1; }'
step "done"
