# shellcheck shell=bash
# Boots the guest and judges how it ended.
#
# Serial ports, in order: the console (kernel and systemd; kept in a file and shown when something goes wrong), the job's
# output (to our stdout), and its result, three lines that only a job which reached its end has written.
# Disks: one NVMe controller with the base image, the project and node_modules as namespaces 1, 2 and 3, all opened as
# snapshots, so that nothing the guest writes is kept.

# boot PROJECT-DISK ACCEL INIT LIMIT MODE
boot() {
  local project_disk=$1 accel=$2 init=$3 limit=$4 mode=$5 append reader qemu
  console=${RUNT_VM_CONSOLE:-$work/console.log} result=$work/result
  : >"$console"
  : >"$result"
  append="console=ttyS0 quiet loglevel=4 panic=-1 oops=panic root=/dev/nvme0n1 rootfstype=ext4 rootwait rw rootflags=noinit_itable"
  append+=" apparmor=1 security=apparmor mitigations=off init_on_alloc=0 nokaslr audit=0 rcupdate.rcu_expedited=1 random.trust_cpu=on"
  case $init in
    systemd) append+=" systemd.unified_cgroup_hierarchy=1 systemd.unit=runt-vm.target systemd.show_status=0" ;;
    none) append+=" init=/usr/local/lib/runt-vm/init" ;;
  esac
  # Without "enhanced rep movsb", kernel and libc copy memory by words and vectors: TCG does `rep movsb` byte by byte, which
  # makes copying five times slower.
  local cpu=max,-erms,-fsrm
  [ "$accel" != kvm ] || cpu=host
  local args=(
    -nodefaults -no-user-config -display none -no-reboot
    -accel "$([ "$accel" = kvm ] && echo kvm || echo tcg,thread=multi)" -cpu "$cpu"
    -smp "${RUNT_VM_CPUS:-2}" -m "${RUNT_VM_MEMORY:-3072}"
    -kernel "$image/vmlinuz" -append "$append"
    -device nvme,id=nvme0,serial=runt
    -drive "if=none,id=base,format=raw,snapshot=on,file=$image/root.ext4" -device nvme-ns,drive=base,nsid=1
    -drive "if=none,id=project,format=raw,snapshot=on,file=$project_disk" -device nvme-ns,drive=project,nsid=2
    -drive "if=none,id=modules,format=raw,snapshot=on,file=$modules" -device nvme-ns,drive=modules,nsid=3
    -serial "file:$console"
  )
  started=$(date +%s)
  if [ "$mode" = shell ]; then
    qemu-system-x86_64 "${args[@]}" -serial mon:stdio -serial "file:$result"
    ended=0
    return
  fi
  # A pipe of our own, because QEMU can open /dev/stdout again when it is a pipe, but not when it is a socket.
  mkfifo "$work/out.$accel"
  cat <"$work/out.$accel" &
  reader=$!
  timeout --foreground --kill-after=5 "$limit" \
    qemu-system-x86_64 "${args[@]}" -serial file:/dev/stdout -serial "file:$result" >"$work/out.$accel" </dev/null &
  qemu=$!
  trap 'kill $qemu; exit 130' INT TERM
  ended=0
  wait $qemu || ended=$?
  trap - INT TERM
  wait $reader
}

# Prints the summary line and exits as the job did.
verdict() {
  local code summary up
  code=$(sed -n 's/^exit \([0-9]*\)$/\1/p' "$result")
  summary=$(sed -n 's/^summary //p' "$result")
  up=$(sed -n 's/^up //p' "$result")
  if ! grep -qx end "$result"; then
    say "the guest's last words:"
    tail -n 60 "$console" >&2
    [ "$ended" != 124 ] || die "FAILED: the guest exceeded the time limit of $limit s"
    die "FAILED: the guest did not reach the end (QEMU ended with $ended)"
  fi
  if [ "$mode" = suite ]; then
    case $summary in
      "" | "0 passed"*) [ "$code" != 0 ] || code=125 ;; # a run that tested nothing has not passed
    esac
    echo "vm: ${summary:-no summary} (boot $up s, all $(($(date +%s) - started)) s, $accel, $init)"
  fi
  exit "${code:-125}"
}

# KVM is used only where a guest ran to its end with it: on many virtual machines /dev/kvm opens, and the guest then hangs.
# The answer is kept until the host boots again.
accelerator() {
  local seen=$cache/accel boot_id
  accel=${RUNT_VM_ACCEL:-}
  [ -z "$accel" ] || return 0
  accel=tcg
  [ -w /dev/kvm ] && grep -qwE 'vmx|svm' /proc/cpuinfo || return 0
  boot_id=$(cat /proc/sys/kernel/random/boot_id)
  if [ "$(cut -d' ' -f1 "$seen" 2>/dev/null)" = "$boot_id" ]; then
    accel=$(cut -d' ' -f2 "$seen")
    return
  fi
  project_disk "$work/probe.ext4" command true
  boot "$work/probe.ext4" kvm none 10 command 2>"$work/probe.log"
  if grep -qx 'exit 0' "$result"; then accel=kvm; else say "KVM does not work here, using software emulation"; fi
  rm "$work/probe.ext4"
  echo "$boot_id $accel" 2>/dev/null >"$seen" || true
}
