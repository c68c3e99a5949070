# SPDX-License-Identifier: MIT
# random_ruleset.pl SEED: a ruleset for nft, of chains in the hooks that a connection from outside passes, with rules of
# which some match it, some do not, and some depend on its address. Loopback and IPv6's neighbour discovery stay alive.
use strict;
use warnings;
srand($ARGV[0]);

sub one { $_[rand @_] }
my @matches = (
  'tcp dport 80', 'tcp dport 8080', 'tcp dport { 22, 80 }', 'tcp dport { 443, 8000-8100 }', 'tcp dport != 22', 'tcp dport 1-1023',
  'tcp dport != { 80, 8080 }', 'tcp dport @ports', 'th dport 8080', 'iifname "eth0"', 'iifname "wlan*"', 'iifname { "eth0", "eth1" }',
  'iif "lo"', 'meta l4proto tcp', 'meta l4proto udp', 'meta l4proto { udp, tcp }', 'ip protocol tcp', 'meta nfproto ipv6', 'ip version 4',
  'ct state new', 'ct state established,related', 'ct state invalid', 'ct state { new, untracked }', 'ct state != new',
  'ct status dnat', 'ct status & snat == snat', 'ct direction original', 'meta mark 0', 'meta mark & 0xff == 0x50', 'meta mark 1-9',
  'fib daddr type local', 'fib saddr type local', 'fib saddr . iif oif missing', 'tcp flags & (fin | syn | ack) == syn',
  'tcp flags & (syn | rst) == (syn | rst)', 'ip frag-off & 0x1fff != 0', 'iifname . tcp dport { "eth0" . 80, "eth0" . 8080 }',
  'meta protocol ip', 'meta pkttype host', 'ip saddr 10.77.0.0/24', 'ip saddr 192.0.2.1', 'ip6 saddr fd77::1', 'ip ttl > 1',
  'meta nfproto . th dport { ipv4 . 80, ipv6 . 8080 }', 'exthdr frag exists');
my @maps = (
  'ct state vmap { established : accept, invalid : %s, new : %s }', 'tcp dport vmap { 22 : accept, 80 : %s, 8000-9000 : %s }',
  'meta l4proto vmap { tcp : %s, udp : %s }', 'iifname vmap { "eth0" : %s, "eth1" : %s }', 'tcp dport vmap { 443 : %s, * : %s }',
  'ip saddr vmap { 10.77.0.1 : %s, 10.77.0.9 : %s }', 'meta nfproto . tcp dport vmap { ipv4 . 80 : %s, ipv6 . 8080 : %s }');

my %jumps = (a => [qw(b c)], b => ['c'], c => []);

sub verdict {
  my ($chain) = @_;
  my @targets = $chain eq 'base' ? qw(a b c) : @{ $jumps{$chain} };
  my @verdicts = ('accept', 'accept', 'drop', 'drop', 'return', 'continue');
  push @verdicts, map { ("jump $_", "jump $_", "goto $_") } @targets;
  return one(@verdicts);
}

sub rules {
  my ($chain, $most) = @_;
  my $text = '';
  for (1 .. int rand($most + 1)) {
    if (rand() < 0.2) {
      $text .= sprintf("    " . one(@maps) . "\n", verdict($chain), verdict($chain));
      next;
    }
    my @parts = map { one(@matches) } 1 .. int rand 3;
    $text .= '    ' . join(' ', @parts, verdict($chain)) . "\n";
  }
  return $text;
}

sub base {
  my ($name, $hook, $priority) = @_;
  my $device = $hook eq 'output' ? 'oifname' : 'iifname';
  return "  chain $name {\n    type filter hook $hook priority $priority; policy " . one('accept', 'accept', 'drop') . ";\n"
    . "    $device \"lo\" accept\n    meta l4proto ipv6-icmp accept\n" . rules('base', 4) . "  }\n";
}

print "flush ruleset\ntable inet t {\n  set ports { type inet_service; flags interval; elements = { 70-90, 8443 }; }\n";
print "  chain $_ {\n", rules($_, 3), "  }\n" for qw(c b a);
print base('input', 'input', one(-150, 0, 10));
print base('second', 'input', one(-300, 5, 100)) if rand() < 0.4;
print base('early', 'prerouting', one(-300, -150, 0)) if rand() < 0.3;
print base('late', 'output', 0) if rand() < 0.2;
print "}\n";
