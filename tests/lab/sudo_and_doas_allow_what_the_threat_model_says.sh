#!/bin/bash
# SPDX-License-Identifier: MIT
# The rules for sudo and doas that docs/threat-model.md shows, as they stand there, and the attacks that it says were tried
# with them: each of the two programs allows them all. Prints what was tried, with which versions.
. "$(dirname "$0")/lib/lab.sh"

document=$lab_tree/docs/threat-model.md
unpacked=/usr/lib/certlatch-tests
# Where sudo looks for its plugin, beside what is there.
mkdir -p $lab/libexec /usr/libexec
mount --bind /usr/libexec $lab/libexec
mount -t tmpfs -o mode=755 lab /usr/libexec
for place in "$lab"/libexec/*; do ln -s "$place" /usr/libexec/; done
rm -f /usr/libexec/sudo
cp -r $unpacked/sudo/usr/libexec/sudo /usr/libexec/sudo
for program in sudo doas; do
  package=$unpacked/${program/doas/opendoas}
  install -m 4755 "$package/usr/bin/$program" /usr/local/bin/$program
  cp "$package/etc/pam.d/$program" /etc/pam.d/$program
done
grep -E '^    certlatch ALL=' "$document" | sed 's/^ *//' > /etc/sudoers
grep -E '^    permit ' "$document" | sed 's/^ *//' > /etc/doas.conf
chown root:root /etc/sudoers /etc/doas.conf
chmod 0440 /etc/sudoers /etc/doas.conf
[ "$(wc -l < /etc/sudoers) $(wc -l < /etc/doas.conf)" = '5 6' ] || fail 'the document shows other rules'

echo "127.0.0.1 $(hostname)" >> /etc/hosts  # sudo asks

mkdir -p $pairs/example.org
ruleset_before=$(nft -s list ruleset)
# As the worker's user, by a login, and with nothing taken from it that cron would leave.
attacker() { setpriv --reuid certlatch --regid certlatch --init-groups env -i PATH=/usr/local/bin:/usr/bin:/bin "$@"; }
restore() { nft flush ruleset && nft -f - <<< "$ruleset_before"; }
insert='/usr/sbin/nft insert rule inet filter input tcp dport 80 accept'
is_open() { [ "$(port 80 4 300)" = refused ]; }  # by the host itself: nothing listens there

# nft wants a rule that exists, which is guessed.
flush_by_sudo() {
  for handle in {1..30}; do
    if attacker sudo -n /usr/sbin/nft delete rule inet filter input handle "$handle" ';' flush ruleset; then return 0; fi
  done 2> $lab/log/run
  return 1
}
flush_by_doas() { attacker doas -n /usr/sbin/nft flush ruleset; }

for program in sudo doas; do
  expect_equal 'port 80 at first' dropped "$(port 80 4 300)"
  # The rules let a script do its work ...
  run attacker $program -n $insert
  expect_status 0
  # ... and nothing else: or there would be nothing to show.
  run attacker $program -n /usr/bin/id
  expect_status 1

  is_open || fail "$program does not let the script open the port"
  restore
  attacker bash -c "$program -n $insert && kill -KILL \$\$" 2> $lab/log/run || true
  is_open || fail 'a killed script has left the port shut'
  echo "$program: the port stays open when the script is killed"

  ln -sfn /etc/shadow $worker_state/privkey.pem
  chown -h certlatch $worker_state/privkey.pem
  run attacker $program -n /usr/bin/install -m 0640 -g ssl-cert $worker_state/privkey.pem $pairs/example.org/privkey.pem
  expect_status 0
  cmp /etc/shadow $pairs/example.org/privkey.pem
  expect_equal 'who may read it' 'root ssl-cert 640' "$(stat -c '%U %G %a' $pairs/example.org/privkey.pem)"
  echo "$program: /etc/shadow is copied to where the group ssl-cert may read it"

  flush_by_$program
  expect_equal 'what is left of the firewall' '' "$(nft list ruleset)"
  echo "$program: the firewall is gone"
  restore
  rm $pairs/example.org/privkey.pem
done

versions="sudo $(attacker sudo -V | sed -n 's/^Sudo version \([0-9.]*\).*/\1/p') and doas"
versions+=" $(zcat $unpacked/opendoas/usr/share/doc/opendoas/changelog.Debian.gz | sed -n '1s/.*(\([0-9.]*\).*/\1/p')"
size=$(stat -Lc %s /usr/local/bin/sudo /usr/libexec/sudo/sudoers.so | awk '{ sum += $1 } END { printf "%.1f MB", sum / 1e6 }')
echo "$versions of Debian; sudo and its plugin: $size"
for said in "$versions" "a set-uid program and its plugin, $size"; do
  grep -qF "$said" "$document" || fail "the document does not say: $said"
done
