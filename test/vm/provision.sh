#!/bin/bash
# Makes any Debian, as root, the machine that runt's tests want: packages, an ordinary user, delegation.
#
#   provision.sh [--with-npm]
#
# It serves both the QEMU guest (host/build-image runs it in a chroot) and Vagrant, so the two lanes test the same
# thing. Running it again changes nothing. --with-npm also installs Debian's nodejs and npm, for a machine where the
# project is to be built (the guest gets it built; the project's own Node comes with node_modules).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[ "$(id -u)" = 0 ] || { echo "provision.sh: must be root" >&2; exit 1; }

# No <(…) here: a chroot has no /dev/fd. Package names have no spaces.
packages=($(sed 's/#.*//' "$here/packages.txt"))
for arg in "$@"; do
  case $arg in
    --with-npm) packages+=(nodejs npm) ;;
    *) echo "provision.sh: unknown argument $arg" >&2; exit 2 ;;
  esac
done

missing=()
for p in "${packages[@]}"; do
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null || true)" = installed ] || missing+=("$p")
done
if [ ${#missing[@]} -gt 0 ]; then
  export DEBIAN_FRONTEND=noninteractive
  apt-get -o DPkg::Lock::Timeout=300 -qq update
  apt-get -o DPkg::Lock::Timeout=300 -qq install -y --no-install-recommends "${missing[@]}"
fi

# The user of the rootless tests. Debian's useradd also hands out the subordinate ids.
id alice >/dev/null 2>&1 || useradd --create-home --shell /bin/bash alice
grep -q '^alice:' /etc/subuid || usermod --add-subuids 200000-265535 alice
grep -q '^alice:' /etc/subgid || usermod --add-subgids 200000-265535 alice

# What `loginctl enable-linger alice` leaves behind; loginctl itself needs a running logind, a chroot has none.
mkdir -p /var/lib/systemd/linger
touch /var/lib/systemd/linger/alice

# systemd gives a user session only memory and pids unless told otherwise.
mkdir -p /etc/systemd/system/user@.service.d
printf '[Service]\nDelegate=cpu cpuset io memory pids\n' >/etc/systemd/system/user@.service.d/delegate.conf

# test/vm/run looks for this: a machine made by this script needs no guest, the tests run right in it.
touch /etc/runt-vm
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload
  loginctl enable-linger alice
fi
