# shellcheck shell=bash
# What the host must have: QEMU, debootstrap and mke2fs. As root they are installed from Debian.

need_host_packages() {
  local pair missing=()
  for pair in qemu-system-x86_64:qemu-system-x86 debootstrap:debootstrap mke2fs:e2fsprogs flock:util-linux; do
    PATH=$PATH:/usr/sbin:/sbin command -v "${pair%:*}" >/dev/null || missing+=("${pair#*:}")
  done
  export PATH=$PATH:/usr/sbin:/sbin
  [ "$(uname -m)" = x86_64 ] || die "the guest is x86_64, this machine is $(uname -m)"
  [ ${#missing[@]} -gt 0 ] || return 0
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || die "missing: ${missing[*]} (as root on Debian they are installed)"
  say "installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  { apt-get -o DPkg::Lock::Timeout=300 -qq update &&
    apt-get -o DPkg::Lock::Timeout=300 -qq install -y --no-install-recommends "${missing[@]}"; } >"$work/apt.log" 2>&1 ||
    { tail -n 20 "$work/apt.log" >&2; die "apt-get install ${missing[*]} failed"; }
}
