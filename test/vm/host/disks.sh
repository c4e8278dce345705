# shellcheck shell=bash
# The guest's three disks. The base image and node_modules are cached by a hash of what goes into them; the project is
# packed anew for every run (it is small without node_modules). ext4 for all of them, written by `mke2fs -d` without a
# mount: under software emulation a compressed file system costs the guest more than the copying costs the host.

# in_cache KIND HASH COMMAND…: runs COMMAND DIR once, and prints the directory it filled.
in_cache() {
  local kind=$1 dir=$cache/$1-$2
  shift 2
  mkdir -p "$cache" 2>/dev/null && [ -w "$cache" ] || [ -d "$dir" ] || die "cannot write $cache: be root, or set RUNT_VM_CACHE"
  if [ ! -d "$dir" ]; then
    (
      flock 9 # two runs at once build it once
      [ ! -d "$dir" ] || exit 0
      rm -rf --one-file-system "$cache/$kind.tmp"
      mkdir "$cache/$kind.tmp"
      # `|| exit`: errexit is off where a caller tests our result.
      "$@" "$cache/$kind.tmp" || exit
      mv "$cache/$kind.tmp" "$dir" || exit
      # The newest two of a kind stay, so that going back and forth between two branches builds nothing.
      find "$cache" -maxdepth 1 -name "$kind-*" -printf '%T@ %p\n' | sort -rn | tail -n +3 | cut -d' ' -f2- |
        xargs -r rm -rf --one-file-system
    ) 9>"$cache/lock" >&2 || return
  fi
  echo "$dir"
}

base_image() {
  local hash
  hash=$(cd "$vm" && cat packages.txt provision.sh host/build-image guest/start guest/init guest/runt-vm.* guest/masked-units.txt |
    sha256sum | cut -c1-16)
  image=$(in_cache base "$hash" build_base) || die "building the base image failed, see $cache/base.log"
}

build_base() {
  [ "$(id -u)" = 0 ] || { say "building the base image needs root"; return 1; }
  say "building the base image (once, 1-2 minutes; log in $cache/base.log)"
  unshare --mount --pid --fork --propagation private "$vm/host/build-image" "$1" "$cache/debs" >"$cache/base.log" 2>&1 ||
    { tail -n 15 "$cache/base.log"; return 1; }
}

modules_disk() {
  local hash dir
  [ -d "$project/node_modules" ] || die "no node_modules: npm ci first"
  # Names, sizes and times tell whether it changed; .vite and the like are tools' own caches.
  hash=$(cd "$project/node_modules" && find . -path './.vite*' -prune -o -type f -printf '%P %s %T@\n' | sort | sha256sum | cut -c1-16)
  dir=$(in_cache modules "$hash" build_modules) || die "packing node_modules failed"
  modules=$dir/modules.ext4
}

build_modules() {
  ext4_of "$project/node_modules/" "$1/modules.ext4" 2G
}

# project_disk FILE MODE CMD…: the checkout without node_modules and .git, and the job beside it.
project_disk() {
  local file=$1 stage=$work/project
  mkdir "$stage"
  # The guest has no compiler.
  (cd "$project" && node_modules/.bin/node -e 'import("./test/support/probe.ts").then(({ probePath }) => probePath())') ||
    die "the tests' probe does not compile"
  # As root's and readable by all, whoever owns the checkout: alice must be able to run it.
  tar -C "$project" -c --exclude=./node_modules --exclude=./.git --owner=0 --group=0 --mode=a+rX . | tar -C "$stage" -xp
  mkdir "$stage/node_modules"
  {
    echo "mode=$2"
    shift 2
    printf 'job=('
    [ $# = 0 ] || printf '%q ' "$@"
    echo ')'
  } >"$stage/.vm-job"
  ext4_of "$stage" "$file" 2G
  rm -r "$stage"
}

ext4_of() {
  mke2fs -q -t ext4 -d "$1" -m 0 -O ^has_journal -E lazy_itable_init=1,nodiscard "$2" "$3" >/dev/null
}
