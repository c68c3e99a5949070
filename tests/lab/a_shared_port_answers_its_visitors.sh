#!/bin/bash
# SPDX-License-Identifier: MIT
# `share = yes` on a host whose web server has port 80: visitors who come during the lease are sent to its HTTPS, to the
# same place and with the same method; those who were there before are undisturbed, and so is everyone afterwards.
#
# Why they are not passed on to port 80: a relay makes each of them a visitor from the host itself, and shows them what
# the server keeps for those. The test has both.
. "$(dirname "$0")/lib/lab.sh"

visit() { outside curl -s --noproxy '*' -m 5 --cacert $pairs/example.test/0/fullchain.pem \
  --resolve "example.test:80:$host4" --resolve "example.test:443:$host4" "$@"; }
visit6() { outside curl -s --noproxy '*' -m 5 "$@" "http://[$host6]/a"; }
status_of() { visit -o /dev/null -w '%{http_code} %{redirect_url}' "$@"; }

https_is_refused() { ! "$door" probe 127.0.0.1 443 > /dev/null; }

ca_start
write_policy
sed -i 's/^at most .*/&\nshare = yes/' $policy
write_config
nft add rule inet filter input tcp dport 80 accept
nginx_start
head -c 300000 /dev/zero > $lab/large
{
  sed '$d' /etc/nginx/nginx.conf
  cat <<NGINX
  server { listen 80; listen [::]:80; server_name _;
    location / { return 200 "plain \$request_method \$request_uri"; }
    location /local { allow 127.0.0.0/8; allow $host4; allow ::1; deny all; alias /etc/hostname; }
    location /large { limit_rate 40k; alias $lab/large; }
  }
}
NGINX
} > $lab/nginx.conf
# The same on both: HTTPS says what it was asked.
sed -i 's#return 200 "hello from[^;]*;#location /local { allow 127.0.0.0/8; allow ::1; deny all; alias /etc/hostname; } location / { return 200 "safe $request_method $request_uri"; }#' \
  $lab/nginx.conf
cp $lab/nginx.conf /etc/nginx/nginx.conf
/usr/sbin/nginx -s reload 2> /dev/null
broker_start
wait_until 'nginx on port 80' outside "$door" probe $host4 80
ca_looks_away
before=$(ruleset)
expect_equal 'a visitor before the lease' 'plain GET /a' "$(visit http://example.test/a)"
expect_equal 'what is not for strangers, before' 403 "$(visit -o /dev/null -w '%{http_code}' http://example.test/local)"
for family in 4 6; do
  visit -m 60 -$family -o $lab/got.$family "http://$([ $family = 4 ] && echo $host4 || echo "[$host6]")/large" &
  visitors[family]=$!
done
sleep 0.5

"${as_worker_command[@]}" $bin/certlatch renew > $lab/log/run 2>&1 < /dev/null &
worker_pid=$!
wait_until 'the lease' nft list table inet certlatch
expect_equal 'a visitor during the lease' '307 https://example.test/a?b=c%20d&e=/../' "$(status_of 'http://example.test/a?b=c%20d&e=/../')"
expect_equal 'over IPv6' "307 https://[$host6]/a" "$(visit6 -o /dev/null -w '%{http_code} %{redirect_url}')"
expect_equal 'who follows' 'safe GET /a?b=c%20d' "$(visit -L 'http://example.test/a?b=c%20d')"
expect_equal 'who posts' 'safe POST /form' "$(visit -L -d name=value http://example.test/form)"
expect_equal "another client's challenge" "307 https://example.test/.well-known/acme-challenge/xyz" \
  "$(status_of http://example.test/.well-known/acme-challenge/xyz)"
expect_equal 'what is not for strangers' '403' "$(visit -L -o /dev/null -w '%{http_code}' http://example.test/local)"
expect_equal 'a host that is none' '404 ' "$(status_of -H 'Host: a/b' http://example.test/)"
expect_equal 'no host at all' '404 ' "$(status_of -0 -H 'Host:' http://example.test/)"
nft list table inet certlatch > /dev/null || fail 'the lease was over too early for this test'
kill -0 "${visitors[4]}" "${visitors[6]}" || fail 'the slow visitors were not there any more'
end $worker_pid
wait_until 'the ruleset from before' ruleset_is "$before"
expect_equal 'a visitor after the lease' 'plain GET /a' "$(visit http://example.test/a)"
for family in 4 6; do
  wait "${visitors[family]}" || fail "the visitor over IPv$family who was there before was disturbed"
  cmp -s $lab/large $lab/got.$family || fail "the visitor over IPv$family got something else"
done

# A relay on the high port instead of the responder.
perl -MIO::Socket::IP -MIO::Select -e '
  my $l = IO::Socket::IP->new(LocalHost => "::", LocalPort => 8080, V6Only => 0, Listen => 5, ReuseAddr => 1) or die $!;
  while (my $v = $l->accept) {
    my $s = IO::Socket::IP->new(PeerHost => "127.0.0.1", PeerPort => 80) or die $!;
    my $both = IO::Select->new($v, $s);
    TURN: while (1) { for my $from ($both->can_read) {
      sysread($from, my $bytes, 4096) or last TURN;
      syswrite($from == $v ? $s : $v, $bytes); } }
  }' &
relay_pid=$!
wait_until 'the relay' "$door" probe 127.0.0.1 8080
say open:http:30 hold
wait_until 'the lease' grep -q '^open: lease' $lab/log/say
expect_equal 'what is not for strangers, through a relay' 200 "$(visit -o /dev/null -w '%{http_code}' http://example.test/local)"
end $say_pid $relay_pid

# A site without HTTPS.
printf '%s\n' 'pid /run/nginx.pid;' 'events { }' 'http { server { listen 80; return 200 plain; } }' > /etc/nginx/nginx.conf
/usr/sbin/nginx -s reload 2> /dev/null
wait_until 'nginx to let go of 443' https_is_refused
"${as_worker_command[@]}" $bin/certlatch renew --force > $lab/log/run 2>&1 < /dev/null &
worker_pid=$!
wait_until 'the lease' nft list table inet certlatch
expect_equal 'a visitor of a site without HTTPS' '503 ' "$(status_of http://example.test/a)"
visit -D - -o /dev/null http://example.test/a | grep -qi '^retry-after: 10' || fail 'it is not said when to come again'
