#!/bin/bash
# SPDX-License-Identifier: MIT
# `certlatch status` is a table, an exit status for monitoring, JSON, and a file for Prometheus.
. "$(dirname "$0")/lib/lab.sh"

ca_start
host_up
mkdir -m 0777 /var/lib/metrics
printf '%s\n' '[worker]' 'metrics = /var/lib/metrics/certlatch.prom' >> $config
run certlatch status
expect_status 1
expect_says 'none yet' ' issue ' 'with the next run' 'example.test missing'
run certlatch renew
expect_status 0
run certlatch status
expect_status 0
expect_says 'CERTIFICATE' '[' '|' '] ' 'days left' 'example.test version 1' 'nginx loaded' ' renew'
if grep -q $'\x1b' $said_file; then fail 'there are colours where there is no terminal'; fi
run certlatch status --json
expect_status 0
echo "$said" | python3 -c '
import json, sys
one = json.load(sys.stdin)[0]
assert one["certificate"] == "example.test" and one["attention"] == [], one
assert one["installs"] == [{"entry": "example.test", "condition": "installed", "version": 1}], one
assert one["services"] == [{"service": "nginx", "condition": "loaded"}], one'
expect_equal 'what Prometheus may read' 644 "$(stat -c %a /var/lib/metrics/certlatch.prom)"
grep -q '^certlatch_openings_total 1$' /var/lib/metrics/certlatch.prom
grep -q '^certlatch_certificate_not_after_seconds{certificate="example.test"} ' /var/lib/metrics/certlatch.prom

/usr/lib/certlatch-tests/prometheus/usr/bin/promtool check metrics < /var/lib/metrics/certlatch.prom
# Whoever collects it never sees half of it: the file is another one each time, and whole.
place=$(stat -c %i /var/lib/metrics/certlatch.prom)
run certlatch renew --force
expect_status 0
expect_different 'the place of the metrics' "$place" "$(stat -c %i /var/lib/metrics/certlatch.prom)"
expect_equal 'what lies beside the metrics' certlatch.prom "$(ls -A /var/lib/metrics)"

# On a terminal of any width: no line is longer, and colours unless NO_COLOR says otherwise.
cat > $lab/terminal.py <<'PYTHON'
import fcntl, os, pty, re, struct, sys, termios
width, command = int(sys.argv[1]), sys.argv[2:]
main, worker = pty.openpty()
fcntl.ioctl(worker, termios.TIOCSWINSZ, struct.pack('HHHH', 24, width, 0, 0))
child = os.fork()
if child == 0:
    os.login_tty(worker) if hasattr(os, 'login_tty') else (os.setsid(), [os.dup2(worker, n) for n in (0, 1, 2)])
    os.execvp(command[0], command)
os.close(worker)
said = b''
while True:
    try:
        some = os.read(main, 65536)
    except OSError:
        break
    if not some:
        break
    said += some
os.waitpid(child, 0)
text = said.decode().replace('\r\n', '\n')
plain = re.sub('\x1b\\[[0-9;]*m', '', text)
widest = max(len(line) for line in plain.split('\n'))
print(widest, 'colours' if plain != text else 'plain')
print(plain)
PYTHON
for width in 60 80 200; do
  run python3 $lab/terminal.py $width "${as_worker_command[@]}" TERM=xterm $bin/certlatch status
  read -r widest colours <<< "$said"
  if [ "$widest" -gt $width ]; then fail "$widest columns where there are $width"; fi
  expect_equal "colours at $width columns" colours "$colours"
  expect_says 'example.test' 'nginx'
done
run python3 $lab/terminal.py 80 "${as_worker_command[@]}" TERM=xterm NO_COLOR=1 $bin/certlatch status
expect_says ' plain'

rm $pairs/example.test/live
run certlatch status
expect_status 1
expect_says 'repair' 'example.test: the installed pair was changed, replaced or removed' '1 of 1 certificate needs attention.'
broker_stop
run certlatch status
expect_status 3
expect_says 'What is installed and loaded is not known'
run certlatch status --offline
expect_status 0

# Out of the configuration: reported once, then deleted.
sed -i '/^\[certificate/,/^install/d' $config
run certlatch renew
expect_status 0
expect_says 'example.test: is no longer in the configuration; `certlatch delete example.test`'
run certlatch renew
expect_silent
run certlatch list
expect_says 'not in the configuration'
run certlatch list --json
expect_status 0
expect_says '"certificate": "example.test"' '"configured": false'
run certlatch --quiet list
expect_silent
run certlatch --quiet status
expect_silent
run certlatch delete example.test
expect_status 0
run certlatch status
expect_says 'The configuration has no certificate'
