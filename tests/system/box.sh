#!/bin/bash
# A box: the host's own systemd booted as PID 1 in throw-away namespaces over the host's root file system.
# Nothing is downloaded, nothing of the host is changed, and nothing is left when it goes down.
#
#   box.sh up DIR             boot; DIR (new, below a tmpfs or any disk) holds the box's state
#   box.sh run DIR CMD...     run a command as root inside
#   box.sh pid DIR            the host's number of the box's PID 1 (for nsenter and `ip link set netns`)
#   box.sh down DIR           kill it and remove everything
#
# With BOX_BIND=PATH a directory of the host appears at the same path inside. A box ends by itself after BOX_SECONDS
# (default 900), so that a killed test leaves nothing behind.
set -eu

action=${1:?usage: box.sh up|run|pid|down DIR [CMD...]}
dir=${2:?usage: box.sh up|run|pid|down DIR [CMD...]}
shift 2

# Where cgroup2 is mounted: alone, or beside the old controllers.
cgroups=/sys/fs/cgroup/unified
[ -d $cgroups ] || cgroups=/sys/fs/cgroup
group=$cgroups/box-$(basename "$dir")

members() { find "$group" -name cgroup.procs -exec cat {} + 2>/dev/null || :; }

# PID 1 is found by its number in the innermost namespace: the launcher has other children as well.
find_init() {
  local pid
  for pid in $(members); do
    [ "$(awk '/^NSpid:/ { print $NF }' "/proc/$pid/status" 2>/dev/null)" = 1 ] || continue
    [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = systemd ] || continue
    echo "$pid"
    return
  done
}

wait_until() { # TRIES COMMAND...: every 10 ms
  local tries=$1
  shift
  while [ "$tries" -gt 0 ]; do
    if "$@"; then return 0; fi
    sleep 0.01
    tries=$((tries - 1))
  done
  return 1
}

is_booted() {
  case $("$0" run "$dir" systemctl is-system-running 2>/dev/null) in
    running | degraded) return 0 ;;
    *) return 1 ;;
  esac
}

init_is_there() {
  local pid
  pid=$(find_init)
  [ -n "$pid" ] && echo "$pid" >"$dir/pid"
}

up() {
  mkdir "$dir" "$group"
  # The launcher joins the group before it unshares, so that the box sees its group as the root of the tree.
  BOX_DIR=$dir BOX_BIND=${BOX_BIND:-} setsid bash -c '
    echo $$ >"$1/cgroup.procs"
    exec timeout --foreground --signal KILL "$2" \
      unshare --mount --pid --fork --kill-child --net --uts --ipc --cgroup --propagation private \
      bash "$3" inside "$BOX_DIR"' launcher "$group" "${BOX_SECONDS:-900}" "$(readlink -f "$0")" \
    </dev/null >"$dir/console" 2>&1 &
  if ! wait_until 500 init_is_there || ! wait_until 1500 is_booted; then
    echo "the box did not boot:" >&2
    tail -n 20 "$dir/console" >&2
    "$0" down "$dir"
    return 1
  fi
}

# The first process of the new namespaces: builds the root and becomes systemd.
inside() {
  local root=$dir/root name
  mkdir -p "$dir/layer" "$root"
  mount -t tmpfs -o mode=755 layer "$dir/layer"
  mkdir "$dir/layer/upper" "$dir/layer/work"
  mount -t overlay -o "lowerdir=/,upperdir=$dir/layer/upper,workdir=$dir/layer/work" root "$root"
  mount -t proc -o nosuid,noexec,nodev proc "$root/proc"
  mount -t sysfs -o nosuid,noexec,nodev sysfs "$root/sys"
  mount -t cgroup2 -o nosuid,noexec,nodev cgroup2 "$root/sys/fs/cgroup"
  mount -o remount,ro,nosuid,noexec,nodev "$root/sys"
  mount -t tmpfs -o mode=755,nosuid dev "$root/dev"
  for name in null zero full random urandom tty; do
    mknod -m 666 "$root/dev/$name" c $((0x$(stat -c %t "/dev/$name"))) $((0x$(stat -c %T "/dev/$name")))
  done
  mkdir "$root/dev/pts" "$root/dev/shm"
  mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts "$root/dev/pts"
  ln -s pts/ptmx "$root/dev/ptmx"
  ln -s /proc/self/fd "$root/dev/fd"
  ln -s fd/0 "$root/dev/stdin"
  ln -s fd/1 "$root/dev/stdout"
  ln -s fd/2 "$root/dev/stderr"
  mount -t tmpfs -o mode=1777,nosuid,nodev shm "$root/dev/shm"
  mount -t tmpfs -o mode=755,nosuid,nodev run "$root/run"
  mount -t tmpfs -o mode=1777,nosuid,nodev tmp "$root/tmp"
  # What is not kept per namespace must not be written from inside: systemd-sysctl would change the host.
  for name in kernel vm fs; do
    mount --bind "$root/proc/sys/$name" "$root/proc/sys/$name"
    mount -o remount,bind,ro "$root/proc/sys/$name"
  done
  if [ -n "$BOX_BIND" ]; then
    mkdir -p "$root$BOX_BIND"
    mount --bind "$BOX_BIND" "$root$BOX_BIND"
  fi
  echo box >"$root/etc/hostname"
  hostname box
  : >"$root/etc/machine-id"
  # Whatever services the host's own image brings along have no business here; only the basic system boots.
  ln -sf /lib/systemd/system/multi-user.target "$root/etc/systemd/system/default.target"
  rm -rf "$root"/etc/systemd/system/*.wants
  for name in systemd-logind.service getty.target systemd-update-utmp.service systemd-update-utmp-runlevel.service \
    systemd-user-sessions.service sys-kernel-debug.mount sys-kernel-tracing.mount sys-fs-fuse-connections.mount \
    dev-hugepages.mount dev-mqueue.mount systemd-modules-load.service; do
    ln -sf /dev/null "$root/etc/systemd/system/$name"
  done
  cd "$root"
  mkdir .old
  pivot_root . .old
  umount -l /.old
  rmdir /.old
  ip link set lo up
  mount --make-rshared / # credentials of units need it, and systemd does not do it itself in a container
  exec env -i container=box PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
    /lib/systemd/systemd --system --show-status=no --log-target=journal
}

run() {
  exec nsenter --target "$(cat "$dir/pid")" --mount --pid --net --uts --ipc --cgroup --root --wd -- \
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 "$@"
}

is_empty() { [ -z "$(members)" ]; }

down() {
  local pid
  pid=$(find_init)
  # The death of a PID namespace's first process takes every other one, and its mounts, with it.
  [ -z "$pid" ] || kill -KILL "$pid"
  wait_until 1000 is_empty || kill -KILL $(members)
  wait_until 500 is_empty
  find "$group" -depth -type d -exec rmdir {} \;
  rm -rf --one-file-system "$dir"
}

case $action in
  up) up ;;
  inside) inside ;;
  run) run "$@" ;;
  pid) cat "$dir/pid" ;;
  down) down ;;
  *) echo "box.sh: unknown action '$action'" >&2; exit 2 ;;
esac
