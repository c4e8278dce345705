# The first process of a room: furnishes it, says "ready", and keeps it until the end of its input.
# bash, because it reaps whatever becomes an orphan, as process 1 of a pid namespace has to.
# Arguments: the room's directory, and "cgroupfs" or "systemd".
set -eu
directory=$1 driver=$2
# What engines write to /etc and /var stays in the room.
for place in etc var; do
  mkdir "$directory/$place" "$directory/$place.work"
  mount -t overlay overlay -o "lowerdir=/$place,upperdir=$directory/$place,workdir=$directory/$place.work" "/$place"
done
mkdir -p /etc/containers
[ -e /etc/containers/policy.json ] || echo '{"default": [{"type": "insecureAcceptAnything"}]}' >/etc/containers/policy.json
mkdir "$directory/run"
mount -t tmpfs -o mode=755 tmpfs "$directory/run"
for place in systemd dbus; do
  [ "$driver" = systemd ] || continue
  mkdir "$directory/run/$place"
  mount --rbind "/run/$place" "$directory/run/$place"
done
# -n: mount(8) would note it in /run.
mount -n --move "$directory/run" /run
if [ "$driver" = cgroupfs ]; then
  # On a hybrid host too, engines find here a machine with nothing but cgroup v2. What they make lies below the room's
  # cgroup, whose own processes are in a leaf, as the kernel asks where controllers are handed on.
  umount --recursive /sys/fs/cgroup
  mount -t cgroup2 cgroup2 /sys/fs/cgroup
  echo 0 >/sys/fs/cgroup/engine/cgroup.procs
fi
ip link set lo up
echo ready
read -r _ || true
